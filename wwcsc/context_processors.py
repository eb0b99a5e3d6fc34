from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject


@dataclass(frozen=True)
class Area:
    """A part of the portal that this person may enter."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True)
class Portal:
    name: str
    demonstration: bool
    contact_email: str
    second_factor_off: bool
    areas: list[Area] = field(default_factory=list)


def portal(request: HttpRequest) -> dict[str, Any]:
    return {"portal": SimpleLazyObject(lambda: _portal(request))}


def _portal(request: HttpRequest) -> Portal:
    return Portal(
        name="WWCSC portal",
        demonstration=settings.DEMONSTRATION,
        contact_email=settings.CONTACT_EMAIL,
        second_factor_off=not settings.STAFF_NEED_A_SECOND_FACTOR,
        areas=_areas(request),
    )


def _areas(request: HttpRequest) -> list[Area]:
    person = getattr(request, "user", None)
    if person is None or not person.is_authenticated:
        return []

    def area(label: str, name: str) -> Area:
        url = reverse(name)
        return Area(label, url, request.path.startswith(url))

    areas = []
    if person.is_centre_staff:
        areas.append(area("Staff", "staff_work"))
    if person.memberships.current().exists():
        areas.append(area("Workspace", "workspace"))
    if person.assessments.exists():
        areas.append(area("Assess", "calls:assess"))
    return areas
