from datetime import datetime
from typing import Any

from django import forms
from django.utils.timezone import localdate

from newsroom.choices import PostKind
from programmes.actions.obligations import moment_on


class PostForm(forms.Form):
    title = forms.CharField(max_length=200)
    kind = forms.ChoiceField(label="Kind", choices=PostKind.choices)
    summary = forms.CharField(
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Two sentences, shown in lists and in the feed.",
    )
    body = forms.CharField(
        max_length=50000,
        widget=forms.Textarea(attrs={"rows": 18}),
        help_text="Plain text. A blank line begins a paragraph; a line that begins with ## is a heading; a line that begins with - is a point.",
    )
    author_role = forms.CharField(
        label="Written by (office)", max_length=150, required=False, help_text="For example: Executive Director."
    )


class ApproveForm(forms.Form):
    on = forms.DateField(label="Day", initial=localdate)
    at = forms.TimeField(label="Time (UK)", initial="09:30", widget=forms.TimeInput(attrs={"type": "time"}))

    def clean(self) -> dict[str, Any]:
        clean = super().clean() or self.cleaned_data
        if clean.get("on") and not 2000 <= clean["on"].year <= 2100:
            self.add_error("on", "Enter a day between the years 2000 and 2100.")
        return clean

    @property
    def moment(self) -> datetime:
        return moment_on(self.cleaned_data["on"], self.cleaned_data["at"])
