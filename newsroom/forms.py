from django import forms
from django.utils.timezone import localdate

from newsroom.choices import PostKind
from programmes.forms import AnnounceForm, SensibleDateField


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
    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class ApproveForm(AnnounceForm):
    """A moment that exists also on the nights on which the clocks change."""

    on = SensibleDateField(label="Day", initial=localdate)
    seen = forms.CharField(widget=forms.HiddenInput)
