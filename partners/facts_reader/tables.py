"""What a file of facts is: its columns, its key, its rows, and what may be wrong with it."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import models

from partners.models import FactFile


@dataclass(frozen=True)
class Problem:
    file: str
    line: int
    column: str
    said: str

    def __str__(self) -> str:
        column = f", column “{self.column}”" if self.column else ""
        return f"{self.file}, line {self.line}{column}: {self.said}"


class FactsRefused(Exception):
    """At least one row cannot be loaded, so none was."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass
class Row:
    """One line of a file: the cells as written, the values understood, and the record once it is there."""

    line: int
    cells: dict[str, str]
    values: dict[str, Any] = field(default_factory=dict)
    record_id: int | None = None
    is_new: bool = False
    is_gone: bool = False

    @property
    def fingerprint(self) -> str:
        told = "\x1f".join(f"{name}={value}" for name, value in sorted(self.cells.items()))
        return hashlib.sha256(told.encode()).hexdigest()


type Check = Callable[[Row], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class Table:
    """One file and the model that it fills. Columns carry the names of the model's fields.

    ``key`` tells rows apart. ``named`` says how other files call a row ("pine/1"). ``labels`` are columns that only the
    files know. ``then_ours`` are columns that belong to staff once the record is there.
    """

    file: str
    model: type[models.Model]
    columns: tuple[str, ...]
    key: tuple[str, ...]
    named: str | Callable[[dict[str, str]], str] = ""
    labels: tuple[str, ...] = ()
    then_ours: tuple[str, ...] = ()
    check: Check | None = None

    def key_of(self, row: Row) -> str:
        return " | ".join(row.cells[column] for column in self.key)

    def name_of(self, row: Row) -> str:
        """How other files call the row; empty parts leave no double stroke behind."""
        if callable(self.named):
            return self.named(row.cells)
        return "/".join(part.strip("/") for part in self.named.format(**row.cells).split("//") if part.strip("/"))


@dataclass
class Count:
    file: str
    rows: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0

    def __str__(self) -> str:
        gone = f", {self.gone} removed by staff" if self.gone else ""
        return f"{self.file}: {self.rows} rows, {self.new} new, {self.changed} changed{gone}"


def shipped(file: str) -> Path:
    """Where a file lies that came with the portal."""
    app, _, name = file.partition("/")
    return Path(apps.get_app_config(app).path) / "facts" / f"{name}.csv"


def about_files(app: str) -> Table:
    """The file of an app that says of its other files what they are, where from, and what is unknown."""
    columns = ("name", "title", "what", "source", "licence", "taken_on", "unknown")
    return Table(f"{app}/files", FactFile, columns=columns, key=("name",))
