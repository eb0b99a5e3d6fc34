"""Every address, as every role, for one's own record, somebody else's, a hidden one and a missing one.

What is expected stands in access.csv, one line for each address, method and record, one column for each role. After a change that
is meant, ``ACCESS_WRITE=1 make test ARGS=tests/harness/test_access.py`` writes the file anew: then read its difference.
"""

import csv
import os
import re
from pathlib import Path

import pytest
from django.db import transaction

from tests.harness.addresses import addresses
from tests.harness.world import CANARY_A, CANARY_B, CANARY_EMBARGO, ROLES, STAFF

TABLE = Path(__file__).parent / "access.csv"
WRITE = bool(os.environ.get("ACCESS_WRITE"))
METHODS = ("GET", "POST")
NEVER = {
    "lead_a": (CANARY_B, CANARY_EMBARGO),
    "editor_a": (CANARY_B, CANARY_EMBARGO),
    "data_a": (CANARY_B, CANARY_EMBARGO),
    "reader_a": (CANARY_B, CANARY_EMBARGO),
    "lead_b": (CANARY_A, CANARY_EMBARGO),
    "assessor": (CANARY_EMBARGO,),
}
NOTHING_PRIVATE = (CANARY_A, CANARY_B, CANARY_EMBARGO)


def declared() -> dict[tuple[str, str, str], dict[str, str]]:
    if not TABLE.exists():
        return {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {(row["address"], row["method"], row["record"]): row for row in csv.DictReader(file)}


def ask(client, method, path):
    """The answer to one request, whose effects are undone, and whose messages nobody reads later."""
    client.cookies.pop("messages", None)
    with transaction.atomic():
        answer = client.get(path) if method == "GET" else client.post(path, {})
        if hasattr(answer, "streaming_content"):
            answer.content = b"".join(answer.streaming_content)
        transaction.set_rollback(True)
    return answer


def outcome(answer) -> str:
    if answer.status_code == 302 and "/account/login/" in answer.get("Location", ""):
        return "sign in"
    return str(answer.status_code)


def masked(answer) -> str:
    body = answer.content.decode(errors="replace")
    body = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", body)
    body = re.sub(r"[0-9a-f]{32}", "", body)
    return re.sub(r"/[\w./%-]*\d*[\w./%-]*", "/", body)


@pytest.mark.parametrize("role", ROLES)
def test_every_address_answers_as_declared(client, world, role):
    client.raise_request_exception = False
    if role != "anonymous":
        client.force_login(world.person(role))
    forbidden = () if role in STAFF else NEVER.get(role, NOTHING_PRIVATE)
    seen, wrong = {}, []
    refusals: dict[tuple[str, str], dict[str, str]] = {}
    asked: dict[tuple[str, str], str] = {}  # some addresses are the same for two kinds of record
    for (name, record), path in addresses(world).items():
        for method in METHODS:
            if (method, path) in asked:
                seen[name, method, record] = asked[method, path]
                continue
            answer = ask(client, method, path)
            seen[name, method, record] = asked[method, path] = outcome(answer)
            if answer.status_code >= 500:
                wrong.append(f"{method} {path}: {answer.status_code}")
            if answer.status_code == 404:
                refusals.setdefault((name, method), {})[record] = masked(answer)
            body = answer.content.decode(errors="replace") + str(answer.headers)
            wrong += [f"{method} {path}: shows {canary}" for canary in forbidden if canary in body]
    wrong += [
        f"{method} {name}: refused and missing differ: {first_difference(bodies)}"
        for (name, method), bodies in refusals.items()
        if "missing" in bodies and len(set(bodies.values())) > 1
    ]
    assert not wrong, "\n".join(wrong)
    _compare(role, seen)


def first_difference(bodies: dict[str, str]) -> str:
    other = next(body for body in bodies.values() if body != bodies["missing"])
    lines = zip(bodies["missing"].splitlines(), other.splitlines(), strict=False)
    return next(
        (f"{ours.strip()[:80]!r}, {theirs.strip()[:80]!r}" for ours, theirs in lines if ours != theirs), "length"
    )


def _compare(role: str, seen: dict[tuple[str, str, str], str]) -> None:
    table = declared()
    if WRITE:
        for key, answer in seen.items():
            row = table.setdefault(key, dict(zip(("address", "method", "record"), key, strict=True)))
            row[role] = answer
        kept = {key: row for key, row in table.items() if key in seen}
        with TABLE.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ("address", "method", "record", *ROLES), lineterminator="\n")
            writer.writeheader()
            writer.writerows(row for _, row in sorted(kept.items()))
        return
    missing = sorted({key for key in seen if key not in table})
    assert not missing, "no line in access.csv: write it with ACCESS_WRITE=1 and read the difference"
    gone = sorted(set(table) - set(seen))
    assert not gone, "access.csv speaks of addresses that do not exist"
    wrong = [
        f"{method} {name} ({record}): {answer}, declared {table[name, method, record][role]}"
        for (name, method, record), answer in seen.items()
        if answer != table[name, method, record][role]
    ]
    assert not wrong, "\n".join(wrong)


def test_nobody_outside_the_centre_reads_what_is_not_theirs_by_declaration():
    """A second look at the table itself, so that writing it anew cannot declare a leak."""
    table = declared()
    outsiders = [role for role in ROLES if role not in STAFF]
    public = re.compile(
        r"^(partner|programme|evaluation|calls:call|calls:ask|calls:follow|calls:start|evidence_store:|newsroom:)"
    )
    suspicious = [
        (key, role)
        for key, row in table.items()
        for role in outsiders
        if row[role] == "200"
        and key[2] in {"other", "hidden"}
        and not (public.match(key[0]) and key[2] == "other")
        and role not in {"lead_b", "assessor"}
    ]
    assert not suspicious
    anonymous = [key for key, row in table.items() if row["anonymous"] == "200" and key[2] == "hidden"]
    assert not anonymous
