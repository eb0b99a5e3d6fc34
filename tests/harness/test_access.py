"""Every address, as every role, for one's own record, somebody else's, a hidden one and a missing one.

What ought to be answered stands in access.csv, with the reason. It is written by hand and read as a specification
(expectations.py says how); nothing writes it from what the portal happens to do.
"""

import re
from itertools import chain

import pytest

from tests.harness.addresses import addresses, addresses_of_accounts
from tests.harness.asking import Caller
from tests.harness.expectations import SIGN_IN, declared, expected
from tests.harness.rows import count_rows
from tests.harness.world import CANARY_A, CANARY_B, CANARY_EMBARGO, ROLES, STAFF

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST")
OTHER_METHODS = ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
# One of each kind: nobody, a partner, staff. What a method does depends on nothing else.
FEW = ("anonymous", "lead_a", "administrator")
NEVER = {
    **dict.fromkeys(("lead_a", "editor_a", "data_a", "reader_a"), (CANARY_B, CANARY_EMBARGO)),
    "lead_b": (CANARY_A, CANARY_EMBARGO),
    "assessor": (CANARY_EMBARGO,),
}
NOTHING_PRIVATE = (CANARY_A, CANARY_B, CANARY_EMBARGO)
# Random in every answer, or the address that was asked for.
ALWAYS_DIFFERENT = re.compile(r'name="csrfmiddlewaretoken" value="[^"]+"|nonce="[^"]+"|[0-9a-f]{32}|/[\w./%-]*')


def outcome(answer) -> str:
    if answer.status_code == 302 and "/account/login/" in answer.get("Location", ""):
        return SIGN_IN
    return str(answer.status_code)


def all_addresses(world):
    return addresses(world) | addresses_of_accounts()


@pytest.mark.parametrize("role", ROLES)
def test_every_address_answers_as_declared(shared_world, role):
    caller, table = Caller(shared_world.people.get(role)), declared()
    forbidden = () if role in STAFF else NEVER.get(role, NOTHING_PRIVATE)
    asked: dict[tuple[str, str], str] = {}  # some addresses are the same for two kinds of record
    wrong, refusals = [], {}
    for (name, record), path in all_addresses(shared_world).items():
        for method in METHODS:
            if (method, path) not in asked:
                answer = caller.ask(method, path)
                asked[method, path] = outcome(answer)
                if answer.status_code == 404:
                    refusals.setdefault((name, method), {})[record] = masked(answer)
                body = answer.content.decode(errors="replace") + str(answer.headers)
                wrong += [f"{method} {path}: shows {canary}" for canary in forbidden if canary in body]
            wanted = wanted_of(table, name, record, method, role, path)
            if asked[method, path] != wanted:
                wrong.append(f"{method} {name} ({record}): {asked[method, path]}, declared {wanted}")
    wrong += [
        f"{method} {name}: refused and missing differ: {first_difference(bodies)}"
        for (name, method), bodies in refusals.items()
        if "missing" in bodies and len(set(bodies.values())) > 1
    ]
    assert not wrong, "\n".join(wrong)


def wanted_of(table, name, record, method, role, path) -> str:
    line = table.get((name, record))
    return expected(line[method], role, address=name, path=path) if line else "nothing: write a line in access.csv"


def masked(answer) -> str:
    return ALWAYS_DIFFERENT.sub("", answer.content.decode(errors="replace"))


def first_difference(bodies: dict[str, str]) -> str:
    other = next(body for body in bodies.values() if body != bodies["missing"])
    lines = zip(bodies["missing"].splitlines(), other.splitlines(), strict=False)
    return next(
        (f"{ours.strip()[:80]!r}, {theirs.strip()[:80]!r}" for ours, theirs in lines if ours != theirs), "length"
    )


def test_the_table_speaks_of_nothing_that_does_not_exist(shared_world):
    assert sorted(set(declared()) - set(all_addresses(shared_world))) == []


@pytest.mark.parametrize("role", FEW)
def test_head_is_answered_as_get_and_every_other_method_is_refused_and_changes_nothing(shared_world, role):
    caller, wrong, before = Caller(shared_world.people.get(role)), [], count_rows()
    for path in sorted(set(all_addresses(shared_world).values())):
        got, head = caller.ask("GET", path), caller.ask("HEAD", path)
        if (head.status_code, head.content) != (got.status_code, b""):
            wrong.append(f"HEAD {path}: {head.status_code}, and GET {got.status_code}")
        for method in OTHER_METHODS:
            status = caller.ask(method, path).status_code
            if status != 405:
                wrong.append(f"{method} {path}: {status}")
    assert not wrong, "\n".join(wrong)
    assert count_rows() == before


def test_nobody_outside_the_centre_reads_what_is_not_theirs_by_declaration(shared_world):
    """A second look at the table itself, so that a line in a hurry cannot declare a leak."""
    public = re.compile(
        r"^(partner|programme|evaluation|calls:call|calls:ask|calls:follow|calls:start|evidence_store:|newsroom:)"
    )
    outsiders = [role for role in ROLES if role not in (*STAFF, "lead_b", "assessor", "conflicted_assessor")]
    paths, table = all_addresses(shared_world), declared()
    suspicious = [
        (name, record, role)
        for (name, record), line in table.items()
        if record in {"other", "hidden", "conflicted"} and not (public.match(name) and record == "other")
        for role in outsiders
        if expected(line["GET"], role, address=name, path=paths[name, record]) == "200"
        and name != "partners:invitation"
    ]
    assert not suspicious


def test_every_line_names_a_reason_that_somebody_can_disagree_with():
    assert all(len(line["why"].split()) >= 3 for line in chain(declared().values()))
