"""What staff and assessors type between the closing moment and the scores."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from calls.forms.texts import MomentField, WordsField
from calls.models import HIGHEST_MARK, Assessment, Criterion, Score
from people.models import Person

LONGEST_COMMENT = 5_000
ANCHORS = (
    "0: does not meet it",
    "1: meets little of it",
    "2: meets part of it",
    "3: meets most of it, small gaps",
    "4: meets all of it, with good evidence",
)
MARKS = [(str(mark), ANCHORS[mark]) for mark in range(HIGHEST_MARK + 1)]


class StartAssessmentForm(forms.Form):
    assess_by = MomentField(
        label="When should assessors have sent their scores?",
        help_text="UK time. Assessors see this moment in their list and in the mail that asks them.",
    )


class EligibilityForm(forms.Form):
    verdict = forms.ChoiceField(
        label="Is this application eligible?",
        choices=[("eligible", "Yes, it goes to assessors"), ("ineligible", "No, it is not eligible")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose whether it is eligible."},
    )
    reason = WordsField(label="If not: why", help_text="Kept by the centre.", required=False, rows=3, max_length=5_000)
    feedback = WordsField(
        label="If not: what the letter says",
        help_text="The applicant reads these words.",
        required=False,
        rows=4,
        max_length=10_000,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("verdict") == "ineligible":
            for name, words in (("reason", "Say why it is not eligible."), ("feedback", "Write what the letter says.")):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, words)
        return cleaned


class AssignForm(forms.Form):
    """The people who may assess one application. Who is in conflict is not among them."""

    people = forms.MultipleChoiceField(
        label="Who should assess it?",
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": "Choose at least one person.",
            "invalid_choice": "One of these people cannot assess it.",
        },
    )

    def __init__(self, *args: Any, people: Iterable[Person], load: dict[int, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_number = {str(person.pk): person for person in people}
        self.fields["people"].choices = [  # type: ignore[attr-defined]
            (number, f"{person.shown_name}: {load.get(person.pk, 0)} in this call")
            for number, person in self.by_number.items()
        ]

    @property
    def chosen(self) -> list[Person]:
        return [self.by_number[number] for number in self.cleaned_data["people"]]


class SuggestForm(forms.Form):
    most = forms.IntegerField(
        label="At most how many for each assessor?",
        help_text="Applications in this call, with those that they have already. Leave empty for no limit.",
        required=False,
        min_value=1,
        max_value=1000,
    )


class DeclarationForm(forms.Form):
    """Before anything of the application is shown."""

    NONE, CONFLICT, HAND_BACK = "none", "conflict", "hand_back"
    declaration = forms.ChoiceField(
        label="Do you have a conflict of interest with this application?",
        choices=[
            (NONE, "No, I have none and can assess it"),
            (CONFLICT, "Yes, I have a conflict of interest"),
            (HAND_BACK, "No, but I hand it back (no time, or not my area)"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Say whether you have a conflict of interest."},
    )
    words = WordsField(
        label="What the conflict is, or why you hand it back",
        help_text="Needed for the second and third answer. Read by the people who run the call.",
        required=False,
        rows=3,
        max_length=2_000,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if (
            cleaned.get("declaration") in (self.CONFLICT, self.HAND_BACK)
            and not cleaned.get("words")
            and "words" not in self.errors
        ):
            self.add_error("words", "Say in a few words why.")
        return cleaned


class DraftMark(forms.TypedChoiceField):
    """Needed before sending, and so not called optional; but a draft without it is kept."""

    def clean(self, value: Any) -> Any:
        return None if value in self.empty_values else super().clean(value)


class DraftWords(WordsField):
    def clean(self, value: Any) -> Any:
        return "" if not self.to_python(value) else super().clean(value)


class ScoreForm(forms.Form):
    """A mark and a comment for each criterion. Everything may stay empty while it is a draft."""

    use_required_attribute = False

    base_version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, assessment: Assessment, criteria: list[Criterion], **kwargs: Any) -> None:
        self.assessment, self.criteria = assessment, criteria
        kwargs.setdefault("initial", self._present(assessment, criteria))
        super().__init__(*args, **kwargs)
        for criterion in criteria:
            self.fields[f"mark_{criterion.pk}"] = DraftMark(
                label=f"Mark for {criterion.name}",
                choices=MARKS,
                widget=forms.RadioSelect,
                coerce=int,
                empty_value=None,
                error_messages={"invalid_choice": f"Choose a mark from 0 to {HIGHEST_MARK}."},
            )
            self.fields[f"comment_{criterion.pk}"] = DraftWords(
                label=f"Why: {criterion.name}",
                help_text="Point to what the application says.",
                rows=4,
                max_length=LONGEST_COMMENT,
            )
        self.fields["overall_comment"] = WordsField(
            label="Anything else for the panel", required=False, rows=4, max_length=LONGEST_COMMENT
        )

    @staticmethod
    def _present(assessment: Assessment, criteria: list[Criterion]) -> dict[str, Any]:
        present: dict[str, Any] = {"base_version": assessment.version, "overall_comment": assessment.overall_comment}
        scores: dict[int, Score] = {score.criterion_id: score for score in assessment.scores.all()}
        for criterion in criteria:
            if score := scores.get(criterion.pk):
                present[f"mark_{criterion.pk}"] = "" if score.mark is None else str(score.mark)
                present[f"comment_{criterion.pk}"] = score.comment
        return present

    @property
    def sections(self) -> list[tuple[Criterion, Any, Any]]:
        return [(one, self[f"mark_{one.pk}"], self[f"comment_{one.pk}"]) for one in self.criteria]

    def values(self, only: Iterable[str] | None = None) -> dict[str, Any]:
        """What ``save_scores`` takes; with ``only``, of these fields alone."""
        names = set(self.fields if only is None else only)
        marks = {one.pk: self.cleaned_data.get(f"mark_{one.pk}") for one in self.criteria if f"mark_{one.pk}" in names}
        comments = {
            one.pk: self.cleaned_data.get(f"comment_{one.pk}", "")
            for one in self.criteria
            if f"comment_{one.pk}" in names
        }
        overall = self.cleaned_data.get("overall_comment", "") if "overall_comment" in names else None
        return {"marks": marks, "comments": comments, "overall_comment": overall}


class ModerationForm(forms.Form):
    mark = forms.TypedChoiceField(
        label="The panel's mark",
        choices=MARKS,
        widget=forms.RadioSelect,
        coerce=int,
        error_messages={
            "required": "Choose the panel's mark.",
            "invalid_choice": f"Choose a mark from 0 to {HIGHEST_MARK}.",
        },
    )
    reason = WordsField(
        label="Why the panel gives this mark",
        rows=3,
        max_length=5_000,
        error_messages={"required": "Say why the panel gives this mark."},
    )


class TakeBackForm(forms.Form):
    reason = WordsField(label="Why", rows=2, max_length=2_000, error_messages={"required": "Say why it is taken back."})


def told(form: forms.Form, problem: ValidationError) -> None:
    """Put what an action refused into the form, so that nothing that was typed is lost."""
    form.add_error(None, problem)
