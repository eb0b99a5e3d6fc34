"""Input about partnerships, what they owe and what they report, understood but not decided."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import QueryDict
from django.utils import timezone
from django.utils.timezone import localdate

from lifecycle.texts import base_of, tidy
from programmes.actions.drafts import refuse_details_of_a_child, texts_of
from programmes.actions.obligations import moment_on
from programmes.choices import ObligationKind
from programmes.models import REPORT_FIELDS, REPORT_TEXTS, Partnership, Report

EARLIEST = date(2000, 1, 1)
LATEST = date(2100, 1, 1)


def sensible(day: date) -> date:
    if not EARLIEST <= day <= LATEST:
        raise ValidationError("Enter a day between the years 2000 and 2100.")
    return day


class SensibleDateField(forms.DateField):
    def clean(self, value: Any) -> date | None:
        day = super().clean(value)
        return sensible(day) if day else day


class SensibleMomentField(forms.DateTimeField):
    """A moment in UK time that happens once: not within the hour that the clocks skip or go through twice."""

    def to_python(self, value: Any) -> datetime | None:
        try:
            moment = super().to_python(value)
        except ValidationError as refused:
            if getattr(refused, "code", "") != "ambiguous_timezone":
                raise
            said = "The clocks change at that time, so it happens twice or not at all. Choose a time from 2:30am to midnight."
            raise ValidationError(said, code="clocks_change") from refused
        if moment is not None:
            sensible(moment.date())
        return moment


class TermsForm(forms.Form):
    terms = forms.CharField(
        label="Terms of the agreement",
        max_length=20000,
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text="What each side does, from when to when, what is published, how either side can end it. The partner’s leads are told by e-mail.",
    )


class SignatureForm(forms.Form):
    office = forms.CharField(
        label="Office that signs",
        max_length=150,
        help_text="For example: Director of Children’s Services. We record the office, not a person’s name.",
    )
    agreed = forms.BooleanField(label="I may sign for this organisation, and we agree to these terms")
    read = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def clean_read(self) -> datetime | None:
        """When the terms on the page had been sent; nothing where that cannot be told."""
        try:
            return datetime.fromisoformat(self.cleaned_data["read"])
        except ValueError:
            return None


class SignedElsewhereForm(forms.Form):
    office = forms.CharField(
        label="Office that signed", max_length=150, help_text="For example: Director of Children’s Services."
    )
    on = SensibleDateField(label="Day of signature")

    def clean_on(self) -> date:
        if self.cleaned_data["on"] > localdate():
            raise ValidationError("The day of signature cannot lie in the future.")
        return self.cleaned_data["on"]


class StartForm(forms.Form):
    on = SensibleDateField(label="First day", initial=localdate)
    ends_on = SensibleDateField(label="Last day agreed so far", required=False)

    def clean(self) -> dict[str, Any]:
        clean = super().clean() or self.cleaned_data
        if clean.get("on") and clean.get("ends_on") and clean["ends_on"] < clean["on"]:
            self.add_error("ends_on", "The last day lies before the first day.")
        return clean


class ReasonForm(forms.Form):
    why = forms.CharField(label="Why", max_length=2000, widget=forms.Textarea(attrs={"rows": 4}))


class CompleteForm(forms.Form):
    on = SensibleDateField(label="Last day of the partnership", initial=localdate)


class LeaveForm(forms.Form):
    withdrew = forms.TypedChoiceField(
        label="Who ended it",
        choices=(("yes", "The partner withdrew"), ("no", "The centre ended it")),
        coerce=lambda answer: answer == "yes",
        widget=forms.RadioSelect,
    )
    on = SensibleDateField(label="From which day", initial=localdate)
    reason = forms.CharField(
        label="Reason, in words that can be published",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="It stands on the partner’s page. The partnership stays in the record.",
    )


class AnnounceForm(forms.Form):
    on = SensibleDateField(label="Day of the announcement", initial=localdate)
    at = forms.TimeField(
        label="Time (UK)",
        initial="09:30",
        widget=forms.TimeInput(attrs={"type": "time"}),
        error_messages={"invalid": "Give a time, such as 09:30."},
    )
    at_once = forms.BooleanField(
        label="If this moment has passed: make it public at once",
        help_text="What has been public cannot be made unseen.",
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        clean = super().clean() or self.cleaned_data
        if clean.get("on") and clean.get("at"):
            moment = moment_on(clean["on"], clean["at"])
            there_and_back = moment.astimezone(UTC).astimezone(moment.tzinfo)
            if there_and_back.replace(tzinfo=None) != datetime.combine(clean["on"], clean["at"]):
                self.add_error("at", "This time does not exist on that day, because the clocks change. Choose another.")
            elif moment.utcoffset() != moment.replace(fold=1).utcoffset():
                self.add_error("at", "This time comes twice on that day, because the clocks change. Choose another.")
            if moment <= timezone.now() and not clean.get("at_once") and "at" not in self.errors:
                self.add_error(
                    "at", "This moment has passed. Choose a later one, or tick the box below to make it public at once."
                )
            clean["moment"] = moment
        return clean


class ObligationForm(forms.Form):
    kind = forms.ChoiceField(label="What is owed", choices=ObligationKind.choices)
    title = forms.CharField(label="Title, as the partner reads it", max_length=200)
    guidance = forms.CharField(
        label="What we expect", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    due_on = SensibleDateField(label="Due on", help_text="By five in the afternoon, UK time.")

    @property
    def due_at(self) -> datetime:
        return moment_on(self.cleaned_data["due_on"])


class ScheduleForm(forms.Form):
    first_on = SensibleDateField(label="First report due on", help_text="By five in the afternoon, UK time.")
    every_months = forms.IntegerField(label="Months between reports", min_value=1, max_value=24, initial=3)
    how_many = forms.IntegerField(label="How many reports", min_value=1, max_value=24, initial=4)


class MoveDateForm(forms.Form):
    due_on = SensibleDateField(label="New date", help_text="By five in the afternoon, UK time.")
    why = forms.CharField(
        label="Why it moves",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The partner sees this.",
    )

    @property
    def due_at(self) -> datetime:
        return moment_on(self.cleaned_data["due_on"])


class QuestionForm(forms.Form):
    text = forms.CharField(
        label="Your question",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="The partner receives it by e-mail and can send a new version, filled with what they sent.",
    )


# What a report tells, in the order in which it is read. Each part ends with a button that saves what is on the page.
REPORT_PARTS = (
    ("What happened", ("activity", "families_reached", "staff_involved")),
    ("What you learned", ("learning", "changes")),
    ("What comes next", ("risks", "help_needed", "next_steps")),
)


class ReportForm(forms.ModelForm):
    """A draft may be stored with gaps; what is missing is said when it is sent."""

    base_version = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Report
        fields = REPORT_FIELDS
        widgets = {name: forms.Textarea(attrs={"rows": 6, "data-word-limit": 600}) for name in REPORT_TEXTS}
        help_texts = {
            "activity": "In a few paragraphs. Write about the work, never about a child or family who could be recognised.",
            "families_reached": "A total. Leave it empty if it is under 5, and say “fewer than 5” in the text.",
            "staff_involved": "A total.",
            "changes": "What you do differently from the plan, and what made you change it.",
            "help_needed": "From the centre, or from another partner.",
        }

    def __init__(self, data: QueryDict | None = None, *, instance: Report) -> None:
        initial = {"base_version": base_of(texts_of(instance))}
        super().__init__(tidied(data) if data is not None else None, instance=instance, initial=initial)
        for name in REPORT_TEXTS:
            self.fields[name].validators.append(MaxLengthValidator(20000))

    def clean(self) -> dict[str, Any]:
        clean = super().clean() or self.cleaned_data
        for name in REPORT_TEXTS:
            try:
                refuse_details_of_a_child(clean.get(name) or "")
            except ValidationError as found:
                self.add_error(name, found)
        return clean

    def texts(self) -> dict[str, str]:
        """What was sent and can be stored. A field that is wrong leaves the others alone; one that was not sent is not emptied."""
        known = {name: self.cleaned_data[name] for name in REPORT_FIELDS if name in self.cleaned_data}
        return {name: "" if value is None else str(value) for name, value in known.items() if name in self.data}

    def typed(self) -> dict[str, str]:
        """Every field of the report as it was sent, right or wrong."""
        return {name: self.data[name] for name in REPORT_FIELDS if name in self.data}

    def rebase(self, texts: Mapping[str, str]) -> None:
        """The page now knows what is stored: sending it again is a decision, not an accident."""
        self.data = tidied(cast("QueryDict", self.data))
        self.data["base_version"] = base_of(texts)

    def parts(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(title, [self[name] for name in names]) for title, names in REPORT_PARTS]


def tidied(data: QueryDict) -> QueryDict:
    """What was sent, without what no text can hold: a refusal would lose a page of work."""
    copy = data.copy()
    for name in REPORT_FIELDS:
        if name in copy:
            copy[name] = tidy(str(copy[name]))
    return copy


def chosen_partnerships(identifiers: list[str], choices: Any) -> list[Partnership]:
    """Those of ``choices`` whose numbers were ticked; anything that is not a number of one of them is ignored."""
    wanted = {int(identifier) for identifier in identifiers if identifier.isdecimal() and len(identifier) < 19}
    return [partnership for partnership in choices if partnership.pk in wanted]
