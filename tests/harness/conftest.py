"""What the harnesses share."""

import logging
from collections.abc import Iterator

import pytest

from tests.harness.world import World, build


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Refusals are what these tests are about; thousands of them are no news."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def world(db) -> World:
    return build()
