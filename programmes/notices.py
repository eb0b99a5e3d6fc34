"""Every mail about a partnership and what it owes: whom we tell, and when."""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    DateTimeField,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.timezone import localdate

from notices.actions import queue, queue_for_all
from notices.choices import NoticeKind
from notices.mailings import Mailing, Parcel, register
from partners.choices import MembershipRole
from partners.models import Membership
from people.choices import StaffRole
from people.models import Person, Post
from people.querysets import PostQuerySet
from programmes.choices import REPORTS, ObligationStatus, PartnershipStatus
from programmes.models import Obligation, Partnership, Report, ReportQuestion
from programmes.querysets import hidden_from

WHO_REPORTS = (MembershipRole.LEAD, MembershipRole.EDITOR, MembershipRole.DATA)
THEIRS = "organisation__partnerships__obligations"  # from a membership to what its organisation owes
STILL_OWES = (
    PartnershipStatus.PROPOSED,
    PartnershipStatus.AGREED,
    PartnershipStatus.ISSUED,
    PartnershipStatus.SIGNED,
    PartnershipStatus.ACTIVE,
    PartnershipStatus.COMPLETED,
)


def people_of(partnership: Partnership, *roles: str) -> list[Person]:
    """Those who act for the partner today, in the roles named."""
    memberships = partnership.organisation.memberships.current().filter(role__in=roles, person__is_active=True)
    return [membership.person for membership in memberships.select_related("person").order_by("pk")]


def programme_staff(partnership: Partnership) -> Iterable[Person]:
    return all_programme_staff().exclude(pk__in=partnership.hidden_from).order_by("pk")


def all_programme_staff() -> QuerySet[Person]:
    """Those who look after programmes today. Whoever did so once and has another staff role now is not written to."""
    held: QuerySet[Post] = PostQuerySet(Post).held_on(localdate()).filter(role=StaffRole.PROGRAMMES)
    return Person.objects.active().filter(pk__in=held.values("person"))


def tell_leads_agreement_is_ready(partnership: Partnership) -> None:
    issued_at = partnership.agreement.issued_at if partnership.agreement else None
    for lead in people_of(partnership, MembershipRole.LEAD):
        key = f"agreement-ready:{partnership.pk}:{lead.pk}:{issued_at and issued_at.isoformat()}"
        _write_about_partnership("agreement_ready", lead, partnership, key=key)


def tell_staff_agreement_was_signed(partnership: Partnership) -> None:
    for person in programme_staff(partnership):
        key = f"agreement-signed:{partnership.pk}:{person.pk}"
        _write_about_partnership("agreement_signed", person, partnership, key=key)


def remind_of_reports(owed: QuerySet[Obligation], *, rule: str, is_late: bool) -> int:
    """One reminder for each obligation and each person who reports for it, once for each rule and due date.

    A report is asked of all who write it, anything else of the leads. Returns how many reminders are new.
    """
    asked = Q(role=MembershipRole.LEAD) | Q(role__in=WHO_REPORTS, **{f"{THEIRS}__kind__in": REPORTS})
    readers = _who_acts_for(owed, asked, what="report-due", rule=rule, version=F(f"{THEIRS}__due_version"))
    return queue_for_all(REPORT_LATE if is_late else REPORT_DUE, readers, about=Obligation)


def remind_of_questions(queried: QuerySet[Obligation], *, rule: str) -> int:
    """One reminder for each question that waits and each person who writes reports, once for each rule. Returns how many are new."""
    latest = Subquery(_questions_about(OuterRef(f"{THEIRS}__pk")).values("pk")[:1])
    readers = _who_acts_for(queried, Q(role__in=WHO_REPORTS), what="question-waits", rule=rule, version=latest)
    return queue_for_all(QUESTION_WAITS, readers, about=Obligation)


def _questions_about(obligation: Any) -> QuerySet[ReportQuestion]:
    return ReportQuestion.objects.filter(report__obligation=obligation).order_by("-asked_at", "-pk")


def _who_acts_for(
    obligations: QuerySet[Obligation], asked: Q, *, what: str, rule: str, version: Combinable
) -> QuerySet[Membership]:
    members = Membership.objects.current().filter(
        asked, person__is_active=True, **{f"{THEIRS}__in": obligations.values("pk")}
    )
    return members.annotate(
        key=key_of_reminder(what, rule, F(f"{THEIRS}__pk"), version, F("person")),
        reader=F("person"),
        address=F("person__email"),
        cause=F(f"{THEIRS}__pk"),
        kept_from=_kept_from(f"{THEIRS}__partnership__"),
        useful_until=Value(None, output_field=DateTimeField()),
        demonstration=Case(
            When(Q(person__is_demonstration=True) | Q(**{f"{THEIRS}__is_demonstration": True}), then=Value(True)),
            default=Value(False),
        ),
    )


def tell_staff_reports_are_late(owed: QuerySet[Obligation], *, rule: str) -> int:
    return sum(_tell_one_of_the_staff(person, owed, rule) for person in all_programme_staff())


def _tell_one_of_the_staff(person: Person, owed: QuerySet[Obligation], rule: str) -> int:
    readers = owed.exclude(hidden_from(person, "partnership__")).annotate(
        key=key_of_reminder("report-late-staff", rule, F("pk"), F("due_version"), Value(person.pk)),
        reader=Value(person.pk),
        address=Value(person.email),
        cause=F("pk"),
        kept_from=_kept_from("partnership__"),
        useful_until=Value(None, output_field=DateTimeField()),
        demonstration=F("is_demonstration"),
    )
    return queue_for_all(REPORT_LATE_FOR_STAFF, readers, about=Obligation)


def _kept_from(partnership: str) -> Case:
    """Staff in conflict see nothing of a partnership that is not announced yet; then everybody may read of it."""
    numbers = ArrayField(BigIntegerField())
    announced = When(**{f"{partnership}public_from__lte": timezone.now()}, then=Value([], output_field=numbers))
    return Case(announced, default=F(f"{partnership}kept_from"), output_field=numbers)


def key_of_reminder(what: str, rule: str, obligation: Combinable, version: Combinable, person: Combinable) -> Concat:
    """A date that moves has a new version, and a question its number, so reminders are asked for anew."""
    words = CharField()
    return Concat(
        Value(f"{what}:"),
        Cast(obligation, words),
        Value(f":{rule}:v"),
        Cast(version, words),
        Value(":"),
        Cast(person, words),
    )


def send_receipt_for_report(report: Report) -> None:
    for person in people_of(report.obligation.partnership, *WHO_REPORTS):
        _write_about_report("report_received", person, report)


def tell_staff_report_arrived(report: Report) -> None:
    for person in programme_staff(report.obligation.partnership):
        _write_about_report("report_arrived", person, report)


def ask_about_report(report: Report, *, question: str) -> None:
    for person in people_of(report.obligation.partnership, *WHO_REPORTS):
        _write_about_report("report_queried", person, report, question=question)


def tell_partner_report_was_accepted(report: Report) -> None:
    for person in people_of(report.obligation.partnership, *WHO_REPORTS):
        _write_about_report("report_accepted", person, report)


def _write_about_partnership(name: str, person: Person, partnership: Partnership, *, key: str) -> None:
    queue(
        f"programmes/emails/{name}",
        to=person.email,
        person=person,
        about=partnership,
        kept_from=partnership.hidden_from,
        key=key,
        partnership=partnership,
        link=_address_of(partnership),
    )


def _write_about_report(name: str, person: Person, report: Report, **more: Any) -> None:
    queue(
        f"programmes/emails/{name}",
        to=person.email,
        person=person,
        about=report,
        kept_from=report.obligation.partnership.hidden_from,
        key=f"{name.replace('_', '-')}:{report.pk}:{person.pk}",
        report=report,
        obligation=report.obligation,
        partnership=report.obligation.partnership,
        link=_address_of(report.obligation),
        **more,
    )


def _address_of(thing: Partnership | Obligation) -> str:
    return settings.PORTAL_ADDRESS + thing.get_absolute_url()


# --- reminders are written when they are sent, and left out where nothing is owed any more --------------------------------


def about_what_is_owed(obligation: int) -> dict[str, Any]:
    owed = Obligation.objects.select_related(
        "partnership__programme", "partnership__organisation", "partnership__strand"
    ).get(pk=obligation)
    return {"obligation": owed, "about": owed, "partnership": owed.partnership, "link": _address_of(owed)}


def about_the_question(obligation: int) -> dict[str, Any]:
    return {**about_what_is_owed(obligation), "question": _questions_about(obligation)[0]}


def not_owed_any_more(parcels: list[Parcel]) -> dict[int, str]:
    """Sent, waived, answered or moved to another day since; or the reader does not act for the partner any more."""
    found = Obligation.objects.select_related("partnership").in_bulk({parcel.subject_id for parcel in parcels})
    readers = {parcel.person_id for parcel in parcels}
    members = Membership.objects.current().filter(person__in=readers)
    acts = set(members.values_list("person", "organisation"))
    staff = set(all_programme_staff().values_list("pk", flat=True))
    reasons = {parcel.pk: _why_not(parcel, found.get(parcel.subject_id), acts, staff) for parcel in parcels}
    return {number: reason for number, reason in reasons.items() if reason}


def _why_not(parcel: Parcel, owed: Obligation | None, acts: set[tuple[int, int]], staff: set[int]) -> str:
    asks_again = parcel.template == QUESTION_WAITS.template
    if owed is None or owed.status != (ObligationStatus.QUERIED if asks_again else ObligationStatus.OWED):
        return "It is not owed any more"
    if owed.partnership.status not in STILL_OWES:
        return "The partnership has ended or is paused"
    if not asks_again and f":v{owed.due_version}:" not in parcel.key:
        return "The due date has moved"
    if asks_again and f":v{_questions_about(owed)[0].pk}:" not in parcel.key:
        return "There is a newer question"
    if parcel.template == REPORT_LATE_FOR_STAFF.template:
        may_know = parcel.person_id in staff and parcel.person_id not in owed.partnership.hidden_from
        return "" if may_know else "Its reader does not look after the partnership any more"
    is_member = (parcel.person_id, owed.partnership.organisation_id) in acts
    return "" if is_member else "Its reader does not act for the partner any more"


def _reminder(template: str, name: str, compose: Callable[..., dict[str, Any]] = about_what_is_owed) -> Mailing:
    return register(Mailing(f"programmes/emails/{template}", NoticeKind.REMINDER, name, compose, not_owed_any_more))


REPORT_DUE = _reminder("report_due", "Something is due")
REPORT_LATE = _reminder("report_late", "Something is late")
REPORT_LATE_FOR_STAFF = _reminder("report_late_for_staff", "A partner is late")
QUESTION_WAITS = _reminder("question_waits", "A question about a report waits for an answer", about_the_question)
