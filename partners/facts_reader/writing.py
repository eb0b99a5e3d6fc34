"""Everything or nothing: the rows of one loading become records."""

from collections.abc import Mapping
from typing import Any

from django.db import DataError, IntegrityError, models, transaction
from django.utils import timezone

from audit.actions import record
from partners.facts_reader.reading import Reading
from partners.facts_reader.tables import Count, FactsRefused, Problem, Row, Table
from partners.models import FactFile, LoadedFact


@transaction.atomic
def write(reading: Reading) -> list[Count]:
    """Everything or nothing. The files must have been read without a problem."""
    if reading.problems:
        raise FactsRefused(reading.problems)
    files = _write_files([table.file for table, _ in reading.tables], reading.about)
    counts = [_write_table(table, rows, files[table.file]) for table, rows in reading.tables]
    for count in counts:
        if count.new or count.changed:
            FactFile.objects.filter(name=count.file).update(loaded_at=timezone.now())
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
    file.rows.exclude(key__in=[table.key_of(row) for row in rows]).delete()  # rows that left the file
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
