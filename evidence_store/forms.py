"""The public search form and the forms of the staff area."""

from hashlib import sha256
from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator
from django.db.models import Q

from evaluations.models import Evaluation
from evidence_store import search
from evidence_store.actions.entries import RESERVED
from evidence_store.choices import Axis
from evidence_store.models import Entry, Finding, Outcome, Rating, RatingLevel, Review
from people.models import Person
from programmes.forms import SensibleMomentField

FEW_ROWS = forms.Textarea(attrs={"rows": 3})
SOME_ROWS = forms.Textarea(attrs={"rows": 5})


LONGEST_TEXT = 20_000


class SearchForm(forms.Form):
    q = forms.CharField(label="Search the evidence", required=False, widget=forms.SearchInput)
    sort = forms.CharField(required=False)

    def clean_q(self) -> str:
        return search.clean_words(self.cleaned_data["q"])

    def clean_sort(self) -> str:
        wanted = self.cleaned_data["sort"]
        return wanted if wanted in search.SORTS else ""

    def chosen(self) -> dict[str, set[str]]:
        """Values of facets as asked for; those that nobody may choose are left out by the search."""
        query = self.data
        return {name: set(query.getlist(name)[:50]) if hasattr(query, "getlist") else set() for name in search.FACETS}


class SynonymsField(forms.CharField):
    """One a line on the page, a list in the record."""

    widget = FEW_ROWS

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = [" ".join(line.split()) for line in str(value or "").splitlines()]
        return list(dict.fromkeys(line for line in lines if line))

    def validate(self, value: Any) -> None:
        if any(len(line) > 120 for line in value):
            raise forms.ValidationError(
                "One of these is longer than 120 characters. Put each name on a line of its own."
            )

    def run_validators(self, value: Any) -> None:
        """The lines have been checked one by one."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(data) != list(initial or [])


class EntryForm(forms.ModelForm):
    synonyms = SynonymsField(label="Other names", required=False, help_text="One on each line: acronyms, former names.")
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Entry
        fields = (
            "title",
            "synonyms",
            "summary",
            "what_it_is",
            "how_it_works",
            "who_it_is_for",
            "where_studied",
            "in_england",
            "costs",
            "limits",
            "themes",
            "programmes",
            "evaluations",
            "reviewed_on",
            "next_review_on",
        )
        labels = {
            "what_it_is": "What it is",
            "how_it_works": "How it is meant to work",
            "who_it_is_for": "Who it is for",
            "where_studied": "Where it was studied",
            "in_england": "What it means for England",
            "limits": "What we do not know",
            "reviewed_on": "Last reviewed on",
            "next_review_on": "Next review by",
        }
        help_texts = {
            "summary": "Two or three sentences for a busy person. Do not write of a result that is still held back.",
            "evaluations": "Those in our register that study this practice. Only public ones are shown.",
        }
        widgets = dict.fromkeys(
            ("summary", "what_it_is", "how_it_works", "in_england", "limits"), SOME_ROWS
        ) | dict.fromkeys(("who_it_is_for", "where_studied", "costs"), FEW_ROWS)

    def __init__(self, *args: Any, person: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["evaluations"].queryset = Evaluation.objects.visible_to(person).order_by("title")  # type: ignore[attr-defined]
        limit_texts(self)
        self.seen = self.instance.updated_at if self.instance.pk else None
        self.mark = sha256(str(self.seen).encode()).hexdigest()[:20]
        self.fields["version"].initial = self.mark

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.instance.pk and cleaned.get("version") not in ("", self.mark):
            # The page that comes back is a fresh one: saving it again is a decision.
            sent: Any = self.data.copy()  # type: ignore[attr-defined]
            sent[self.add_prefix("version")] = self.mark
            self.data = sent
            raise forms.ValidationError(
                "Somebody else changed this entry after you opened the page. What you wrote is still below: "
                "open the entry in a second tab, compare, and save again."
            )
        reviewed, following = cleaned.get("reviewed_on"), cleaned.get("next_review_on")
        if reviewed and following and following <= reviewed:
            self.add_error("next_review_on", "The next review must come after the last one.")
        return cleaned


class RenameForm(forms.Form):
    slug = forms.SlugField(
        label="New address", max_length=120, help_text="Small letters, figures and hyphens. The old address leads here."
    )

    def clean_slug(self) -> str:
        if self.cleaned_data["slug"] in RESERVED:
            raise forms.ValidationError("Another page has this address.")
        return self.cleaned_data["slug"]


def limit_texts(form: forms.ModelForm) -> None:
    """A text without a length in its model gets one here, so that a whole report pasted in comes back with a sentence."""
    for field in form.fields.values():
        if isinstance(field, forms.CharField) and isinstance(field.widget, forms.Textarea) and field.max_length is None:
            field.max_length = LONGEST_TEXT
            field.validators.append(MaxLengthValidator(LONGEST_TEXT))


class FindingForm(forms.ModelForm):
    class Meta:
        model = Finding
        fields = ("outcome", "population", "comparator", "note")
        labels = {"population": "Among whom", "comparator": "Compared with", "note": "What readers should know"}
        widgets = {"population": FEW_ROWS, "note": FEW_ROWS}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limit_texts(self)


class OutcomeForm(forms.ModelForm):
    class Meta:
        model = Outcome
        fields = ("name", "slug", "polarity", "meaning")
        widgets = {"meaning": FEW_ROWS}


class LevelChoice(forms.ModelChoiceField):
    def label_from_instance(self, level: RatingLevel) -> str:
        number = "" if level.number is None else f" ({level.number})"
        return f"{level.label}{number}, {level.scheme}"


class RatingForm(forms.Form):
    evaluation = forms.ModelChoiceField(
        label="Evaluation whose result this takes in", queryset=Evaluation.objects.none(), required=False
    )
    review = forms.ModelChoiceField(label="Review it rests on", queryset=Review.objects.none(), required=False)
    effect = LevelChoice(
        label="Overall effect", queryset=RatingLevel.objects.none(), required=False, empty_label="Not rated"
    )
    strength = LevelChoice(
        label="Strength of evidence", queryset=RatingLevel.objects.none(), required=False, empty_label="Not rated"
    )
    studies = forms.IntegerField(label="Number of studies", required=False, min_value=0, max_value=32767)
    assessed_on = forms.DateField(label="Day of the judgement", required=False, widget=forms.DateInput)
    assessor = forms.CharField(
        label="Who judged", required=False, max_length=200, help_text="The office or body, not a name."
    )
    reason = forms.CharField(
        label="Reason",
        widget=SOME_ROWS,
        max_length=20000,
        help_text="Why this rating. For a changed one: what changed and why.",
    )
    public_from = SensibleMomentField(
        label="Public from",
        required=False,
        widget=forms.DateTimeInput,
        help_text="UK time. Leave it empty to publish now. Until then the rating before it stands, everywhere.",
    )

    def __init__(self, *args: Any, finding: Finding, person: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        levels = RatingLevel.objects.select_related("scheme").filter(Q(scheme__valid_until__isnull=True))
        self.fields["effect"].queryset = levels.filter(axis=Axis.EFFECT).order_by("-order")  # type: ignore[attr-defined]
        self.fields["strength"].queryset = levels.filter(axis=Axis.STRENGTH).order_by("-order")  # type: ignore[attr-defined]
        self.fields["evaluation"].queryset = Evaluation.objects.visible_to(person).order_by("title")  # type: ignore[attr-defined]
        self.fields["review"].queryset = Review.objects.order_by("title", "year")  # type: ignore[attr-defined]
        now: Rating | None = finding.ratings.newest_first().first()
        if now and not self.is_bound:
            self.initial = {
                **self.initial,
                "effect": now.effect_id,
                "strength": now.strength_id,
                "studies": now.studies,
                "review": now.review_id,
            }


class PublishForm(forms.Form):
    at = SensibleMomentField(
        label="Public from",
        required=False,
        widget=forms.DateTimeInput,
        help_text="UK time. Leave it empty to publish now.",
    )


class SupersedeForm(forms.Form):
    successor = forms.ModelChoiceField(label="Replaced by", queryset=Entry.objects.none())
    reason = forms.CharField(label="Why", widget=FEW_ROWS, max_length=5000, help_text="Readers see it.")

    def __init__(self, *args: Any, entry: Entry, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["successor"].queryset = Entry.objects.current().exclude(pk=entry.pk)  # type: ignore[attr-defined]


class WithdrawForm(SupersedeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["successor"].required = False
        self.fields["successor"].label = "Read instead"
