"""Fields for words that people type or paste: nothing that was pasted makes the form fail, and nothing is cut off."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from calls.models import tidy
from calls.rules.readiness import CLOCKS_CHANGE_FROM, CLOCKS_CHANGE_UNTIL, UK

LONGEST_TEXT = 50_000


class WordsField(forms.CharField):
    """Text as people send it: line ends of any system, what word processors leave behind, blanks around it."""

    def __init__(self, *, rows: int = 0, max_length: int | None = None, **kwargs: Any) -> None:
        if rows:
            kwargs.setdefault("widget", forms.Textarea(attrs={"rows": rows}))
        # The browser does not cut what is pasted: it is kept, and the page says by how much it is too long.
        self.longest = max_length or LONGEST_TEXT
        kwargs.setdefault("strip", False)
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str:
        return tidy(str(value)) if value not in self.empty_values else ""

    def validate(self, value: str) -> None:
        super().validate(value)
        if len(value) > self.longest:
            raise ValidationError(
                f"This is {len(value):,} characters long. Shorten it to {self.longest:,} or fewer.", code="too_long"
            )


class UnfinishedForm:
    """Mixed into a form of something that is still being written: what is needed in the end is not marked as optional, and may
    still be left empty for now."""

    use_required_attribute = False
    needed_in_the_end: tuple[str, ...] = ()
    fields: dict[str, Any]
    data: Any

    def full_clean(self) -> None:
        wanted = [field for name, field in self.fields.items() if name in self.needed_in_the_end]
        for field in wanted:
            field.required = False
        super().full_clean()  # type: ignore[misc]
        for field in wanted:
            field.required = True

    def mark_what_is_needed(self) -> None:
        for name in self.needed_in_the_end:
            self.fields[name].required = True


class MomentField(forms.DateTimeField):
    """A moment in UK time. The hours around the change of clocks, which happen twice or not at all, are refused on every day."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateTimeInput())
        kwargs.setdefault("error_messages", {"invalid": "Give a day and a time, such as 12/06/2027 17:00."})
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> datetime | None:
        try:
            moment = super().to_python(value)
        except ValidationError as problem:
            if getattr(problem, "code", "") == "ambiguous_timezone":
                raise ValidationError(
                    "The clocks change at that time, so it happens twice or not at all. Choose a time from 2:30am to midnight.",
                    code="clocks_change",
                ) from problem
            raise
        if moment is None:
            return None
        local = moment.astimezone(UK)
        if not 2000 <= local.year <= 2100:
            raise ValidationError("Give a year between 2000 and 2100.", code="year")
        if CLOCKS_CHANGE_FROM <= local.time() < CLOCKS_CHANGE_UNTIL:
            raise ValidationError(
                "Choose another time: between 12:30am and 2:30am the clocks change twice a year.", code="clocks_change"
            )
        return moment


class DayField(forms.DateField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateInput())
        kwargs.setdefault("error_messages", {"invalid": "Give a day, such as 12/06/2027."})
        super().__init__(**kwargs)


def is_past(moment: datetime) -> bool:
    return moment <= timezone.now()
