from datetime import datetime

from django import forms

from notices.models import Notice
from notices.querysets import NoticeQuerySet


class ReleaseForm(forms.Form):
    """The held letters that were ticked in the list."""

    letters = forms.ModelMultipleChoiceField(
        queryset=Notice.objects.none(),
        error_messages={
            "required": "Tick at least one letter.",
            "invalid_choice": "One of these letters is no longer held. The list has been brought up to date.",
            "invalid_pk_value": "That is not a letter of this list.",
        },
    )

    def __init__(self, *args: object, held: NoticeQuerySet, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["letters"].queryset = held  # type: ignore[attr-defined]


class TryAgainForm(forms.Form):
    """Which mails are tried again: those of a template that had failed when the page was shown."""

    template = forms.CharField(max_length=120, widget=forms.HiddenInput)
    seen = forms.CharField(max_length=40, widget=forms.HiddenInput)

    def clean_seen(self) -> datetime:
        try:
            moment = datetime.fromisoformat(self.cleaned_data["seen"])
        except ValueError as problem:
            raise forms.ValidationError("That is not a moment.") from problem
        if moment.tzinfo is None or not 2000 <= moment.year <= 2100:
            raise forms.ValidationError("That is not a moment.")
        return moment


class WithdrawForm(forms.Form):
    why = forms.CharField(label="Why?", required=False, max_length=300, help_text="Kept with the mail, for colleagues.")
