"""What every test may ask for. The servers behind the tests are started by tests/settings.py."""

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Rate limits and kept pages of one test are none of another's business."""
    cache.clear()
