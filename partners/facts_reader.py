"""Files of facts: read and checked cell by cell, then written so that a second reading changes nothing.

Who owns what. A row is written when it is new, or when the row in the file is not what it was when it was last loaded. While
a row stays the same its record is left alone, so what staff edited since stays, and what they removed stays removed. When
a row changes, the columns of the file are written again, save those that belong to staff from then on (``then_ours``:
statuses and moments of publication). Records that no file knows of are never touched.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, models, transaction

from audit.actions import record
from partners.models import FactFile, LoadedFact

UK = ZoneInfo("Europe/London")
SEPARATOR = ";"
NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
MARKS_OF_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"PK": "a spreadsheet or a zip file"}


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


# --- reading --------------------------------------------------------------------------------------------------------------


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
            return [self._reference(described.related_model, name) for name in _parts(cell)]
        if described.is_relation:
            return self._reference(described.related_model, cell) if cell else _nothing(described)
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


# --- one cell -------------------------------------------------------------------------------------------------------------


def value_of(described: Any, cell: str) -> Any:
    """The value that a cell means for a field, or a ValueError that says in plain words what is wrong."""
    if isinstance(described, ArrayField):
        return _parts(cell)
    if not cell:
        return _nothing(described)
    if described.choices:
        allowed = [str(value) for value, _ in described.flatchoices]
        if cell not in allowed:
            raise ValueError(f"“{cell}” is not known here. Use one of: {', '.join(allowed)}")
        return cell
    value = _plain_value(described, cell)
    try:
        described.run_validators(value)
    except ValidationError as error:
        raise ValueError(f"“{_short(cell)}”: {' '.join(error.messages)}") from None
    return value


def _plain_value(described: Any, cell: str) -> Any:
    for kind, read in KINDS.items():
        if isinstance(described, kind):
            return read(cell)
    return cell


def shipped(file: str) -> Path:
    """Where a file lies that came with the portal."""
    app, _, name = file.partition("/")
    return Path(apps.get_app_config(app).path) / "facts" / f"{name}.csv"


def about_files(app: str) -> Table:
    """The file of an app that says of its other files what they are, where from, and what is unknown."""
    columns = ("name", "title", "what", "source", "licence", "taken_on", "unknown")
    return Table(f"{app}/files", FactFile, columns=columns, key=("name",))


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(SEPARATOR) if part.strip()]


def _nothing(described: Any) -> Any:
    if described.null:
        return None
    if described.has_default() and not described.choices:
        return described.get_default()
    if described.blank:
        return ""
    raise ValueError("this cell must not be empty")


def _moment(cell: str) -> datetime:
    """A day means its first moment in the United Kingdom; a time may follow ("2019-06-19 23:59")."""
    try:
        moment = datetime.strptime(cell, "%Y-%m-%d %H:%M" if " " in cell else "%Y-%m-%d")  # noqa: DTZ007 - the zone follows
    except ValueError:
        raise ValueError(
            f"“{_short(cell)}” is not a day such as 2019-06-19, nor a moment such as 2019-06-19 17:00"
        ) from None
    return moment.replace(tzinfo=UK)


def _day(cell: str) -> date:
    try:
        return datetime.strptime(cell, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise ValueError(f"“{_short(cell)}” is not a day. Write it as year-month-day, such as 2019-07-24") from None


def _decimal(cell: str) -> Decimal:
    if not NUMBER.fullmatch(cell):
        raise ValueError(f"“{_short(cell)}” is not a number. Leave the cell empty when nothing is known")
    return Decimal(cell)


def _whole(cell: str) -> int:
    number = _decimal(cell)
    if number != number.to_integral_value():
        raise ValueError(f"“{_short(cell)}” is not a whole number")
    return int(number)


def _yes_or_no(cell: str) -> bool:
    if cell not in {"yes", "no"}:
        raise ValueError(f"“{_short(cell)}” is neither yes nor no")
    return cell == "yes"


def _short(cell: str) -> str:
    return cell if len(cell) <= 60 else f"{cell[:57]}…"


KINDS: dict[type[models.Field], Callable[[str], Any]] = {
    models.DateTimeField: _moment,  # before DateField, whose child it is
    models.DateField: _day,
    models.DecimalField: _decimal,
    models.IntegerField: _whole,
    models.BooleanField: _yes_or_no,
}


# --- writing --------------------------------------------------------------------------------------------------------------


@transaction.atomic
def write(reading: Reading) -> list[Count]:
    """Everything or nothing. The files must have been read without a problem."""
    if reading.problems:
        raise FactsRefused(reading.problems)
    files = _write_files([table.file for table, _ in reading.tables], reading.about)
    counts = [_write_table(table, rows, files[table.file]) for table, rows in reading.tables]
    for count in counts:
        if count.new or count.changed:
            record("loaded facts", files[count.file], by=None, new=count.new, changed=count.changed)
    return counts


def _write_files(names: list[str], about: Mapping[str, dict[str, Any]]) -> dict[str, FactFile]:
    there = {file.name: file for file in FactFile.objects.filter(name__in=names)}
    for position, name in enumerate(names):
        told = {"title": name, **about.get(name, {}), "position": position}
        file = there.get(name)
        if file is None:
            there[name] = FactFile.objects.create(name=name, **told)
        elif any(getattr(file, attribute) != value for attribute, value in told.items()):
            FactFile.objects.filter(pk=file.pk).update(**told)
    return there


def _write_table(table: Table, rows: list[Row], file: FactFile) -> Count:
    loaded = {fact.key: fact for fact in file.rows.all()}
    for row in rows:
        if fact := loaded.get(table.key_of(row)):
            row.record_id = fact.record_id
    _mark_those_gone(table, rows)
    fresh = [row for row in rows if row.record_id is None]
    changed = [row for row in rows if row.record_id and loaded[table.key_of(row)].fingerprint != row.fingerprint]
    count = Count(table.file, rows=len(rows), new=len(fresh))
    _find_those_there(table, fresh)
    _create(table, [row for row in fresh if row.record_id is None])
    found = [row for row in fresh if not row.is_new]
    count.changed, count.gone = _update(table, [*changed, *found], new=len(found))
    facts = [
        LoadedFact(file=file, key=table.key_of(row), fingerprint=row.fingerprint, record_id=row.record_id or 0)
        for row in [*fresh, *changed]
    ]
    LoadedFact.objects.bulk_create(
        facts, 500, update_conflicts=True, unique_fields=("file", "key"), update_fields=("fingerprint", "record_id")
    )
    return count


def _fields(table: Table) -> list[Any]:
    return [table.model._meta.get_field(column) for column in table.columns if column not in table.labels]


def _written(described: Any, value: Any) -> Any:
    return value.record_id if isinstance(value, Row) else value


def _mark_those_gone(table: Table, rows: list[Row]) -> None:
    """What staff removed is not brought back; rows that are new may not lean on it."""
    if table.named and any(row.record_id for row in rows):
        there = set(table.model._default_manager.values_list("pk", flat=True))
        for row in rows:
            row.is_gone = row.record_id is not None and row.record_id not in there


def _find_those_there(table: Table, rows: list[Row]) -> None:
    """Records that came about in another way, such as by hand, are taken over and not made twice."""
    described: list[Any] = [table.model._meta.get_field(column) for column in table.key if column not in table.labels]
    if not rows or not described or not table.model._default_manager.exists():
        return
    names = [one.attname for one in described]
    there = {tuple(found): pk for pk, *found in table.model._default_manager.values_list("pk", *names)}
    for row in rows:
        row.record_id = there.get(tuple(_written(one, row.values[one.name]) for one in described))


def _create(table: Table, rows: list[Row]) -> None:
    fields = _fields(table)
    made = []
    for row in rows:
        if leans := [name for name, value in row.values.items() if isinstance(value, Row) and value.is_gone]:
            said = "this refers to a record that staff have removed"
            raise FactsRefused([Problem(f"{table.file}.csv", row.line, leans[0], said)])
        plain = {one.attname: _written(one, row.values[one.name]) for one in fields if not one.many_to_many}
        made.append(table.model(**plain))
    try:
        with transaction.atomic():
            table.model._default_manager.bulk_create(made, 500)
    except (IntegrityError, DataError):
        _say_which(table, rows, made)
        raise
    for row, instance in zip(rows, made, strict=True):
        row.record_id = instance.pk
        row.is_new = True
    for one in fields:
        if one.many_to_many:
            _link(one, rows)


def _link(described: Any, rows: list[Row]) -> None:
    through = described.remote_field.through
    source, target = described.m2m_column_name(), described.m2m_reverse_name()
    through._default_manager.bulk_create(
        [
            through(**{source: row.record_id, target: other.record_id})
            for row in rows
            for other in {id(other): other for other in row.values[described.name]}.values()
        ],
        500,
    )


def _update(table: Table, rows: list[Row], *, new: int) -> tuple[int, int]:
    """How many were changed, and how many staff have removed. A record found there counts as new, not as changed."""
    if not rows:
        return 0, 0
    there = table.model._default_manager.in_bulk([row.record_id for row in rows])
    for row in rows:
        if row.record_id in there:
            _write_again(table, row, there[row.record_id])
    gone = sum(1 for row in rows if row.record_id not in there)
    return len(rows) - gone - new, gone


def _write_again(table: Table, row: Row, instance: models.Model) -> None:
    fields = [one for one in _fields(table) if one.name not in table.then_ours]
    plain = [one for one in fields if not one.many_to_many]
    for one in plain:
        setattr(instance, one.attname, _written(one, row.values[one.name]))
    try:
        with transaction.atomic():
            instance.save(update_fields=[one.name for one in plain])
    except (IntegrityError, DataError) as error:
        raise FactsRefused([_refused_by_the_database(table, row, error)]) from None
    for one in fields:
        if one.many_to_many:
            getattr(instance, one.name).set([other.record_id for other in row.values[one.name]])


def _say_which(table: Table, rows: list[Row], made: list[models.Model]) -> None:
    """The database refused a batch: find the row, so that the message can name its line."""
    with transaction.atomic():
        for row, instance in zip(rows, made, strict=True):
            instance.pk = None
            instance._state.adding = True
            try:
                with transaction.atomic():
                    instance.save(force_insert=True)
            except (IntegrityError, DataError) as error:
                raise FactsRefused([_refused_by_the_database(table, row, error)]) from None


def _refused_by_the_database(table: Table, row: Row, error: Exception) -> Problem:
    rule = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    said = (
        f"the database refuses this row: {rule.replace('_', ' ')}"
        if rule
        else f"the database refuses this row ({error})"
    )
    return Problem(f"{table.file}.csv", row.line, "", said.strip())
