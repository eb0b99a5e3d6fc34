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
    """Which mails were looked at before they are all tried again: those of a template, up to the newest that was shown."""

    template = forms.CharField(max_length=120, widget=forms.HiddenInput)
    newest = forms.IntegerField(min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)


class WithdrawForm(forms.Form):
    why = forms.CharField(label="Why?", required=False, max_length=300, help_text="Kept with the mail, for colleagues.")
