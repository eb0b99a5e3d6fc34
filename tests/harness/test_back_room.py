"""The back room (Django's admin): every model, every page of it, for those who have the key and for everybody else.

What whoever has the key may do with each model stands in back_room.csv, with the reason. A model that is registered tomorrow
fails here until somebody has decided that.
"""

import csv
from pathlib import Path

import pytest
from django.contrib import admin
from django.urls import reverse

from tests.factories import PersonFactory
from tests.harness.asking import Caller
from tests.harness.rows import count_rows
from tests.harness.world import MISSING, ROLES

pytestmark = pytest.mark.django_db
TABLE = Path(__file__).parent / "back_room.csv"
PAGES = ("changelist", "add", "change", "delete", "history")


def may() -> dict[str, set[str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(len(row["why"].split()) >= 3 for row in rows)
    return {model: set(row["may"].split()) for row in rows for model in row["models"].split()}


def addresses_of(model) -> dict[str, str]:
    """Page -> address; those of one record name one that is there, where there is one."""
    record = admin.site._registry[model].model._default_manager.order_by("pk").first()
    number = [record.pk if record else MISSING]
    prefix = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    return {page: reverse(f"{prefix}_{page}", args=[] if page in {"changelist", "add"} else number) for page in PAGES}


def test_every_model_of_the_back_room_is_declared_and_no_other():
    assert {model._meta.label for model in admin.site._registry} == set(may())


def test_whoever_has_the_key_may_do_what_is_declared_and_no_more(shared_world, rf):
    keeper = PersonFactory(is_staff=True, is_superuser=True)
    caller, declared, wrong = Caller(keeper), may(), []
    request = rf.get("/")
    request.user = keeper
    for model, pages in admin.site._registry.items():
        allowed = declared.get(model._meta.label, set())
        can = {
            deed for deed in ("view", "add", "change", "delete") if getattr(pages, f"has_{deed}_permission")(request)
        }
        if can != allowed:
            wrong.append(f"{model._meta.label}: may {sorted(can)}, declared {sorted(allowed)}")
        paths = addresses_of(model)
        wanted = {"changelist": {200}, "add": {200 if "add" in allowed else 403}}
        wanted["delete"] = (
            {200, 302} if "delete" in allowed else {403, 302}
        )  # a record that is not there: back to the index
        wanted["change"], wanted["history"] = {200, 302}, {200, 302}
        for page, path in paths.items():
            status = caller.ask("GET", path).status_code
            if status not in wanted[page]:
                wrong.append(f"GET {path}: {status}")
        for page in {"add", "delete"} - allowed:
            status = caller.ask("POST", paths[page], {"post": "yes"}).status_code
            if status not in {403, 302}:
                wrong.append(f"POST {paths[page]}: {status}")
    assert not wrong, "\n".join(wrong)


def is_turned_away(answer, page: str, role: str) -> bool:
    """To the door, who has no key. Django sends a clerk who asks for the history of what he cannot find to the index."""
    if answer.status_code != 302:
        return False
    if role == "clerk":
        return page == "history" and answer["Location"] == reverse("admin:index")
    return answer["Location"].startswith((reverse("admin:login"), reverse("account_login")))


@pytest.mark.parametrize("role", [*ROLES, "clerk"])
def test_without_the_key_nobody_comes_in(shared_world, role):
    """Not by a role on the staff either. A clerk has the key to the door and to no cupboard."""
    person = PersonFactory(is_staff=True) if role == "clerk" else shared_world.people.get(role)
    caller, wrong, before = Caller(person), [], count_rows()
    paths = [place for model in admin.site._registry for place in addresses_of(model).items()]
    if role != "clerk":
        paths += [(name, reverse(f"admin:{name}")) for name in ("index", "jsi18n", "autocomplete", "password_change")]
    for page, path in paths:
        for method in ("GET", "POST"):
            answer = caller.ask(method, path)
            if answer.status_code != 403 and not is_turned_away(answer, page, role):
                wrong.append(f"{method} {path}: {answer.status_code} {answer.get('Location', '')}")
    assert not wrong, "\n".join(wrong)
    assert count_rows() == before


@pytest.mark.parametrize("role", ROLES)
def test_the_door_of_the_back_room_is_the_door_of_the_portal(shared_world, role):
    """Who is not signed in signs in there, with the second factor; who is signed in and has no key is refused."""
    answer = Caller(shared_world.people.get(role)).ask("GET", reverse("admin:login"))
    if role == "anonymous":
        assert answer["Location"].startswith(reverse("account_login"))
    else:
        assert answer.status_code == 403
