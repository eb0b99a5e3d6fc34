"""What the pages of this app have in common: whose frame they wear, and how a list is cut into pages."""

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from people.models import Person
from people.requests import SignedInRequest
from people.rules import Refused
from programmes.models import Obligation, Partnership

ON_A_PAGE = 25


def frame_for(person: Person) -> str:
    return "base_staff.html" if person.is_centre_staff else "base_workspace.html"


def page_of(request: SignedInRequest, rows: QuerySet) -> Page:
    return Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))


def staff_only(request: SignedInRequest) -> None:
    if not request.user.is_centre_staff:
        raise Refused(request.user, "programmes.manage_partnership")


def partnership_or_404(request: SignedInRequest, pk: int) -> Partnership:
    """The working page of a partnership is for the two parties. Others have its public page, and see none here."""
    person = request.user
    mine = Partnership.objects.visible_to(person)
    if not person.is_centre_staff:
        mine = mine & Partnership.objects.of(person)
    return get_object_or_404(mine.select_related("organisation", "programme", "strand", "wave", "agreement"), pk=pk)


def obligation_or_404(request: SignedInRequest, pk: int) -> Obligation:
    owed = Obligation.objects.visible_to(request.user).select_related(
        "partnership__organisation", "partnership__programme", "settled_by"
    )
    return get_object_or_404(owed, pk=pk)
