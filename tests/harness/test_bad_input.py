"""Every form and every parameter gets what people and machines really send: never an error, and a refusal leaves nothing behind.

Forms are found by reading the pages of each role, so a new form is covered without being asked. A run takes a sample of the
corpus, the same for the same BAD_INPUT_SEED; FULL_CORPUS=1 takes every line for every field.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib import admin
from django.db import transaction
from django.http.response import HttpResponseRedirectBase
from django.urls import NoReverseMatch, reverse

from tests.factories import PersonFactory
from tests.harness.addresses import addresses
from tests.harness.asking import Caller
from tests.harness.rows import count_rows, rows_written
from tests.test_house_rules import patterns

SEED = os.environ.get("BAD_INPUT_SEED", "1")
FULL = bool(os.environ.get("FULL_CORPUS"))
EACH_FIELD, WHOLE_FORM, EACH_ADDRESS = 1, 2, 1
ROLES = ("anonymous", "lead_a", "assessor", "administrator")
# What a refusal may leave behind, and why.
KEPT = {
    "calls.AnswerRevision": "a text that somebody else overtook is kept beside theirs: nothing that was typed is lost",
    "calls.DetailRevision": "the same",
    "programmes.ReportRevision": "the same, of a report",
}
# Leaving would end the session that the test needs.
LEAVING = {"account_logout", "usersessions_list"}
PLAUSIBLE = {
    "email": "somebody@demo.example",
    "number": "3",
    "date": "2040-06-15",
    "time": "09:30",
    "url": "https://example.org/",
}
pytestmark = pytest.mark.django_db


def lines() -> list[str]:
    found = []
    for number, line in enumerate(
        (Path(__file__).parent / "bad_input.txt").read_text(encoding="utf-8").splitlines(), 1
    ):
        if line and not line.startswith("#"):
            parts = re.fullmatch(r'(".*")(?: \* (\d+))?', line)
            assert parts, f"bad_input.txt, line {number}: a JSON string is expected"
            found.append(json.loads(parts[1]) * int(parts[2] or 1))
    return found


CORPUS = lines()


def sample(what: str, number: int) -> list[str]:
    return CORPUS if FULL else Random(f"{SEED} {re.sub(r'[0-9]+', 'N', what)}").sample(CORPUS, number)


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.method} {re.sub(r'[0-9]+', 'N', self.action)} {' '.join(sorted(self.fields))}"

    def filled(self) -> dict[str, list[str]]:
        """As a person would send it who fills in what is empty."""
        return {
            name: values if any(values) else [PLAUSIBLE.get(self.kinds[name], "Some words")]
            for name, values in self.fields.items()
        }


class FormReader(HTMLParser):
    """The forms of a page with their fields, and what stands in them."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.forms, self.text_of, self.select = path, [], "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self.path, said.get("action", "")) or self.path
            self.forms.append(Form(action, said.get("method", "get").lower()))
        name = said.get("name", "")
        if tag == "option" and self.select and self.forms:
            values = self.forms[-1].fields[self.select]
            if "selected" in said or not any(values):
                values[:] = [said.get("value", "")]
        if not self.forms or not name or name == "csrfmiddlewaretoken":
            return
        form = self.forms[-1]
        if tag in {"textarea", "select"}:
            form.fields[name], form.kinds[name] = [""], tag
            self.text_of, self.select = (name, "") if tag == "textarea" else ("", name)
        elif tag == "input" and said.get("type") not in {"submit", "button", "file"}:
            form.kinds[name] = said.get("type", "text")
            kept = form.fields.setdefault(name, [])
            if said.get("type") not in {"checkbox", "radio"} or "checked" in said or not kept:
                kept[:] = [
                    *(kept if "checked" in said and said.get("type") == "checkbox" else []),
                    said.get("value", ""),
                ]

    def handle_data(self, data: str) -> None:
        if self.text_of:
            self.forms[-1].fields[self.text_of][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.text_of = ""
        elif tag == "select":
            self.select = ""
        elif tag == "form":
            # What follows belongs to no form.
            self.text_of = self.select = ""


def pages_of(world) -> Iterator[str]:
    for (_, record), path in addresses(world).items():
        if record in {"-", "own"}:
            yield path
    for name, entry in patterns():
        if getattr(entry.callback, "__module__", "").startswith("allauth") and name not in LEAVING:
            try:
                yield reverse(name)
            except NoReverseMatch:
                continue  # it takes a secret that only a mail knows


def forms_on(caller, world) -> dict[str, Form]:
    found: dict[str, Form] = {}
    for path in pages_of(world):
        answer = caller.ask("GET", path)
        if answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html"):
            reader = FormReader(path)
            reader.feed(answer.content.decode())
            found |= {form.name: form for form in reader.forms if form.fields and not is_leaving(form)}
    return found


def is_leaving(form: Form) -> bool:
    return urlsplit(form.action).path in {reverse(name) for name in LEAVING}


def fault_of(caller, form: Form, sent: dict[str, list[str]], before: dict[str, int]) -> str:
    """What is wrong with the answer to what was sent; "" if nothing."""
    method, after = form.method.upper(), before
    with transaction.atomic():
        # What was undone inside the request counts too, so tables are counted one by one only where something was written.
        written = rows_written()
        answer = caller.ask(method, form.action, sent, undo=False)
        if method == "POST" and refuses(answer) and rows_written() != written:
            after = count_rows()
        transaction.set_rollback(True)
    if answer.status_code >= 500:
        return f"answered {answer.status_code}"
    tables = [name for name, number in before.items() if after[name] != number and name not in KEPT]
    if tables:
        return f"refused ({answer.status_code}) and yet there are other rows in {', '.join(tables)}"
    return ""


def refuses(answer) -> bool:
    if isinstance(answer, HttpResponseRedirectBase):
        return False
    # A draft that saves itself says 200 in JSON when it has saved.
    return not (answer.status_code == 200 and "json" in answer.get("Content-Type", ""))


def said(form: Form, what: str, line: str, fault: str) -> str:
    return f"{form.method} {form.action}, {what} = {line[:40]!r} ({len(line)} characters): {fault} (seed {SEED})"


@pytest.mark.parametrize("role", ROLES)
def test_no_form_breaks_and_no_refusal_leaves_something_behind(shared_world, role):
    caller = Caller(shared_world.people.get(role))
    found = forms_on(caller, shared_world)
    faults, before = [], count_rows()
    for name, form in found.items():
        tries = [("every field", line, {key: [line] for key in form.fields}) for line in sample(name, WHOLE_FORM)]
        for part in form.fields:
            tries += [(part, line, form.filled() | {part: [line]}) for line in sample(f"{name} {part}", EACH_FIELD)]
        tries.append(("nothing at all", "", {}))
        for what, line, sent in tries:
            fault = fault_of(
                caller, form, {key: [unbroken(value) for value in values] for key, values in sent.items()}, before
            )
            if fault:
                faults.append(said(form, what, line, fault))
    assert len(found) >= 2
    assert not faults, "\n".join(faults)


def unbroken(line: str) -> str:
    """The test client cannot send half a surrogate pair; browsers send the sign for what cannot be read."""
    return line.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("role", ROLES)
def test_no_parameter_of_an_address_breaks_a_page(shared_world, role):
    caller = Caller(shared_world.people.get(role))
    faults = []
    for path in pages_of(shared_world):
        form = Form(path, "get")
        for line in sample(path, EACH_ADDRESS):
            fault = fault_of(caller, form, {key: [unbroken(line)] for key in ("page", "q", "next")}, {})
            if fault:
                faults.append(said(form, "page, q and next", line, fault))
    assert not faults, "\n".join(faults)


def test_no_search_in_the_back_room_breaks(shared_world):
    caller = Caller(PersonFactory(is_staff=True, is_superuser=True))
    faults = []
    for model in admin.site._registry:
        form = Form(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"), "get")
        for line in sample(form.action, 2):
            fault = fault_of(caller, form, {"q": [unbroken(line)]}, {})
            if fault:
                faults.append(said(form, "q", line, fault))
    assert not faults, "\n".join(faults)
