"""How every form in the portal is drawn: Django's own renderer with our templates."""

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.forms.boundfield import BoundField
from django.forms.renderers import TemplatesSetting
from django.forms.widgets import Input

ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
NUMBER = re.compile(r"\s*(-?\d+(\.\d+)?)?\s*$")

# The first match wins, so a subclass stands before its parent.
KINDS: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxSelectMultiple, "checkboxes"),
    (forms.RadioSelect, "radios"),
    (forms.CheckboxInput, "checkbox"),
    (forms.FileInput, "file"),
    (forms.Textarea, "textarea"),
    (forms.SelectMultiple, "select"),
    (forms.Select, "select"),
    (forms.MultiWidget, "group"),
    (Input, "input"),
)
CLASSES = {
    "checkboxes": "govuk-checkboxes__input",
    "radios": "govuk-radios__input",
    "checkbox": "govuk-checkboxes__input",
    "file": "govuk-file-upload",
    "textarea": "govuk-textarea",
    "select": "govuk-select",
    "input": "govuk-input",
}


class PortalBoundField(BoundField):
    """A field of a form, knowing how it is drawn. Templates ask ``kind``; the widget gets the classes that belong to it."""

    @property
    def kind(self) -> str:
        return next((kind for widget, kind in KINDS if isinstance(self.field.widget, widget)), "other")

    @property
    def is_group(self) -> bool:
        return self.kind in {"checkboxes", "radios", "group"}

    @property
    def word_limit(self) -> int | None:
        limit = self.field.widget.attrs.get("data-word-limit") or getattr(self.field, "word_limit", None)
        return int(limit) if limit else None

    @property
    def first_control_id(self) -> str:
        """Where a link in the error summary lands: the first control of a group, else the control."""
        return f"{self.auto_id}_0" if self.is_group else (self.id_for_label or self.auto_id)

    @property
    def aria_describedby(self) -> str | None:
        said = super().aria_describedby or ""
        if self.word_limit and self.auto_id and f"{self.auto_id}_words" not in said:
            said = f"{said} {self.auto_id}_words".strip()
        return said or None

    @property
    def plain_errors(self) -> list[str]:
        """What has to be put right, saying which question. Django's stock sentences do not; a message of ours is kept."""
        return [_in_plain_words(self, problem) for problem in self.errors.as_data()]

    def as_widget(self, widget: forms.Widget | None = None, attrs: dict | None = None, only_initial: bool = False):
        self._fit_control(widget or self.field.widget)
        return super().as_widget(widget, attrs, only_initial)

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        widget = widget or self.field.widget
        attrs = dict(super().build_widget_attrs(attrs, widget))
        added = [CLASSES.get(self.kind, "")]
        if self.kind == "input":
            added.append(_width_of(widget))
        if self.errors and self.kind in {"input", "textarea", "select", "file"}:
            added.append(f"{CLASSES[self.kind]}--error")
        if limit := self.word_limit:
            attrs["data-word-limit"] = limit
        if self._is_in_a_row_of_the_back_room and not widget.is_hidden:
            attrs.setdefault("aria-label", str(self.label))
        attrs["class"] = _joined([str(widget.attrs.get("class", "")), str(attrs.get("class", "")), *added])
        return attrs

    @property
    def _is_in_a_row_of_the_back_room(self) -> bool:
        """The stock admin draws rows of records without labels: the name of the column stands above, tied to nothing."""
        return bool(self.form.prefix and getattr(getattr(self.form, "_meta", None), "formfield_callback", None))

    def _fit_control(self, widget: forms.Widget) -> None:
        """Dates get the browser's own calendar. What was typed and is no date or number is shown in plain text, never lost."""
        typed = self.value()
        if type(widget) is forms.NumberInput and isinstance(typed, str) and not NUMBER.match(typed):
            widget.input_type = "text"
        if getattr(widget, "input_type", "") != "text":
            return
        if isinstance(typed, str) and typed and not ISO_DAY.match(typed):
            return
        if type(widget) is forms.DateInput:
            widget.input_type, widget.format = "date", "%Y-%m-%d"
        elif type(widget) is forms.DateTimeInput:
            widget.input_type, widget.format = "datetime-local", "%Y-%m-%dT%H:%M"


class PortalFormRenderer(TemplatesSetting):
    form_template_name = "forms/form.html"
    formset_template_name = "forms/formset.html"
    field_template_name = "forms/field.html"
    bound_field_class = PortalBoundField


STOCK_MESSAGES = {
    str(message)
    for field in (
        forms.Field,
        forms.DateField,
        forms.DateTimeField,
        forms.IntegerField,
        forms.DecimalField,
        forms.EmailField,
        forms.URLField,
        forms.FileField,
        forms.ChoiceField,
        forms.MultipleChoiceField,
        forms.ModelChoiceField,
        forms.ModelMultipleChoiceField,
    )
    for message in field.default_error_messages.values()
} | {str(validate_email.message)}


def _in_plain_words(field: PortalBoundField, problem: ValidationError) -> str:
    said = " ".join(problem.messages)
    label = str(field.label).rstrip(":")
    if said.startswith("Ensure this value "):
        return _within_its_limits(problem, label, said)
    if str(problem.message) not in STOCK_MESSAGES:
        return said
    if problem.code == "required":
        return _missing(field.kind, label)
    example = _example_of(field.field)
    return f"“{label}” must be {example}." if example else f"“{label}”: {said}"


def _within_its_limits(problem: ValidationError, label: str, said: str) -> str:
    """What a validator of Django asks for begins with "Ensure this value", and nobody who types says that of an answer."""
    if problem.code in ("max_value", "min_value") and problem.params:
        return (
            f"“{label}” must be {problem.params['limit_value']} or {'less' if problem.code == 'max_value' else 'more'}."
        )
    asked = said.removeprefix("Ensure this value ")
    return f"“{label}” must {asked.replace('is ', 'be ', 1) if asked.startswith('is ') else asked.replace('has ', 'have ', 1)}"


def _missing(kind: str, label: str) -> str:
    match kind:
        case "checkbox":
            return f"Tick “{label}” to go on."
        case "radios" | "checkboxes" | "select":
            return f"Choose an answer to “{label}”."
        case "file":
            return f"Choose a file for “{label}”."
    return f"“{label}” needs an answer."


def _example_of(field: forms.Field) -> str:
    match field:
        case forms.DateTimeField():
            return "a real date and time, like 12 June 2026 5:00pm"
        case forms.DateField():
            return "a real date, like 12/06/2026"
        case forms.DecimalField() | forms.FloatField():
            return "a number, like 4.5"
        case forms.IntegerField():
            return "a whole number, like 6"
        case forms.EmailField():
            return "an e-mail address, like name@council.gov.uk"
        case forms.URLField():
            return "a web address, like https://example.org"
    return ""


def _joined(classes: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(" ".join(classes).split()))


def _width_of(widget: forms.Widget) -> str:
    if "width-" in widget.attrs.get("class", ""):
        return ""
    kind = getattr(widget, "input_type", "text")
    return {"number": "govuk-input--width-5", "date": "govuk-input--width-10"}.get(kind, "")
