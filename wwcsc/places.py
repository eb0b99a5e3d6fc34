"""The pages that navigation leads to, by area. A page that does not exist yet is left out, never a broken link."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True)
class Place:
    label: str
    url: str
    current: bool = False


# Label and name of the address.
AREAS: dict[str, tuple[tuple[str, str], ...]] = {
    "public": (
        ("Evidence", "evidence_store:list"),
        ("Evaluations", "evaluations:list"),
        ("Programmes", "programmes:list"),
        ("Partners", "partners:list"),
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
        ("My work", "staff"),
        ("Calls", "calls:board"),
        ("Reports due", "programmes:reports_due"),
        ("Evaluations", "evaluations:board"),
        ("Evidence", "evidence_store:board"),
        ("Mail", "notices:list"),
        ("People", "people:list"),
        ("Back room", "admin:index"),
    ),
    "account": (
        ("E-mail address", "account_email"),
        ("Password", "account_change_password"),
        ("Second step", "mfa_index"),
        ("Where you are signed in", "usersessions_list"),
    ),
}


def of(area: str, *, at: str = "") -> list[Place]:
    """The longest address that this page's begins with is where we are."""
    found = [(label, address) for label, name in AREAS[area] if (address := _address(name))]
    here = max((url for _, url in found if at.startswith(url)), key=len, default="")
    return [Place(label=label, url=url, current=url == here) for label, url in found]


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
