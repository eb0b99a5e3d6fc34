"""Writing a call, a step at a time."""

import hashlib
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.forms.models import model_to_dict

from calls.choices import CallKind, QuestionKind
from calls.forms.texts import DayField, MomentField, UnfinishedForm, WordsField, is_past
from calls.models import MOST_GRACE, Call, Criterion, Question
from partners.choices import APPLICANT_KINDS, Grade
from programmes.models import Programme, Strand, Wave


class StepForm(UnfinishedForm, forms.ModelForm):
    """A step of a call. It notices when a colleague changed the same step in the meantime, and then shows both."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mark_what_is_needed()
        self.stored = self._mark()
        self.initial["seen"] = self.stored
        # Filled in when the page was stale: what is stored now, by the name of each field that differs.
        self.theirs: list[tuple[str, str]] = []

    def _mark(self) -> str:
        names = [name for name in self._meta.fields or [] if name in self.fields]
        values = model_to_dict(self.instance, names)
        said = DjangoJSONEncoder(sort_keys=True, default=str).encode({name: str(values.get(name)) for name in names})
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.instance.pk and self.data.get(self.add_prefix("seen"), "") not in {"", self.stored}:
            self._show_both()
        return values

    def _show_both(self) -> None:
        for name in self.changed_data:
            if name != "seen" and name in self.initial:
                self.theirs.append((str(self.fields[name].label or name), self[name].initial))
        # Sending the page again means that this person has seen what the colleague wrote.
        self.data = self.data.copy()
        self.data[self.add_prefix("seen")] = self.stored
        raise ValidationError(
            "A colleague changed this page after you opened it. Nothing was overwritten: what is saved now is shown above "
            "your version. Send the page again to save yours.",
            code="stale",
        )

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "seen"}


class BeginForm(forms.Form):
    fields: dict[str, Any]
    programme = forms.ModelChoiceField(Programme.objects.none(), empty_label="Choose a programme")
    title = WordsField(max_length=200, label="Title of the call")
    kind = forms.ChoiceField(
        choices=CallKind.choices, initial=CallKind.PARTNERS, widget=forms.RadioSelect, label="What is it?"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["programme"].queryset = Programme.objects.order_by("name")


class AboutForm(StepForm):
    needed_in_the_end = ("purpose", "offered", "asked", "contact_email")

    title = WordsField(max_length=200, label="Title")
    purpose = WordsField(rows=6, help_text="Why this call, and what it sets out to learn.", required=False)
    gap = WordsField(
        rows=3,
        label="The gap in the evidence",
        help_text="What is not known today and will be, if this call goes well.",
        required=False,
    )
    offered = WordsField(
        rows=5, label="What partners receive", help_text="Support, money, evaluation, time.", required=False
    )
    asked = WordsField(rows=5, label="What is asked of partners", required=False)
    consultation = WordsField(
        rows=4,
        label="Who was consulted",
        help_text="Whom you asked about this call before it opens, and what changed because of it. It is published.",
        required=False,
    )
    contact_email = forms.EmailField(
        label="Address for questions", help_text="A mailbox that several people read.", required=False
    )

    class Meta:
        model = Call
        fields = ("title", "strand", "wave", "purpose", "gap", "offered", "asked", "consultation", "contact_email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, model in (("strand", Strand), ("wave", Wave)):
            self.fields[name].queryset = model.objects.filter(programme=self.instance.programme_id)
            self.fields[name].required = False


class EligibilityForm(StepForm):
    needed_in_the_end = ("who_may_apply",)

    who_may_apply = WordsField(rows=5, label="Who may apply, in words", required=False)
    eligible_kinds = forms.MultipleChoiceField(
        choices=[(kind.value, kind.label) for kind in APPLICANT_KINDS],
        widget=forms.CheckboxSelectMultiple,
        label="Kinds of organisation that may apply",
        help_text="Tick none to leave it open to all.",
        required=False,
    )
    eligible_grades = forms.MultipleChoiceField(
        choices=[choice for choice in Grade.choices if choice[0] != Grade.NOT_JUDGED],
        widget=forms.CheckboxSelectMultiple,
        label="Overall Ofsted grades",
        help_text="Tick none to leave it open to all grades. Trusts are looked up through the authorities that they serve.",
        required=False,
    )
    eligible_on = DayField(
        label="Day on which this is looked up",
        help_text="Leave it empty to look it up on the day on which somebody starts to apply.",
        required=False,
    )

    class Meta:
        model = Call
        fields = ("who_may_apply", "eligible_kinds", "eligible_grades", "eligible_on")

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if values.get("eligible_grades") and not values.get("eligible_on"):
            self.add_error("eligible_on", "Grades change. Name the day on which the grade counts.")
        return values


class DatesForm(StepForm):
    needed_in_the_end = ("opens_at", "closes_at")

    opens_at = MomentField(
        label="Opens (UK time)",
        help_text="Before this moment people can read the call, once it is published.",
        required=False,
    )
    closes_at = MomentField(
        label="Closes (UK time)",
        help_text="Nothing is accepted from this moment on. 5:00pm on a working day is kind.",
        required=False,
    )
    grace_seconds = forms.IntegerField(
        label="Seconds that a sending under way has after closing",
        help_text="0 is usual. Whoever opened the page to send before the closing moment may still arrive that much later, and is "
        "marked as late. It stands on the public page. Writing ends at the closing moment all the same.",
        min_value=0,
        max_value=MOST_GRACE,
        required=False,
    )
    questions_until = MomentField(label="Questions are taken until (UK time)", required=False)
    places = forms.IntegerField(
        label="Number of places",
        help_text="Up to how many. Leave it empty where there is no fixed number.",
        min_value=1,
        max_value=1000,
        required=False,
    )
    assessors_each = forms.IntegerField(label="Assessors for each application", min_value=1, max_value=5)
    respond_within_days = forms.IntegerField(
        label="Days that a partner has to answer an offer", min_value=1, max_value=90
    )

    class Meta:
        model = Call
        fields = (
            "opens_at",
            "closes_at",
            "grace_seconds",
            "questions_until",
            "places",
            "places_unit",
            "assessors_each",
            "respond_within_days",
        )

    def clean_grace_seconds(self) -> int:
        return self.cleaned_data["grace_seconds"] or 0

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        opens, closes, until = values.get("opens_at"), values.get("closes_at"), values.get("questions_until")
        if opens and closes and closes <= opens:
            self.add_error("closes_at", "The call must close after it opens.")
        if closes and is_past(closes) and "closes_at" not in self.errors:
            self.add_error("closes_at", "This moment has passed. Choose a later one.")
        if until and closes and until > closes:
            self.add_error("questions_until", "Questions cannot be taken after the call has closed.")
        return values


class QuestionForm(StepForm):
    section = WordsField(
        max_length=100, label="Section", help_text="The heading under which it stands. Each section is one page."
    )
    text = WordsField(max_length=300, label="Question")
    guidance = WordsField(rows=4, help_text="What a good answer covers.", required=False)
    kind = forms.ChoiceField(
        choices=QuestionKind.choices, widget=forms.RadioSelect, label="Kind of answer", initial=QuestionKind.LONG_TEXT
    )
    word_limit = forms.IntegerField(
        label="Word limit", help_text="For answers in words.", min_value=1, max_value=5000, required=False
    )
    is_required = forms.BooleanField(label="It must be answered before the application can be sent", required=False)

    class Meta:
        model = Question
        fields = ("section", "text", "guidance", "kind", "word_limit", "is_required")

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if values.get("kind") in {QuestionKind.NUMBER, QuestionKind.YES_NO}:
            values["word_limit"] = None
        return values


class CriterionForm(StepForm):
    name = WordsField(max_length=150, label="Criterion")
    guidance = WordsField(rows=4, help_text="What a mark of 4 and a mark of 0 look like.", required=False)
    weight = forms.IntegerField(
        label="Weight", help_text="Twice the weight counts twice as much.", min_value=1, max_value=100, initial=1
    )

    class Meta:
        model = Criterion
        fields = ("name", "guidance", "weight")


class PublishForm(forms.Form):
    public_from = MomentField(
        label="Readable by the public from (UK time)", help_text="Leave it empty to publish now.", required=False
    )


class ExtendForm(forms.Form):
    until = MomentField(label="New closing moment (UK time)")
    reason = WordsField(
        rows=3,
        max_length=2000,
        help_text="Everybody sees it: on the page of the call and in the mail to all who have started.",
    )
    seen_version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, call: Call, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.call = call
        self.fields["seen_version"].initial = call.closes_version

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if self.call.closes_at and until <= self.call.closes_at:
            raise ValidationError(
                "A call is never closed earlier than announced. Choose a moment after the present one."
            )
        if is_past(until):
            raise ValidationError("This moment has passed. Choose a later one.")
        return until


class MorePlacesForm(forms.Form):
    places = forms.IntegerField(label="New number of places", max_value=1000)
    reason = WordsField(
        rows=3,
        max_length=2000,
        help_text="Everybody sees it: on the page of the call and, while it is open, in the mail to all who have started.",
    )
    seen_places = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, call: Call, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.call = call
        self.fields["seen_places"].initial = call.places

    def clean_places(self) -> int:
        places = self.cleaned_data["places"]
        if places <= (self.call.places or 0):
            raise ValidationError(
                f"{self.call.places} were promised when the call was published. The number can be raised and never lowered."
            )
        return places


class CancelForm(forms.Form):
    reason = WordsField(rows=4, max_length=2000, help_text="Everybody sees it, and all who have started are told.")


class AnswerEnquiryForm(forms.Form):
    answer = WordsField(
        rows=6, max_length=10_000, help_text="It is published for everybody and sent to all who have started."
    )


class AskForm(forms.Form):
    text = WordsField(
        rows=5,
        max_length=5000,
        label="Your question",
        help_text="The question and our answer are published. Your name is not: leave out what would show who is asking.",
    )
