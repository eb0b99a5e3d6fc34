"""What waits for the centre's staff today, most pressing first."""

from datetime import timedelta
from itertools import islice

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.timezone import localdate
from django.views.decorators.http import require_safe

from calls.choices import ApplicationStatus, CallStatus, Outcome
from calls.models import Application, Assessment, Call
from evaluations.choices import DutyState
from evaluations.models import Duty
from notices.models import Notice, Pause, Pulse
from people.models import Person
from people.requests import SignedInRequest
from people.rules import is_programme_staff
from programmes.choices import PartnershipStatus
from programmes.models import Obligation, Partnership
from wwcsc.views.health import broker_answers, mail_is_stuck

SHOWN = 8
BEAT_IS_LATE = timedelta(minutes=2)
LIVE = (CallStatus.DRAFT, CallStatus.APPROVED, CallStatus.PUBLISHED, CallStatus.ASSESSING, CallStatus.DECIDED)


@require_safe
def staff_work(request: SignedInRequest) -> HttpResponse:
    person = request.user
    if not person.is_centre_staff:
        raise PermissionDenied
    now = timezone.now()
    week = now + timedelta(days=7)
    obligations = Obligation.objects.visible_to(person).for_list()
    partnerships = Partnership.objects.visible_to(person).for_list()
    context = {
        "late": obligations.late(now)[:SHOWN],
        "late_count": obligations.late(now).count(),
        "due_this_week": obligations.outstanding().filter(due_at__range=(now, week))[:SHOWN],
        "received": obligations.filter(status="received")[:SHOWN],
        "calls": Call.objects.visible_to(person)
        .filter(status__in=LIVE)
        .for_list()
        .annotate(sent=Count("applications", filter=~Q(applications__status__in=("draft", "withdrawn")))),
        "to_check": Application.objects.visible_to(person)
        .filter(status=ApplicationStatus.SUBMITTED, call__closes_at__lte=now)
        .for_list()[:SHOWN],
        "my_assessments": Assessment.objects.visible_to(person).filter(assessor=person).unfinished().for_list()[:SHOWN],
        "runs_calls": is_programme_staff(person),
        "offers_waiting": Application.objects.visible_to(person)
        .filter(status=ApplicationStatus.TOLD, decision__outcome=Outcome.OFFER)
        .for_list()[:SHOWN],
        "agreements_to_issue": partnerships.filter(status__in=(PartnershipStatus.PROPOSED, PartnershipStatus.AGREED))[
            :SHOWN
        ],
        "announcements": partnerships.filter(public_from__gt=now).order_by("public_from")[:SHOWN],
        "late_duties": _late_duties(person),
        "held_mail": Notice.objects.visible_to(person).held().count(),
        "dead_mail": Notice.objects.visible_to(person).needing_a_person().count(),
        "paused_mail": Pause.objects.current().count() if person.has_perm("notices.resume_template") else 0,
        "machinery": machinery(),
    }
    return render(request, "wwcsc/staff_work.html", context)


def _late_duties(person: Person) -> list[Duty]:
    """Promises whose day, month, season or year is over, the oldest first."""
    possible = (
        Duty.objects.visible_to(person).filter(due_on__lt=localdate()).select_related("evaluation").order_by("due_on")
    )
    return list(islice((duty for duty in possible if duty.state == DutyState.LATE), SHOWN))


def machinery() -> list[tuple[str, bool, str]]:
    """Name, whether it works, and a sentence, of each part that can be down while pages still work."""
    now = timezone.now()
    beat = Pulse.objects.filter(name="beat").first()
    beat_works = beat is not None and now - beat.at < BEAT_IS_LATE
    mail_works = not mail_is_stuck(BEAT_IS_LATE)
    broker_works = broker_answers()
    return [
        (
            "Mail",
            mail_works,
            "Mail goes out."
            if mail_works
            else "Mail is waiting. Nothing is lost; it goes out when the workers are back.",
        ),
        (
            "Clock and workers",
            beat_works,
            "Reminders are on time." if beat_works else "No sign of life from the clock or the workers.",
        ),
        (
            "Broker",
            broker_works,
            "It answers."
            if broker_works
            else "It does not answer. Pages and sending still work; mail goes out more slowly.",
        ),
    ]
