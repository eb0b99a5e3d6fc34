"""A partner's front page: what is due, what is open, what we have sent, what we agreed."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from calls.choices import ApplicationStatus, Outcome
from calls.models import Application, Call
from people.requests import SignedInRequest
from programmes.models import Obligation, Partnership

SHOWN = 10


@require_safe
def workspace(request: SignedInRequest) -> HttpResponse:
    person = request.user
    now = timezone.now()
    mine = list(person.memberships.current().select_related("organisation"))
    organisations = [membership.organisation_id for membership in mine]
    applications = Application.objects.visible_to(person).filter(organisation__in=organisations).for_list()
    obligations = Obligation.objects.visible_to(person).filter(partnership__organisation__in=organisations)
    context = {
        "memberships": mine,
        "due": obligations.outstanding().for_list()[:SHOWN],
        "late_count": obligations.late(now).count(),
        "offers": applications.filter(status="told", decision__outcome=Outcome.OFFER),
        "drafts": applications.filter(
            status=ApplicationStatus.DRAFT, call__in=Call.objects.visible_to(person).open(now).values("pk")
        )[:SHOWN],
        "applications": applications[:SHOWN],
        "partnerships": Partnership.objects.of(person).running().for_list()[:SHOWN],
        "open_calls": Call.objects.visible_to(person)
        .public(now)
        .open(now)
        .exclude(applications__in=applications.exclude(status="withdrawn").values("pk"))
        .for_list()[:SHOWN],
    }
    return render(request, "wwcsc/workspace.html", context)
