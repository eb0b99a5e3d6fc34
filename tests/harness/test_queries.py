"""Every page costs the same number of queries with one row and with twenty-five more of everything.

The pages are enumerated: whatever answers 200 to a role is counted, so a new list is covered without being asked.
"""

import re

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.harness.addresses import addresses
from tests.harness.world import multiply

# Address -> why more rows may cost more. Nothing else may.
MAY_COST_MORE: dict[str, str] = {}
MORE = 25
pytestmark = pytest.mark.django_db


def cost(client, path):
    """How many queries a page takes once caches of the process are warm and those of the portal are cold; "" if it is no page."""
    cache.clear()
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        answer = client.get(path)
        if hasattr(answer, "streaming_content"):
            b"".join(answer.streaming_content)
        transaction.set_rollback(True)
    said = [
        query["sql"]
        for query in asked.captured_queries
        if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))
    ]
    return said if answer.status_code == 200 else None


def told(before, after):
    """The statements that became more, shortened."""
    shapes = [[re.sub(r"[0-9]+", "N", sql)[:160] for sql in said] for said in (before, after)]
    more = {shape: (shapes[0].count(shape), shapes[1].count(shape)) for shape in shapes[1]}
    return "; ".join(f"{was} -> {now}: {shape}" for shape, (was, now) in more.items() if now > was)


@pytest.mark.parametrize("role", ["anonymous", "lead_a", "assessor", "programmes", "administrator"])
def test_pages_cost_the_same_however_many_rows_there_are(client, world, role):
    client.raise_request_exception = False
    if role != "anonymous":
        client.force_login(world.person(role))
    wanted = {
        key: path for key, path in addresses(world).items() if key[1] in {"-", "own"} and key[0] not in MAY_COST_MORE
    }
    multiply(world, range(1))  # one of everything: what is not there at all is not asked for
    for path in wanted.values():
        cost(client, path)  # templates, content types and the like are loaded once in a process
    before = {key: cost(client, path) for key, path in wanted.items()}
    multiply(world, range(1, MORE))
    wrong = []
    for key, said in before.items():
        if said is None:
            continue
        after = cost(client, wanted[key])
        assert after is not None, f"{wanted[key]} is gone when there is more of everything"
        if len(after) > len(said):
            wrong.append(f"{wanted[key]}: {len(said)} -> {len(after)}: {told(said, after)}")
    assert sum(said is not None for said in before.values()) > 10
    assert not wrong, "\n".join(wrong)
