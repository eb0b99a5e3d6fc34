"""What every test may ask for. The servers behind the tests are started by tests/settings.py."""

import pytest
from django.core.cache import cache
from django.db import connection


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Tests that commit are followed by a TRUNCATE, which the audit trail refuses everywhere else.

    At the end, sessions are closed that threads of a test server left behind: a database in use cannot be dropped. Ours
    is opened anew for that: beside a browser's event loop Django uses another one, and a test of faults may have ended this.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER audit_event_refuse_truncate")
    yield
    connection.close()
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Rate limits and kept pages of one test are none of another's business."""
    cache.clear()
