"""The answer to whoever watches the machine: what works, and how old the oldest trouble is."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis
from redis.exceptions import RedisError

from notices.models import Notice, Pulse

TOO_OLD = timedelta(minutes=5)


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the portal does its work, 503 once somebody has to look. The broker may be gone: mail waits, pages do not.

    A letter that its mailbox put off is not late before the moment at which it is tried again.
    """
    answer: dict[str, Any] = {"database": database_answers(), "broker": broker_answers()}
    answer["ok"] = False
    answer["beat_age_seconds"] = None
    answer["oldest_unsent_mail_seconds"] = None
    if answer["database"]:
        now = timezone.now()
        beat = Pulse.objects.filter(name="beat").first()
        waiting = Notice.objects.age_of_oldest_due()
        answer["beat_age_seconds"] = round((now - beat.at).total_seconds(), 1) if beat else None
        answer["oldest_unsent_mail_seconds"] = round(waiting.total_seconds(), 1) if waiting else 0
        answer["ok"] = not mail_is_stuck(TOO_OLD) and (beat is None or now - beat.at <= TOO_OLD)
    return JsonResponse(answer, status=200 if answer["ok"] else 503)


def mail_is_stuck(longer_than: timedelta) -> bool:
    """Whether mail that should have been tried, or whose sender has gone silent, has been lying about that long."""
    then = timezone.now() - longer_than
    if Notice.objects.with_expired_lease(then).exists():
        return True
    # At a rate that was set on purpose a long queue is no trouble, as long as it moves.
    moves = settings.MAIL_RATE > 0 and Notice.objects.filter(sent_at__gte=then).exists()
    return not moves and Notice.objects.due(then).exists()


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def broker_answers() -> bool:
    address = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    client = Redis.from_url(address, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()
