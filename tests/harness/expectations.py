"""What each address ought to answer to whom: reads access.csv, which is a specification and is written by hand.

A line names an address, the records it speaks of, and for GET and POST who gets which answer: "lead_a managers 302; staff 403;
404" reads from left to right, and the answer that stands alone is everybody else's. "-" means that the method is not offered.
Four rules hold everywhere and stand in no line:

- who is not signed in is asked to sign in, save at the addresses that are declared public;
- under /staff/ whoever is not on the staff is refused with 403 at the door, whatever the address names;
- HEAD is answered as GET, without a body; every other method is 405 for everybody;
- a method that is not offered is 405 for everybody who may know the address.
"""

import csv
from pathlib import Path

from tests.harness.world import ROLES, STAFF
from tests.test_house_rules import PUBLIC

TABLE = Path(__file__).parent / "access.csv"
HEADING = ["address", "record", "GET", "POST", "why"]
GROUPS = {
    "everyone": ROLES,
    "staff": STAFF,
    "of_a": ("lead_a", "editor_a", "data_a", "reader_a"),
    "writers_a": ("lead_a", "editor_a"),
    "reporters_a": ("lead_a", "editor_a", "data_a"),
    "managers": ("programmes", "administrator"),
    "researchers": ("research", "administrator"),
    "communicators": ("communications", "administrator"),
    "letterwriters": ("programmes", "research", "communications", "administrator"),
}
SIGN_IN, NOT_OFFERED = "sign in", "405"


def declared() -> dict[tuple[str, str], dict[str, str]]:
    """(address, record) -> its line. A line may speak of several addresses and records."""
    table: dict[tuple[str, str], dict[str, str]] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        assert rows.fieldnames == HEADING, "access.csv has one line for each kind of record: see expectations.py"
        for row in rows:
            assert row["why"], f"{row['address']}: say why"
            for address in row["address"].split():
                for record in row["record"].split():
                    assert (address, record) not in table, f"{address} ({record}) stands there twice"
                    table[address, record] = row
    return table


def expected(cell: str, role: str, *, address: str, path: str) -> str:
    """What the cell of a line promises to a role."""
    answers = _answers(cell)
    if role == "anonymous" and address not in PUBLIC and role not in answers:
        return SIGN_IN
    if path.startswith("/staff/") and role not in STAFF and role not in answers and role != "anonymous":
        return "403"
    return answers.get(role, answers[""])


def _answers(cell: str) -> dict[str, str]:
    """Role -> answer, and "" -> the answer of everybody who is not named."""
    if cell == "-":
        return {"": NOT_OFFERED}
    found: dict[str, str] = {}
    for part in cell.split(";"):
        *named, answer = part.split()
        for name in named or [""]:
            for role in GROUPS.get(name, (name,)):
                assert not role or role in ROLES, f"{cell!r}: nobody is called {role}"
                found.setdefault(role, answer)
    return found | {"": found.get("", "404")}
