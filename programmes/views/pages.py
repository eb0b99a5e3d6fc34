"""What the pages of this app have in common: whose frame they wear, how a list is cut into pages, and one form with one deed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from people.models import Person
from people.requests import SignedInRequest
from people.rules import Refused, require
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


@dataclass(frozen=True)
class Deed[Thing: (Partnership, Obligation)]:
    """A page with one form and one deed: shown by GET, done by POST, shown again with what was typed when refused."""

    permission: str
    title: str
    form: type[forms.Form]
    act: Callable[[Thing, dict[str, Any], Person], object]
    said: str
    button: str
    lede: str = ""
    initial: Callable[[Thing], dict[str, Any]] | None = None

    def answer(self, request: SignedInRequest, found: Thing) -> HttpResponse:
        require(request.user, self.permission, found)
        initial = self.initial(found) if self.initial else None
        form = self.form(request.POST if request.method == "POST" else None, initial=initial)
        if form.is_bound and form.is_valid():
            try:
                self.act(found, form.cleaned_data, request.user)
            except ValidationError as refused:
                form.add_error(None, refused)
            else:
                messages.success(request, self.said)
                return redirect(found)
        context = {
            "frame": frame_for(request.user),
            "partnership": found if isinstance(found, Partnership) else found.partnership,
            "obligation": found if isinstance(found, Obligation) else None,
            "form": form,
            "title": self.title,
            "button": self.button,
            "lede": self.lede,
        }
        return render(request, "programmes/deed.html", context)
