"""The letters of decisions: written and held, renewed, and released all at once."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from audit.actions import record
from calls import figures
from calls.choices import DECIDABLE, ApplicationStatus, CallStatus, Outcome
from calls.models import Call, Decision
from calls.notices.calls import leads_of
from calls.notices.decisions import (
    key_of_letter,
    write_letter,
)
from lifecycle.actions import MoveRefused, RecordChanged, move
from notices.actions import release, withdraw
from notices.choices import NoticeStatus
from notices.models import Notice
from people.models import Person
from people.rules import require


@transaction.atomic
def renew_letters(decision: Decision, *, by: Person) -> None:
    """One held letter for each present lead and for this version of the decision; every other one is withdrawn."""
    leads = leads_of(decision.application)
    wanted = {key_of_letter(decision, person) for person in leads}
    for notice in Notice.objects.about(decision).held():
        if notice.key not in wanted:
            withdraw(notice, by=by, why="The decision or the people changed.")
    for person in leads:
        _write(decision, person, by=by)


def _write(decision: Decision, person: Person, *, by: Person) -> None:
    notice = write_letter(decision, person)
    if notice.status == NoticeStatus.CANCELLED:
        # The same person left and came back: the letter of this version was withdrawn, so the version moves on.
        decision.version += 1
        decision.save(update_fields=("version",))
        renew_letters(decision, by=by)


def waiting_to_be_told(call: Call) -> list[Decision]:
    """Decisions of the call that nobody has been told of, ready for their letters."""
    waiting = Decision.objects.filter(
        application__call=call,
        told_at__isnull=True,
        application__status__in=(ApplicationStatus.DECIDED, ApplicationStatus.INELIGIBLE),
    )
    return list(
        waiting.select_related("application__call", "application__organisation").order_by("application__reference")
    )


@transaction.atomic
def renew_all_letters(call: Call, *, by: Person) -> int:
    """Put right the letters that are not addressed to today's leads. Returns how many decisions had changed."""
    require(by, "calls.release_letters", call)
    Call.objects.select_for_update().get(pk=call.pk)
    changed = [post for post in figures.post_of(waiting_to_be_told(call)) if post.needs_renewal]
    for post in changed:
        renew_letters(post.decision, by=by)
    return len(changed)


@transaction.atomic
def set_respond_by(call: Call, until: datetime, *, by: Person) -> None:
    """When offers have to be answered. It stands in the letters, so these are written anew."""
    require(by, "calls.release_letters", call)
    Call.objects.select_for_update().get(pk=call.pk)
    if call.status not in DECIDABLE:
        raise ValidationError("The letters have been released. Give one partner longer on the page of its offer.")
    if until <= timezone.now():
        raise ValidationError("Choose a moment in the future.")
    for decision in waiting_to_be_told(call):
        if decision.outcome == Outcome.OFFER and decision.respond_by != until:
            decision.respond_by = until
            decision.version += 1
            decision.save(update_fields=("respond_by", "version"))
            renew_letters(decision, by=by)
    record("set when offers are answered", call, by=by, until=until)


@transaction.atomic
def release_letters(call: Call, *, letters: int, seen: str | None = None, by: Person) -> int:
    """Tell everybody, in one transaction: all letters go, or none.

    ``letters`` is the number that the person looked at, and ``seen`` the mark of what stood in them: a decision that a
    colleague changed since would leave unread, though the number is the same.
    """
    require(by, "calls.release_letters", call)
    call = Call.objects.select_for_update().get(pk=call.pk)
    if call.status != CallStatus.DECIDED:
        raise MoveRefused(call, CallStatus.ANNOUNCED)
    _require_all_decided(call)
    posts = figures.post_of(waiting_to_be_told(call))
    _require_releasable(posts, letters)
    if seen is not None and seen != figures.mark_of(posts):
        raise ValidationError(
            "A decision or a letter changed since you looked. Nothing was sent. Look again, then release."
        )
    now = timezone.now()
    for post in posts:
        told = Decision.objects.filter(pk=post.decision.pk, version=post.decision.version, told_at__isnull=True)
        if not told.update(told_at=now):
            raise RecordChanged(post.decision)
        move(post.decision.application, ApplicationStatus.TOLD, by=by)
        for notice in post.letters:
            release(notice, by=by)
    move(call, CallStatus.ANNOUNCED, by=by, results_on=timezone.localdate())
    record("released letters", call, by=by, letters=letters, decisions=len(posts))
    return letters


def _require_all_decided(call: Call) -> None:
    """A decision may have been taken back since all was decided; whoever it concerns could not be told any more."""
    progress = figures.progress_of(call)
    if not progress.all_decided:
        raise ValidationError(
            f"{progress.to_check + progress.to_decide} of the applications are not decided. Nothing was sent. Decide first: "
            "everybody is told at the same time."
        )


def _require_releasable(posts: list[figures.Mailing], letters: int) -> None:
    if blocked := [post.decision.application.reference for post in posts if post.is_blocked]:
        raise ValidationError(
            f"Nobody can receive the letter of {', '.join(blocked)}: the organisation has no lead. Invite one, then come back."
        )
    if any(post.needs_renewal for post in posts) or sum(len(post.letters) for post in posts) != letters:
        raise ValidationError(
            "Letters or recipients changed since you looked. Nothing was sent. Renew the letters and look again."
        )
    if any(post.decision.respond_by and post.decision.respond_by <= timezone.now() for post in posts):
        raise ValidationError("The moment by which offers are to be answered has passed. Choose a later one first.")
