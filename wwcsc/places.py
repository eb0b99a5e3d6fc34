"""The pages that navigation leads to, by area. A page that does not exist yet is left out, never a broken link."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse


@dataclass(frozen=True)
class Place:
    label: str
    url: str
    current: bool = False


# Label and name of the address.
AREAS: dict[str, tuple[tuple[str, str], ...]] = {
    "public": (
        ("Evidence", "evidence_store:search"),
        ("Evaluations", "evaluations"),
        ("Programmes", "programmes"),
        ("Partners", "partners"),
        ("Open calls", "calls:list"),
        ("About", "about"),
    ),
    "about": (
        ("About the data", "about_data"),
        ("Accessibility", "accessibility"),
        ("Privacy", "privacy"),
        ("Licences", "licences"),
    ),
    "workspace": (
        ("What is due", "workspace"),
        ("Our applications", "calls:our_applications"),
        ("Our partnerships", "programmes:our_partnerships"),
        ("Reports", "programmes:our_reports"),
        ("People", "partners:our_people"),
    ),
    "staff": (
        ("My work", "staff_work"),
        ("Calls", "calls:board"),
        ("Reports due", "programmes:reports_due"),
        ("Partnerships", "programmes:staff_partnerships"),
        ("Evaluations", "evaluations:board"),
        ("Evidence", "evidence_store:board"),
        ("News", "newsroom:staff_posts"),
        ("Mail", "notices:mail"),
        ("People", "partners:staff_people"),
        ("Back room", "admin:index"),
    ),
    "account": (
        ("My details", "people:details"),
        ("E-mail address", "account_email"),
        ("Password", "account_change_password"),
        ("Second step", "mfa_index"),
        ("Where you are signed in", "usersessions_list"),
    ),
}


# The back room lets in only those to whom it was opened.
FOR_THE_BACK_ROOM = "admin:index"


def of(area: str, *, at: str = "", person: Any = None) -> list[Place]:
    """Where we are is the longest address that this page's begins with; the front of an area is only itself."""
    found = [(label, address) for label, name in AREAS[area] if _opens(name, person) and (address := _address(name))]
    fronts = {url for _, url in found if any(other != url and other.startswith(url) for _, other in found)}
    here = max((url for _, url in found if (at == url if url in fronts else at.startswith(url))), key=len, default="")
    return [Place(label=label, url=url, current=url == here) for label, url in found]


def _opens(name: str, person: Any) -> bool:
    return name != FOR_THE_BACK_ROOM or bool(getattr(person, "is_staff", False))


def _address(name: str) -> str:
    return _address_in(get_urlconf() or settings.ROOT_URLCONF, get_script_prefix(), name)


@cache
def _address_in(urlconf: str, prefix: str, name: str) -> str:
    """Every page has thirty of these, and they stay the same for as long as the process runs."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
