"""Mails of assessment and decision. Letters of decision are held until staff release them together."""

from collections.abc import Iterable
from datetime import datetime

from calls.choices import Outcome
from calls.models import Application, Assessment, Call, Decision
from calls.notices.blindness import ASSIGNED, kept_from, kept_from_mail_to_assessor
from calls.notices.calls import address, leads_of
from notices.actions import queue
from notices.models import Notice
from people.models import Person

LETTERS = {
    Outcome.OFFER: "calls/emails/decision_offer",
    Outcome.RESERVE: "calls/emails/decision_reserve",
    Outcome.NO: "calls/emails/decision_no",
}


def key_of_letter(decision: Decision, person: Person) -> str:
    """One letter for each version of a decision and each person: an old version can never be sent beside a new one."""
    return f"decision:{decision.pk}:v{decision.version}:{person.pk}"


def write_letter(decision: Decision, person: Person) -> Notice:
    """The letter as the applicant will see it, held."""
    application = decision.application
    return queue(
        LETTERS[Outcome(decision.outcome)],
        to=person.email,
        key=key_of_letter(decision, person),
        person=person,
        about=decision,
        held=True,
        kept_from=kept_from(application),
        application=application,
        call=application.call,
        organisation=application.organisation,
        decision=decision,
        link=address("calls:result", application.pk),
    )


def tell_assessor_what_to_assess(call: Call, assessor: Person, assessments: Iterable[Assessment]) -> None:
    """One mail for everything that was given to one assessor at a time. It names no applicant."""
    given = sorted(assessment.pk for assessment in assessments)
    queue(
        ASSIGNED,
        to=assessor.email,
        key=f"assessments-given:{call.pk}:{assessor.pk}:{given[-1]}",
        person=assessor,
        about=call,
        kept_from=kept_from_mail_to_assessor(call.pk, assessor.pk),
        call=call,
        number=len(given),
        link=address("calls:assess"),
    )


def tell_staff_offer_was_answered(application: Application) -> None:
    """Nobody who is kept from the application is written to about it, even who once wrote the call."""
    decision, hidden_from = application.decision, kept_from(application)
    people = {
        person.pk: person
        for person in (decision.decided_by, application.call.created_by)
        if person and person.is_active and person.pk not in hidden_from
    }
    for person in people.values():
        queue(
            "calls/emails/offer_answered",
            to=person.email,
            key=f"offer-answered:{decision.pk}:{person.pk}",
            person=person,
            about=application,
            kept_from=hidden_from,
            application=application,
            call=application.call,
            organisation=application.organisation,
            decision=decision,
            link=address("calls:applications_board", application.call.slug),
        )


def tell_leads_they_have_longer(application: Application, *, until: datetime) -> None:
    hidden_from = kept_from(application)
    for person in leads_of(application):
        queue(
            "calls/emails/offer_extended",
            to=person.email,
            key=f"offer-extended:{application.decision.pk}:{person.pk}:{until.isoformat()}",
            person=person,
            about=application,
            kept_from=hidden_from,
            application=application,
            call=application.call,
            organisation=application.organisation,
            until=until,
            link=address("calls:result", application.pk),
        )
