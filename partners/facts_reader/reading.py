"""Files of one loading, read row by row. Every problem is collected, with its file, line and column, before anything is written."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import models

from partners.facts_reader.cells import nothing, parts, value_of
from partners.facts_reader.tables import Problem, Row, Table, about_files

MARKS_OF_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"PK": "a spreadsheet or a zip file"}


class _LeansOnABadRow(Exception):
    """A row refers to one that was refused already: the first problem is enough to tell."""


@dataclass
class Reading:
    """All files of one loading. Rows already read can be referred to by those that follow."""

    folder_of: Callable[[str], Path]
    tables: list[tuple[Table, list[Row]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    known: dict[type[models.Model], dict[str, Row]] = field(default_factory=dict)
    bad: dict[type[models.Model], set[str]] = field(default_factory=dict)
    unread: set[type[models.Model]] = field(default_factory=set)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)

    def read(self, table: Table) -> list[Row]:
        before = len(self.problems)
        rows = []
        for row in self._rows(table):
            if self._understand(table, row):
                rows.append(row)
            elif table.named:
                self.bad.setdefault(table.model, set()).add(table.name_of(row))
        if any(not problem.column for problem in self.problems[before:]) or not rows:
            self.unread.add(table.model)  # lines are missing, and nobody knows which
        self._refuse_twins(table, rows)
        self.tables.append((table, rows))
        return rows

    def refuse(self, table: Table, line: int, column: str, said: str) -> None:
        self.problems.append(Problem(f"{table.file}.csv", line, column, said))

    def read_all(self, *tables: Table) -> None:
        for table in tables:
            self.read(table)

    def read_about(self, app: str) -> None:
        """What is said about the files; each file must be described, and nothing else."""
        table = about_files(app)
        rows = [row for row in self._rows(table) if self._understand(table, row)]
        expected = {read.file for read, _ in self.tables if read.file.startswith(f"{app}/")}
        for row in rows:
            name = f"{app}/{row.values.pop('name')}"
            if name not in expected or name in self.about:
                self.refuse(table, row.line, "name", f"there is no file called {name}, or it was described before")
            self.about[name] = row.values
        for name in sorted(expected - set(self.about)):
            self.refuse(table, 1, "name", f"the file {name} is not described")

    def _rows(self, table: Table) -> Iterator[Row]:
        text = self._text(table)
        if text is None:
            return
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            headings = [heading.strip() for heading in next(lines, [])]
            if not self._headings_are_right(table, headings):
                return
            for cells in lines:
                if len(cells) == len(headings):
                    yield Row(lines.line_num, {name: cell.strip() for name, cell in zip(headings, cells, strict=True)})
                elif any(cells):
                    said = f"the row has {len(cells)} cells where the heading has {len(headings)}"
                    self.refuse(table, lines.line_num, "", said)
        except csv.Error as error:
            self.refuse(table, lines.line_num, "", f"this is not well-formed CSV ({error})")

    def _text(self, table: Table) -> str | None:
        path = self.folder_of(table.file)
        if not path.is_file():
            self.refuse(table, 1, "", "the file is missing")
            return None
        content = path.read_bytes()
        for mark, encoding in MARKS_OF_OTHER_ENCODINGS.items():
            if content.startswith(mark):
                self.refuse(table, 1, "", f"the file is {encoding}, not UTF-8 text. Save it as “CSV UTF-8”")
                return None
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            self.refuse(table, line, "", "there is a character that is not UTF-8 text. Save the file as “CSV UTF-8”")
            return None
        if "\0" in text:
            self.refuse(
                table, text[: text.index("\0")].count("\n") + 1, "", "there is a NUL character, which no text has"
            )
            return None
        return text

    def _headings_are_right(self, table: Table, headings: list[str]) -> bool:
        before = len(self.problems)
        if not headings:
            self.refuse(table, 1, "", "the file is empty")
            return False
        for column in table.columns:
            if column not in headings:
                self.refuse(table, 1, column, "this column is missing")
        for column in dict.fromkeys(headings):
            if column not in table.columns:
                self.refuse(table, 1, column, f"this column is not known. The columns are {', '.join(table.columns)}")
            elif headings.count(column) > 1:
                self.refuse(table, 1, column, "this column is there twice")
        return len(self.problems) == before

    def _understand(self, table: Table, row: Row) -> bool:
        before, leans = len(self.problems), False
        for column in table.columns:
            if column in table.labels:
                continue
            try:
                row.values[column] = self._value(table.model._meta.get_field(column), row.cells[column])
            except _LeansOnABadRow:
                leans = True
            except ValueError as error:
                self.refuse(table, row.line, column, str(error))
        if not leans and len(self.problems) == before and table.check:
            for column, said in table.check(row):
                self.refuse(table, row.line, column, said)
        return not leans and len(self.problems) == before

    def _value(self, described: Any, cell: str) -> Any:
        if described.many_to_many:
            return [self._reference(described.related_model, name) for name in parts(cell)]
        if described.is_relation:
            return self._reference(described.related_model, cell) if cell else nothing(described)
        return value_of(described, cell)

    def _reference(self, model: type[models.Model], name: str) -> Row:
        try:
            return self.known.get(model, {})[name]
        except KeyError:
            if model in self.unread or name in self.bad.get(model, ()):
                raise _LeansOnABadRow from None
            raise ValueError(f"there is no {model._meta.verbose_name} called “{name}” in the files") from None

    def _refuse_twins(self, table: Table, rows: list[Row]) -> None:
        first: dict[str, int] = {}
        called = self.known.setdefault(table.model, {})
        for row in rows:
            key = table.key_of(row)
            if key in first:
                self.refuse(table, row.line, table.key[0], f"the same as line {first[key]}: {key}")
            first.setdefault(key, row.line)
            if table.named:
                called.setdefault(table.name_of(row), row)
