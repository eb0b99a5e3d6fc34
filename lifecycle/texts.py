"""Texts that several people write at once: compare and swap for each field, and nothing that was typed is ever lost.

A page says which text it was based on, by a mark of that text for each field. A field that nobody else touched is saved. Where
a colleague was quicker, theirs stays and what came second is kept beside it among the earlier texts, to be put back or merged.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

# Control characters that word processors leave behind; line ends and tabs stay.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")
# Words that follow each other quickly are one text; an earlier one is kept when this much time or another person lies between.
ONE_SITTING_SECONDS = 60


@dataclass
class Saved:
    """What became of the texts that were sent: saved, or overtaken by a colleague's, whose text stands here."""

    saved: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)


def tidy(text: str) -> str:
    """Text as it is stored: line ends alike, nothing that cannot be printed or kept, no blanks around it. Words stay as typed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    return unicodedata.normalize("NFC", UNPRINTABLE.sub("", text)).strip()


def mark_of(text: str) -> str:
    """A short mark of a text, by which a page says what it was based on."""
    return hashlib.sha256(tidy(text).encode()).hexdigest()[:12]


def base_of(texts: Mapping[str, str]) -> str:
    """All marks of a page as one word that a form can carry."""
    return ".".join(f"{key}-{mark_of(text)}" for key, text in texts.items())


def marks_in(base: str) -> dict[str, str]:
    pairs = (part.rpartition("-") for part in base.split("."))
    return {key: mark for key, _, mark in pairs if key and mark}


def base_after(base: str, saved: Mapping[str, str], keys: Iterable[str]) -> str:
    """The marks of a page that saved some of its fields. The others stay: it has not read what a colleague wrote there."""
    marks = marks_in(base) | {key: mark_of(text) for key, text in saved.items()}
    known = set(keys)
    return ".".join(f"{key}-{mark}" for key, mark in marks.items() if key in known)


def sort_out(texts: Mapping[str, str], stored: Mapping[str, str], *, base: str) -> Saved:
    """Which of the texts that a page sent are to be written, and which came second to a colleague's."""
    marks, result = marks_in(base), Saved()
    for key, given in texts.items():
        text, present = tidy(given), stored.get(key, "")
        seen = marks.get(key, mark_of(""))
        if text == present or mark_of(text) == seen:
            # Not changed on this page, or changed to what is there already.
            continue
        # Nothing can be lost where there is nothing.
        if present and mark_of(present) != seen:
            result.theirs[key] = present
        else:
            result.saved[key] = text
    return result


def keep_overtaken(rows: Any, name: str, text: str, *, by: Any) -> None:
    """Keep a text that came second. The page that saves itself and the button may both bring the same words: once is enough."""
    if not rows.filter(field=name, text=text, saved_by=by, was_overtaken=True).exists():
        rows.create(field=name, text=text, saved_at=timezone.now(), saved_by=by, was_overtaken=True)


def keep_present(rows: Any, name: str, text: str, *, was: str, by: Any, since: datetime, first_by: int | None) -> None:
    """Note who wrote the present text of a field and when; the one before becomes an earlier text, or grew into this one.

    ``rows`` are the texts of one record (a related manager). ``since`` and ``first_by`` stand for a text from before texts
    were counted.
    """
    now = timezone.now()
    current = rows.filter(field=name, is_current=True).first()
    grows = current and not is_another_sitting(current.saved_by_id, current.saved_at, by, now)
    if grows and not loses_much(current.text, text):
        rows.filter(pk=current.pk).update(text=text, saved_at=now)
        return
    if current is None and was:
        rows.create(field=name, text=was, saved_at=since, saved_by_id=first_by)
    rows.filter(field=name, is_current=True).update(is_current=False)
    rows.create(field=name, text=text, saved_at=now, saved_by=by, is_current=True)


def is_another_sitting(person_id: int | None, saved_at: datetime, by: Any, now: datetime) -> bool:
    return person_id != by.pk or (now - saved_at).total_seconds() >= ONE_SITTING_SECONDS


def loses_much(before: str, after: str) -> bool:
    """A slip of the mouse empties a field within a minute too."""
    return len(after) < len(before) * 0.7
