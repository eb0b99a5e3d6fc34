"""A template whose words are refused again and again is paused, before everybody's mail of that kind is spent on it.

Counted in the order in which outcomes are committed, for all senders together: the row of the count is locked by whoever
counts, and goes with the next mail of the template that is taken (``leases.SETTLE_AND_MARK``).
"""

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from audit.actions import record
from notices.choices import NoticeKind, NoticeStatus
from notices.delivery.leases import Outcome
from notices.mailings import Parcel
from notices.models import Notice, Pause, RefusalRun

log = structlog.get_logger(__name__)

REFUSALS_BEFORE_A_PAUSE = 20

COUNT = """
INSERT INTO notices_refusalrun AS run (template, in_a_row) VALUES (%s, %s)
    ON CONFLICT (template) DO UPDATE SET in_a_row = run.in_a_row + excluded.in_a_row
RETURNING in_a_row
"""


@transaction.atomic
def count_refusals(group: list[Parcel], trouble: list[Outcome]) -> None:
    """Templates in one order, so that two who count do not wait for each other."""
    for template, refused in sorted(refused_at_the_end(group, trouble).items()):
        with connection.cursor() as cursor:
            cursor.execute(COUNT, [template, len(refused)])
            in_a_row = cursor.fetchone()[0]
        if _is_paused_already(template, refused) or _begins_a_pause(template, refused, in_a_row):
            RefusalRun.objects.filter(template=template).delete()


def refused_at_the_end(group: list[Parcel], trouble: list[Outcome]) -> dict[str, list[Outcome]]:
    """For each template the refusals after its last mail that was taken. What was put off says nothing about the words."""
    outcomes = {outcome.parcel.pk: outcome for outcome in trouble}
    found: dict[str, list[Outcome]] = {}
    for parcel in group:
        outcome = outcomes.get(parcel.pk)
        if outcome is None:
            found.pop(parcel.template, None)
        elif outcome.words_refused and parcel.kind != NoticeKind.SECURITY:
            found.setdefault(parcel.template, []).append(outcome)
    return found


def _is_paused_already(template: str, refused: list[Outcome]) -> bool:
    """Then one that was tried in vain leaves it paused; anything else was on its way when the pause began."""
    pause = Pause.objects.current().select_for_update().filter(template=template).first()
    if pause is None:
        return False
    pause.why = refused[-1].detail[:500]
    if pause.trial_id in {outcome.parcel.pk for outcome in refused}:
        pause.tried_at = pause.tried_by = pause.trial = None
        record("tried a paused template in vain", pause, by=None, template=template)
    pause.save(update_fields=("why", "tried_at", "tried_by", "trial"))
    return True


def _begins_a_pause(template: str, refused: list[Outcome], in_a_row: int) -> bool:
    if in_a_row < REFUSALS_BEFORE_A_PAUSE:
        return False
    pause = Pause.objects.create(template=template, why=refused[-1].detail[:500])
    record("paused a template", pause, by=None, template=template, refused=in_a_row)
    log.warning("template_paused", template=template, refused=in_a_row)
    return True


def take_up_trials() -> None:
    """Each pause that somebody asked to end: it ends if its mail was taken, and another is tried if that one never went."""
    asked = list(Pause.objects.being_tried().values_list("pk", flat=True))
    if asked:
        _take_up(asked)


@transaction.atomic
def _take_up(asked: list[int]) -> None:
    pauses = Pause.objects.being_tried().filter(pk__in=asked).select_related("trial", "tried_by")
    for pause in pauses.select_for_update(skip_locked=True, of=("self",)):
        if pause.trial is not None and pause.trial.status == NoticeStatus.SENT:
            _end(pause)
        elif pause.trial is None or pause.trial.status not in {NoticeStatus.PENDING, NoticeStatus.LEASED}:
            pause.trial = _one_to_try(pause.template)
            pause.save(update_fields=("trial",))


def _one_to_try(template: str) -> Notice | None:
    due = Notice.objects.waiting_for(template).filter(Q(expires_at=None) | Q(expires_at__gt=Now()), due_at__lte=Now())
    return due.order_by("priority", "due_at", "pk").first()


def _end(pause: Pause) -> None:
    Pause.objects.filter(pk=pause.pk).update(ended_at=Now(), ended_by=pause.tried_by)
    record("ended the pause of a template", pause, by=pause.tried_by, template=pause.template)
