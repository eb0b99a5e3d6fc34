"""What breaks while mail is on its way. The oracle: what the post office took, beside what the outbox says it sent.

Lost: a row that nobody took and that no refusal ended. Repeated: two messages that a receiver cannot tell apart from
two letters, that is, with different Message-IDs. Both are nought, whatever breaks.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from django.conf import settings as portal
from django.db import connection

from notices.choices import NoticeKind, NoticeStatus
from notices.delivery import REFUSALS_BEFORE_A_PAUSE, Courier, Pace
from notices.models import Notice, Pause
from tests.factories import NoticeFactory
from tests.notices.post_office import PostOffice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

QUICK = Pace(first_wait=0.01, longest_wait=0.05, letter_waits=timedelta(0))
UNHURRIED = Pace(batch=10, lease=timedelta(hours=1))  # for what is about something else than time
TOO_LONG = 60


@pytest.fixture
def post_office(settings):
    with PostOffice() as office:
        settings.MAILERS = office.mailers()
        yield office


def database_url() -> str:
    here = connection.settings_dict
    host = f"?host={here['HOST']}" if str(here["HOST"]).startswith("/") else ""
    place = "" if host else f"{here['HOST']}:{here['PORT'] or 5432}"
    password = f":{here['PASSWORD']}" if here["PASSWORD"] else ""
    return f"postgres://{here['USER']}{password}@{place}/{here['NAME']}{host}"


def surroundings(post_office: PostOffice, **changes: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "wwcsc.settings",
        "DATABASE_URL": database_url(),
        "MAIL_URL": f"smtp://127.0.0.1:{post_office.port}",
        **changes,
    }


@contextmanager
def sender(post_office: PostOffice, lease: float = 2.0):
    """A process that sends, as an operator would start it."""
    command = [
        sys.executable,
        "manage.py",
        "run_outbox",
        "--every",
        "0.1",
        "--lease",
        str(lease),
        "--first-wait",
        "0.2",
    ]
    process = subprocess.Popen(command, cwd=portal.BASE_DIR, env=surroundings(post_office), stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(true, seconds: float = TOO_LONG) -> None:
    ends_at = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends_at, dict(Notice.objects.values_list("status", "error").distinct())
        time.sleep(0.02)


def all_have_ended() -> bool:
    return not Notice.objects.filter(status__in=(NoticeStatus.PENDING, NoticeStatus.LEASED)).exists()


def lost(post_office: PostOffice) -> set[str]:
    refused = Notice.objects.filter(status=NoticeStatus.DEAD).values_list("message_id", flat=True)
    return set(Notice.objects.values_list("message_id", flat=True)) - set(refused) - set(post_office.message_ids)


def raw_repeats(post_office: PostOffice) -> int:
    return sum(post_office.message_ids.values()) - len(post_office.message_ids)


def test_a_sender_that_is_killed_again_and_again_loses_nothing(post_office):
    NoticeFactory.create_batch(80, kind=NoticeKind.REMINDER)
    post_office.thinks_for = 0.004
    kills = 0
    for milestone in (20, 50):
        with sender(post_office) as process:
            wait_until(lambda goal=milestone: len(post_office.taken) >= goal)
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    with sender(post_office):
        wait_until(all_have_ended)

    assert lost(post_office) == set()
    assert raw_repeats(post_office) <= kills  # one wire mark each, and the repeat has the same Message-ID


def test_a_sender_that_was_frozen_past_its_lease_gives_way(post_office):
    NoticeFactory.create_batch(60, kind=NoticeKind.REMINDER)
    post_office.thinks_for = 0.005
    with sender(post_office, lease=1.0) as process:
        wait_until(lambda: len(post_office.taken) >= 10)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.2)
        wait_until(lambda: Courier(QUICK).drain() >= 0 and all_have_ended())
        process.send_signal(signal.SIGCONT)
        time.sleep(0.5)

    assert lost(post_office) == set()
    assert raw_repeats(post_office) <= 1


def test_whatever_the_mail_server_does_nothing_is_lost(post_office):
    dice = random.Random(20261122)
    dropped_after: list[int] = []
    refused: list[int] = []

    def mishap(number: int, address: str) -> str | None:
        thrown = dice.random()
        if thrown < 0.02:
            dropped_after.append(number)
            return "drop after"
        if thrown < 0.04:
            return "drop before"
        if thrown < 0.05:
            refused.append(number)
            return "rcpt 550 no such person"
        if thrown < 0.10:
            return "451 try later"
        return "rcpt 421 shutting down" if thrown < 0.12 else None

    post_office.mishap = mishap
    NoticeFactory.create_batch(200, kind=NoticeKind.REMINDER)

    wait_until(lambda: Courier(QUICK).drain() >= 0 and all_have_ended())

    assert lost(post_office) == set()
    assert Notice.objects.filter(status=NoticeStatus.DEAD).count() == len(refused)
    assert raw_repeats(post_office) == len(dropped_after)


def all_at_once(senders: int, pace: Pace) -> None:
    """Each in a thread of its own, until nothing is due; what goes wrong in one is not swallowed."""

    def drain() -> None:
        try:
            Courier(pace).drain()
        finally:
            connection.close()

    with ThreadPoolExecutor(senders) as pool:
        for finished in [pool.submit(drain) for _ in range(senders)]:
            finished.result()


def test_three_who_send_at_once_send_each_mail_once(post_office):
    """Nothing breaks here, so nobody's lease ends, however long the machine keeps them waiting."""
    NoticeFactory.create_batch(200, kind=NoticeKind.BULK, priority=30)

    all_at_once(3, UNHURRIED)

    assert set(Notice.objects.values_list("status", "error")) == {(NoticeStatus.SENT, "")}
    assert set(post_office.message_ids.values()) == {1}
    assert len(post_office.message_ids) == 200


def test_three_who_are_refused_at_once_begin_one_pause_and_spend_few_mails_on_it(post_office):
    post_office.mishap = lambda number, address: "554 looks like spam"
    NoticeFactory.create_batch(200)

    all_at_once(3, UNHURRIED)

    dead = Notice.objects.filter(status=NoticeStatus.DEAD).count()
    assert REFUSALS_BEFORE_A_PAUSE <= dead <= REFUSALS_BEFORE_A_PAUSE + 2  # one on the wire of each of the others
    assert Notice.objects.filter(status=NoticeStatus.PENDING, attempts=0).count() == 200 - dead
    assert Pause.objects.count() == 1


def test_a_relay_that_was_away_finds_every_mail_waiting(post_office, settings):
    NoticeFactory.create_batch(20)
    away = {**post_office.mailers()["default"], "OPTIONS": {"host": "127.0.0.1", "port": 9, "timeout": 1}}
    settings.MAILERS = {"default": away}
    for _ in range(5):
        assert Courier().drain() == 0
    settings.MAILERS = post_office.mailers()

    assert Courier().drain() == 20
    assert not Notice.objects.filter(attempts__gt=1).exists()


def test_a_database_that_hangs_up_on_the_sender_costs_nothing(post_office):
    NoticeFactory.create_batch(60, kind=NoticeKind.REMINDER)
    post_office.thinks_for = 0.005
    with sender(post_office, lease=1.0):
        for milestone in (15, 35):
            wait_until(lambda goal=milestone: len(post_office.taken) >= goal)
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
                )
        wait_until(all_have_ended)

    assert lost(post_office) == set()
    assert raw_repeats(post_office) <= 2


QUEUE_SOME = """
import django
django.setup()
from django.db import transaction
from notices.actions import queue
for number in range(20):
    with transaction.atomic():
        queue("account/email/login_code", to="ann@demo.example", key=f"no-broker:{number}", kind="security", code="AB12", minutes=3)
"""


@contextmanager
def broker_that_hangs_up():
    """Takes a call and puts the receiver down, and counts how often it was called."""
    calls: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as line:
        line.settimeout(0.1)
        over = threading.Event()

        def answer() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    line.accept()[0].close()
                    calls.append(1)

        thread = threading.Thread(target=answer)
        thread.start()
        yield line.getsockname()[1], calls
        over.set()
        thread.join()


def test_without_a_broker_nobody_waits_and_the_mail_is_still_sent(post_office):
    with broker_that_hangs_up() as (port, calls):
        gone = surroundings(post_office, REDIS_URL=f"redis://127.0.0.1:{port}/0")
        for command in (["-c", QUEUE_SOME], ["manage.py", "run_outbox", "--once"]):
            subprocess.run([sys.executable, *command], cwd=portal.BASE_DIR, env=gone, check=True, timeout=2 * TOO_LONG)

    assert len(post_office.message_ids) == 20
    assert len(calls) <= 20  # not one try for each mail, let alone a hundred
