"""How many rows each table of ours has: what a refusal must leave as it was."""

from django.db import connection

from tests.test_house_rules import our_models


def count_rows() -> dict[str, int]:
    tables = {model._meta.label: model._meta.db_table for model in our_models()}
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{label}', count(*) FROM {table}" for label, table in tables.items())
        )
        return dict(cursor.fetchall())


def rows_written() -> int:
    """Rows put into or taken out of any table since this transaction began, also where that was undone since: quick to ask."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(n_tup_ins + n_tup_del) FROM pg_stat_xact_user_tables")
        return int(cursor.fetchone()[0] or 0)
