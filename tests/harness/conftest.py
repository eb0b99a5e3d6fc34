"""What the harnesses share."""

import logging
from collections.abc import Iterator

import pytest
from django.db import transaction

from tests.harness.world import World, build


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Refusals are what these tests are about; thousands of them are no news."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def shared_world(django_db_setup, django_db_blocker) -> Iterator[World]:
    """One world for all tests of a module, for those that undo whatever a request does. Building it takes longer than reading it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield build()
        transaction.set_rollback(True)


@pytest.fixture
def world(db) -> World:
    return build()
