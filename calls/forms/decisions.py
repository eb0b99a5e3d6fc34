"""What staff type to decide and release, what applicants type to answer, and how the board is filtered."""

from typing import Any

from django import forms

from calls.choices import ApplicationStatus, Outcome
from calls.forms.texts import MomentField, WordsField
from partners.choices import Grade, OrganisationKind, Region


class DecisionForm(forms.Form):
    outcome = forms.ChoiceField(
        label="What is decided?",
        choices=Outcome.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose offer, reserve or no offer."},
    )
    reserve_rank = forms.IntegerField(
        label="Place on the reserve list",
        help_text="Only for a reserve. 1 is asked first.",
        required=False,
        min_value=1,
        max_value=999,
    )
    reason = WordsField(
        label="Reason", help_text="Kept by the centre; it can be disclosed.", rows=4, max_length=10_000,
        error_messages={"required": "Say why, for our own record."},
    )  # fmt: skip
    feedback = WordsField(
        label="Feedback",
        help_text="The applicant reads this in the letter. Needed for reserve and no offer.",
        required=False,
        rows=6,
        max_length=20_000,
    )
    over_places_reason = WordsField(
        label="Why more offers than places",
        help_text="Only if all places are offered already.",
        required=False,
        rows=2,
        max_length=2_000,
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        outcome = cleaned.get("outcome")
        if outcome == Outcome.RESERVE and not cleaned.get("reserve_rank") and "reserve_rank" not in self.errors:
            self.add_error("reserve_rank", "Give the place on the reserve list: 1 is asked first.")
        if outcome in (Outcome.RESERVE, Outcome.NO) and not cleaned.get("feedback") and "feedback" not in self.errors:
            self.add_error("feedback", "Write the feedback that the applicant will read in the letter.")
        return cleaned


class SeenForm(forms.Form):
    """The version of the decision that the page showed."""

    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class RespondByForm(forms.Form):
    respond_by = MomentField(
        label="Offers are to be answered by", help_text="UK time. It stands in every offer letter."
    )


class ReleaseForm(forms.Form):
    letters = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    looked = forms.BooleanField(
        label="I have looked at the letters and at who receives them",
        error_messages={"required": "Look at the letters first, then tick this box."},
    )


class DeclineForm(forms.Form):
    reason = WordsField(
        label="Why", rows=4, max_length=5_000, error_messages={"required": "Say in a few words why. It helps us plan."}
    )


class ExtendOfferForm(forms.Form):
    until = MomentField(label="The partner may answer until", help_text="UK time. Its leads get a mail.")
    reason = WordsField(
        label="Why", rows=2, max_length=2_000, error_messages={"required": "Say why the partner has longer."}
    )


class PromoteForm(forms.Form):
    until = MomentField(label="The offer is to be answered by", help_text="UK time. It stands in the letter.")
    reason = WordsField(
        label="Why this one",
        help_text="Needed when it is not the first on the reserve list. Kept by the centre.",
        required=False,
        rows=2,
        max_length=2_000,
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class BoardForm(forms.Form):
    """Filters of the board. A value that is not known is left out; it never empties the page by accident."""

    find = forms.CharField(label="Reference, organisation or practice", required=False, max_length=100)
    status = forms.ChoiceField(
        label="State",
        required=False,
        choices=[("", "All"), *[(one.value, one.label) for one in ApplicationStatus if one != ApplicationStatus.DRAFT]],
    )
    outcome = forms.ChoiceField(
        label="Decision", required=False, choices=[("", "All"), ("none", "None yet"), *Outcome.choices]
    )
    scores = forms.ChoiceField(
        label="Scores",
        required=False,
        choices=[
            ("", "All"),
            ("in", "All in"),
            ("waiting", "Waiting"),
            ("unsettled", "To moderate"),
            ("nobody", "No assessor"),
        ],
    )
    region = forms.ChoiceField(label="Region", required=False, choices=[("", "All"), *Region.choices])
    kind = forms.ChoiceField(
        label="Kind of organisation", required=False, choices=[("", "All"), *OrganisationKind.choices]
    )
    grade = forms.ChoiceField(label="Ofsted grade", required=False, choices=[("", "All"), *Grade.choices])
    load = forms.ChoiceField(
        label="Running partnerships",
        required=False,
        choices=[("", "Any number"), ("0", "None"), ("1", "One or more"), ("3", "Three or more")],
    )

    def wanted(self) -> dict[str, str]:
        self.is_valid()
        return {name: value for name, value in getattr(self, "cleaned_data", {}).items() if value}
