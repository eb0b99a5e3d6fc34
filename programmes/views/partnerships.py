"""Pages about partnerships: lists for staff and partners, the page of one, and what can be done on it."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.actions import record
from audit.exports import as_csv
from audit.models import Event
from people.models import Person
from people.requests import SignedInRequest
from people.rules import require
from programmes.actions import obligations, partnerships
from programmes.choices import RUNNING, PartnershipStatus
from programmes.filters import PartnershipFilter
from programmes.forms import (
    AnnounceForm,
    CompleteForm,
    LeaveForm,
    ObligationForm,
    ReasonForm,
    ScheduleForm,
    SignatureForm,
    SignedElsewhereForm,
    StartForm,
    TermsForm,
    chosen_partnerships,
)
from programmes.models import Partnership
from programmes.querysets import hidden_from
from programmes.views.pages import Deed, frame_for, page_of, partnership_or_404, staff_only

WORDS_FOR = {
    "moved": "Moved on",
    "began a partnership": "Partnership begun from an accepted offer",
    "set the moment of announcement": "Moment of announcement set",
    "held the announcement": "Announcement held back",
    "scheduled reports": "Reports scheduled",
}


def load_on_partner(person: Person) -> Count:
    """How many partnerships the same organisation runs at once that the person may know of."""
    theirs = "organisation__partnerships"
    known = Q(**{f"{theirs}__status__in": RUNNING}) & ~hidden_from(person, f"{theirs}__")
    return Count(theirs, filter=known, distinct=True)


@require_safe
def staff_partnerships(request: SignedInRequest) -> HttpResponse:
    staff_only(request)
    rows = Partnership.objects.visible_to(request.user).for_list().annotate(load=load_on_partner(request.user))
    chosen = PartnershipFilter(request.GET, queryset=rows)
    context = {"filter": chosen, "page": page_of(request, chosen.qs), "now": timezone.now()}
    return render(request, "programmes/staff_partnerships.html", context)


@require_safe
def partnerships_csv(request: SignedInRequest) -> HttpResponse:
    staff_only(request)
    rows = Partnership.objects.visible_to(request.user).for_list()
    chosen = PartnershipFilter(request.GET, queryset=rows).qs
    record("exported partnerships", request.user, by=request.user, rows=chosen.count())
    heading = (
        "organisation",
        "programme",
        "strand",
        "role",
        "practice",
        "stage",
        "starts",
        "ends",
        "announced from",
        "demonstration",
    )
    return as_csv(
        "partnerships",
        heading,
        (
            (
                partnership.organisation.name,
                partnership.programme.name,
                partnership.strand or "",
                partnership.get_role_display(),
                partnership.practice_name,
                partnership.get_status_display(),
                partnership.starts_on,
                partnership.ends_on,
                partnership.public_from,
                partnership.is_demonstration,
            )
            for partnership in chosen
        ),
    )


@require_safe
def our_partnerships(request: SignedInRequest) -> HttpResponse:
    rows = Partnership.objects.of(request.user).for_list()
    return render(request, "programmes/our_partnerships.html", {"page": page_of(request, rows)})


@require_safe
def partnership(request: SignedInRequest, pk: int) -> HttpResponse:
    found = partnership_or_404(request, pk)
    person = request.user
    owed = sorted(found.obligations.all(), key=lambda one: (not one.is_outstanding, one.due_at))
    context = {
        "frame": frame_for(person),
        "partnership": found,
        "owed": owed,
        "colleagues": found.organisation.memberships.current().select_related("person"),
        "moments": moments_of(found),
        "may_manage": person.has_perm("programmes.manage_partnership", found),
        "may_announce": person.has_perm("programmes.announce_partnership", found),
        "may_sign": person.has_perm("programmes.sign_agreement", found) and found.status == PartnershipStatus.ISSUED,
        "signature_form": SignatureForm(),
    }
    return render(request, "programmes/partnership.html", context)


def moments_of(found: Partnership) -> list[dict[str, Any]]:
    """The story of a partnership from the audit trail, offices and numbers only."""
    labels = dict(PartnershipStatus.choices)
    events = list(Event.objects.about(found))
    people = Person.objects.in_bulk({event.person_id for event in events if event.person_id})
    return [
        {
            "at": event.at,
            "what": labels.get(event.details.get("now"), WORDS_FOR.get(event.verb, event.verb.capitalize()))
            if event.verb == "moved"
            else WORDS_FOR.get(event.verb, event.verb.capitalize()),
            "by": people[event.person_id].shown_name if event.person_id in people else "",
            "note": event.details.get("why", ""),
        }
        for event in events
    ]


@require_POST
def agree(request: SignedInRequest, pk: int) -> HttpResponse:
    found = partnership_or_404(request, pk)
    partnerships.agree_in_principle(found, by=request.user)
    messages.success(request, "Agreed in principle. Next: send the agreement.")
    return redirect(found)


def issue(request: SignedInRequest, pk: int) -> HttpResponse:
    deed = Deed[Partnership](
        permission="programmes.manage_partnership",
        title="Send the agreement for signature",
        form=TermsForm,
        act=lambda found, said, by: partnerships.issue_agreement(found, terms=said["terms"], by=by),
        said="The agreement is with the partner. Its leads are being told by e-mail.",
        button="Send the agreement",
    )
    return deed.answer(request, partnership_or_404(request, pk))


def correct(request: SignedInRequest, pk: int) -> HttpResponse:
    deed = Deed[Partnership](
        permission="programmes.manage_partnership",
        title="Correct the agreement",
        lede="The partner has not signed yet. What you send takes the place of what it has, and its leads are asked to read it again.",
        form=TermsForm,
        initial=lambda found: {"terms": found.agreement.terms if found.agreement else ""},
        act=lambda found, said, by: partnerships.correct_agreement(found, terms=said["terms"], by=by),
        said="The corrected agreement is with the partner. Its leads are being told by e-mail.",
        button="Send the corrected agreement",
    )
    return deed.answer(request, partnership_or_404(request, pk))


def sign(request: SignedInRequest, pk: int) -> HttpResponse:
    deed = Deed[Partnership](
        permission="programmes.sign_agreement",
        title="Sign the agreement",
        form=SignatureForm,
        initial=lambda found: {
            "read": found.agreement.issued_at.isoformat() if found.agreement and found.agreement.issued_at else ""
        },
        act=lambda found, said, by: partnerships.sign_agreement(found, office=said["office"], read=said["read"], by=by),
        said="Signed. Thank you. The partnership is not public before its announcement.",
        button="Sign the agreement",
    )
    return deed.answer(request, partnership_or_404(request, pk))


def signed_elsewhere(request: SignedInRequest, pk: int) -> HttpResponse:
    deed = Deed[Partnership](
        permission="programmes.manage_partnership",
        title="Record a signature given elsewhere",
        form=SignedElsewhereForm,
        act=lambda found, said, by: partnerships.record_signature(found, office=said["office"], on=said["on"], by=by),
        said="The signature is recorded.",
        button="Record the signature",
    )
    return deed.answer(request, partnership_or_404(request, pk))


def begin(request: SignedInRequest, pk: int) -> HttpResponse:
    deed = Deed[Partnership](
        permission="programmes.manage_partnership",
        title="Start the partnership",
        form=StartForm,
        act=lambda found, said, by: partnerships.start(found, on=said["on"], ends_on=said["ends_on"], by=by),
        said="The partnership is active.",
        button="Start",
    )
    return deed.answer(request, partnership_or_404(request, pk))


def pause(request: SignedInRequest, pk: int) -> HttpResponse:
    deed = Deed[Partnership](
        permission="programmes.manage_partnership",
        title="Pause the partnership",
        form=ReasonForm,
        act=lambda found, said, by: partnerships.pause(found, why=said["why"], by=by),
        said="The partnership is paused. Reminders stop until it goes on.",
        button="Pause",
        lede="The partner reads the reason on the page of the partnership.",
    )
    return deed.answer(request, partnership_or_404(request, pk))


@require_POST
def resume(request: SignedInRequest, pk: int) -> HttpResponse:
    found = partnership_or_404(request, pk)
    partnerships.resume(found, by=request.user)
    messages.success(request, "The partnership is active again.")
    return redirect(found)


def complete(request: SignedInRequest, pk: int) -> HttpResponse:
    deed = Deed[Partnership](
        permission="programmes.manage_partnership",
        title="Complete the partnership",
        form=CompleteForm,
        act=lambda found, said, by: partnerships.complete(found, on=said["on"], by=by),
        said="The partnership is completed. What is still owed stays owed.",
        button="Complete",
    )
    return deed.answer(request, partnership_or_404(request, pk))


def leave(request: SignedInRequest, pk: int) -> HttpResponse:
    deed = Deed[Partnership](
        permission="programmes.manage_partnership",
        title="End the partnership early",
        form=LeaveForm,
        act=lambda found, said, by: partnerships.leave(
            found, reason=said["reason"], on=said["on"], withdrew=said["withdrew"], by=by
        ),
        said="The end is recorded with its reason. Nothing is owed any more.",
        button="End the partnership",
        lede="This cannot be taken back. The partnership stays in the record with its reason.",
    )
    return deed.answer(request, partnership_or_404(request, pk))


def announce(request: SignedInRequest, pk: int) -> HttpResponse:
    found = partnership_or_404(request, pk)
    unsigned = found.status in (PartnershipStatus.PROPOSED, PartnershipStatus.AGREED, PartnershipStatus.ISSUED)
    lede = "From this moment the partnership is on the partner’s page, the programme’s page, the map and the feed."
    if unsigned:
        lede += " Take care: the agreement is not signed yet. You may still announce."
    deed = Deed[Partnership](
        permission="programmes.announce_partnership",
        title="Set the moment of announcement",
        form=AnnounceForm,
        act=lambda found, said, by: partnerships.announce([found], at=said["moment"], by=by),
        said="The moment is set. Before it nothing can be seen in public.",
        button="Set the moment",
        lede=lede,
    )
    return deed.answer(request, found)


@require_POST
def hold(request: SignedInRequest, pk: int) -> HttpResponse:
    found = partnership_or_404(request, pk)
    partnerships.hold_announcement(found, by=request.user)
    messages.success(
        request, "The announcement is held back. The partnership stays out of sight until you set a moment."
    )
    return redirect(found)


def ask_for(request: SignedInRequest, pk: int) -> HttpResponse:
    def act(found: Partnership, said: dict[str, Any], by: Person) -> None:
        due_at = obligations.moment_on(said["due_on"])
        obligations.ask_for(found, said["kind"], title=said["title"], guidance=said["guidance"], due_at=due_at, by=by)

    deed = Deed[Partnership](
        permission="programmes.manage_partnership",
        title="Add something that is owed",
        form=ObligationForm,
        act=act,
        said="Added. The partner sees it now and is reminded before it is due.",
        button="Add it",
    )
    return deed.answer(request, partnership_or_404(request, pk))


def schedule(request: SignedInRequest, pk: int) -> HttpResponse:
    def act(found: Partnership, said: dict[str, Any], by: Person) -> None:
        obligations.schedule_reports(
            found, first_on=said["first_on"], every_months=said["every_months"], how_many=said["how_many"], by=by
        )

    deed = Deed[Partnership](
        permission="programmes.manage_partnership",
        title="Schedule progress reports",
        form=ScheduleForm,
        act=act,
        said="The reports are scheduled. Reminders go out 14 days and 3 days before, on the day, and after.",
        button="Schedule the reports",
    )
    return deed.answer(request, partnership_or_404(request, pk))


def announcements(request: SignedInRequest) -> HttpResponse:
    """What will become public and when, and one moment for several partnerships at once."""
    staff_only(request)
    if request.method == "POST":
        require(request.user, "programmes.announce_partnership")
    now = timezone.now()
    rows = Partnership.objects.visible_to(request.user).running().for_list()
    waiting = rows.filter(public_from__isnull=True)
    form = AnnounceForm(request.POST or None)
    chosen = chosen_partnerships(request.POST.getlist("partnership"), waiting) if request.method == "POST" else []
    if request.method == "POST" and form.is_valid():
        if not chosen:
            form.add_error(None, "Tick at least one partnership. Nothing was changed.")
        else:
            done = partnerships.announce(chosen, at=form.cleaned_data["moment"], by=request.user)
            messages.success(request, f"The moment is set for {len(done)} partnership{'s' if len(done) != 1 else ''}.")
            return redirect("programmes:announcements")
    context = {
        "waiting": waiting,
        "coming": rows.filter(public_from__gt=now).order_by("public_from"),
        "chosen": {partnership.pk for partnership in chosen},
        "form": form,
        "may_announce": request.user.has_perm("programmes.announce_partnership"),
    }
    return render(request, "programmes/announcements.html", context)
