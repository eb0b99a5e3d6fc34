"""Mails a second through the outbox, beside the floor and beside what most projects do.

The floor is bare smtplib: the same messages, ready made, over one connection for each process. The peer is a Celery task
for each mail (``benchmarks/task_per_mail.py``), tuned. All take turns in one run against one small mail server, so the
figures to keep are the ratios: the machine may be busy. PostgreSQL runs without fsync here, as in the tests; with it, each
commit costs what the disk costs: one for each mail, or for 25 announcements that share a wire mark.

It also measures how long it takes to put one announcement into the outbox for everybody, and row by row.
"""

import argparse
import asyncio
import multiprocessing
import os
import smtplib
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

ENOUGH_SECONDS = 300
TICKS = os.sysconf("SC_CLK_TCK")


class Sink(asyncio.Protocol):
    """The least that a mail server can do: it says yes, and counts nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.in_data, self.rest = False, b""
        self.say(b"220 sink")

    def say(self, line: bytes) -> None:
        self.transport.write(line + b"\r\n")  # type: ignore[attr-defined]

    def data_received(self, received: bytes) -> None:
        self.rest += received
        while True:
            mark = b"\r\n.\r\n" if self.in_data else b"\r\n"
            part, found, rest = self.rest.partition(mark)
            if not found:
                return
            self.rest = rest
            self.answer(part)

    def answer(self, part: bytes) -> None:
        if self.in_data:
            self.in_data = False
            self.say(b"250 taken")
        elif part[:4].upper() == b"DATA":
            self.in_data = True
            self.say(b"354 go on")
        elif part[:4].upper() == b"QUIT":
            self.say(b"221 bye")
            self.transport.close()
        else:
            self.say(b"250 ok")


def run_sink(pipe: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def processor_seconds_of(pid: int) -> float:
    numbers = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / TICKS


def run_sender(pipe: Connection, database: str, port: int) -> None:
    """A process that sends when it is told to."""
    import django  # noqa: PLC0415 - in the new process, before anything of ours

    django.setup()
    from django.conf import settings  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from benchmarks.task_per_mail import mailers  # noqa: PLC0415
    from notices.delivery import Courier  # noqa: PLC0415

    settings.MAILERS = mailers(port)
    connection.settings_dict["NAME"] = database
    connection.ensure_connection()
    while True:
        what, content, mails = pipe.recv()
        if what == "floor":
            with smtplib.SMTP("127.0.0.1", port) as line:
                for number in range(mails):
                    line.sendmail("portal@localhost", [f"reader{number}@demo.example"], content)
            sent = mails
        else:
            sent = Courier().drain()
        pipe.send(sent)


@dataclass
class Run:
    rate: float  # mails a second
    cost: float  # microseconds of processor for each mail: sender, database and mail server


class Meter:
    """Processor time of all who take part, for a busy machine, on which seconds by the clock say little."""

    def __init__(self) -> None:
        self.roots: list[int] = []

    def spent(self) -> float:
        return sum(self._of(pid) for pid in {*self._with_children(), *self._backends()})

    def _with_children(self) -> list[int]:
        parents = {}
        for place in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parents[int(place.parent.name)] = int(place.read_text("utf-8").rpartition(")")[2].split()[1])
        return [pid for pid, parent in parents.items() if pid in self.roots or parent in self.roots]

    def _backends(self) -> list[int]:
        from django.db import connection  # noqa: PLC0415

        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
            return [pid for (pid,) in cursor.fetchall()]

    def _of(self, pid: int) -> float:
        with suppress(OSError):
            return processor_seconds_of(pid)
        return 0.0


@dataclass
class Senders:
    pipes: list[Connection]
    meter: Meter

    def send(self, what: str, mails: int, *, processes: int, content: bytes = b"") -> Run:
        pipes = self.pipes[:processes]
        spent, started = self.meter.spent(), time.perf_counter()
        for pipe in pipes:
            pipe.send((what, content, mails // processes))
        sent = sum(pipe.recv() for pipe in pipes)
        took = time.perf_counter() - started
        if sent != mails:
            print(f"  {what}: {sent} of {mails} were sent")
        return Run(sent / took, (self.meter.spent() - spent) / sent * 1e6)


@contextmanager
def senders(how_many: int, database: str, port: int, meter: Meter) -> Iterator[Senders]:
    new = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for _ in range(how_many):
        ours, theirs = new.Pipe()
        process = new.Process(target=run_sender, args=(theirs, database, port), daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
        meter.roots.append(process.pid or 0)
    try:
        yield Senders(pipes, meter)
    finally:
        for process in processes:
            process.kill()
            process.join()


@contextmanager
def worker(database: str, port: int, broker: str, meter: Meter) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "benchmarks.task_per_mail", "worker", "-c", "2", "-l", "ERROR"]
    more = {"BENCH_DATABASE": database, "BENCH_MAIL_PORT": str(port), "BENCH_BROKER": broker}
    process = subprocess.Popen(
        [*command, "--without-gossip", "--without-mingle"],
        env=os.environ | more,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    meter.roots.append(process.pid)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


class Bench:
    """Built once Django is there; each method is one way of sending, and returns what it cost."""

    def __init__(self, people: int, crew: Senders, broker: str) -> None:
        from calls.models import Extension  # noqa: PLC0415
        from calls.notices import announcements  # noqa: PLC0415
        from notices.choices import PRIORITY, NoticeKind  # noqa: PLC0415
        from notices.models import Notice  # noqa: PLC0415
        from people.models import Person  # noqa: PLC0415
        from tests.factories import CallFactory, NoticeFactory, PersonFactory  # noqa: PLC0415

        self.crew, self.broker, self.notices, self.announcements = crew, broker, Notice, announcements
        self.factory, self.priority, self.reminder = NoticeFactory, PRIORITY, NoticeKind.REMINDER
        self.call = cast(Any, CallFactory())
        staff = cast(Any, PersonFactory())
        was = self.call.closes_at - timedelta(days=7)
        self.extension = Extension.objects.create(
            call=self.call, was=was, now=self.call.closes_at, reason="The portal was down for a day.", made_by=staff
        )
        Person.objects.bulk_create(
            Person(email=f"reader{number}@demo.example", name=f"Reader {number}") for number in range(people)
        )
        self.people = Person.objects.filter(email__endswith="@demo.example").order_by("pk")
        self.letter = announcements.EXTENDED.write(self.call.pk, {"extension": self.extension.pk})

    def empty(self) -> None:
        self.notices.objects.all().delete()

    def content(self) -> bytes:
        from notices.delivery.messages import bytes_of, skeleton_of  # noqa: PLC0415

        words, to = self.letter, "reader1@demo.example"
        return bytes_of(words, skeleton_of(words), kind="bulk", to=to, message_id="<1.1@localhost>")

    def floor(self, mails: int, processes: int) -> Run:
        return self.crew.send("floor", mails, processes=processes, content=self.content())

    def expand(self, people: int) -> float:
        """Seconds for one announcement to everybody, by one statement."""
        self.empty()
        started = time.perf_counter()
        some = self.people.filter(pk__in=list(self.people.values_list("pk", flat=True)[:people]))
        readers = self.announcements.readers_of(self.call, some, key="bench")
        queued = self.announcements.queue_for_all(
            self.announcements.EXTENDED, readers, about=self.call, extension=self.extension.pk
        )
        took = time.perf_counter() - started
        if queued != people:
            print(f"  {queued} of {people} were queued")
        return took

    def row_by_row(self, people: int) -> float:
        """Seconds for the same, as one would do it by hand: a letter for each person, rendered and saved."""
        from django.db import transaction  # noqa: PLC0415

        from notices.actions import queue  # noqa: PLC0415

        self.empty()
        values = self.announcements.about_the_extension(self.call.pk, extension=self.extension.pk) | {"kind": "bulk"}
        started = time.perf_counter()
        with transaction.atomic():
            for person in self.people[:people]:
                queue("calls/emails/extended", to=person.email, key=f"one:{person.pk}", person=person, **values)
        return time.perf_counter() - started

    def announcement(self, mails: int, processes: int) -> Run:
        self.expand(mails)
        return self.crew.send("outbox", mails, processes=processes)

    def letters(self, mails: int, processes: int) -> Run:
        self.fill(mails)
        return self.crew.send("outbox", mails, processes=processes)

    def fill(self, mails: int) -> list[int]:
        self.empty()
        words = {"subject": self.letter.subject, "body_text": self.letter.text, "body_html": self.letter.html}
        rows = self.factory.build_batch(mails, kind=self.reminder, priority=self.priority[self.reminder], **words)
        return [row.pk for row in self.notices.objects.bulk_create(rows, batch_size=1000)]

    def tasks(self, mails: int) -> Run:
        """The tasks lie in the broker before the clock starts: putting them there is not counted."""
        from benchmarks.task_per_mail import app, send_one  # noqa: PLC0415

        numbers = self.fill(mails)
        app.conf.broker_url = self.broker
        app.control.cancel_consumer("task_per_mail", reply=True, timeout=5)
        for number in numbers:
            send_one.delay(number)
        spent, started = self.crew.meter.spent(), time.perf_counter()
        app.control.add_consumer("task_per_mail")
        sent = self.notices.objects.filter(status="sent")
        while sent.count() < mails and time.perf_counter() - started < ENOUGH_SECONDS:
            time.sleep(0.1)
        return Run(mails / (time.perf_counter() - started), (self.crew.meter.spent() - spent) / mails * 1e6)


def compare(bench: Bench, mails: int, rounds: int) -> None:
    ways: dict[str, tuple[str, Callable[[], Run]]] = {
        "floor, 2 processes": ("", lambda: bench.floor(mails, 2)),
        "announcement, 2 processes, 25 to a wire mark": ("floor, 2 processes", lambda: bench.announcement(mails, 2)),
        "floor, 1 process": ("", lambda: bench.floor(mails // 2, 1)),
        "announcement, 1 process, 25 to a wire mark": ("floor, 1 process", lambda: bench.announcement(mails // 2, 1)),
        "letters, 1 process, a wire mark each": ("floor, 1 process", lambda: bench.letters(mails // 4, 1)),
        "Celery, a task for each mail, 2 processes": ("floor, 2 processes", lambda: bench.tasks(mails // 20)),
    }
    for _, way in ways.values():  # once, uncounted: what a long-running sender has done long ago
        way()
    runs: dict[str, list[Run]] = defaultdict(list)
    for _ in range(rounds):
        for name, (_, way) in ways.items():
            runs[name].append(way())
    rates = {name: statistics.median(run.rate for run in some) for name, some in runs.items()}
    costs = {name: statistics.median(run.cost for run in some) for name, some in runs.items()}
    peer = "Celery, a task for each mail, 2 processes"
    print(
        f"{mails} mails, median of {rounds}, load average {os.getloadavg()[0]:.1f}; cost: processor time of all who take part"
    )
    for name, (base, _) in ways.items():
        line = f"  {name:46}{rates[name]:7.0f} mails/s {costs[name]:7.0f} us"
        if base:
            line += f"  of the floor: {rates[name] / rates[base]:6.1%} by the clock, {costs[base] / costs[name]:6.1%} by cost"
            line += f";  Celery: {rates[name] / rates[peer]:5.1f} x, {costs[peer] / costs[name]:5.1f} x"
        print(line)


def expansion(bench: Bench, people: int, rounds: int) -> None:
    fewer = max(people // 100, 1)
    bench.expand(people)
    pairs = [(bench.expand(people) / people, bench.row_by_row(fewer) / fewer) for _ in range(rounds)]
    one, row = statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)
    print(f"One announcement into the outbox, median of {rounds}, load average {os.getloadavg()[0]:.1f}")
    print(f"  {people} readers by one statement    {one * people:6.2f} s  {one * 1e6:6.0f} us a reader")
    print(
        f"  a row at a time                    {row * people:6.2f} s  {row * 1e6:6.0f} us a reader  {row / one:.0f} x"
    )


def main(options: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=4000)
    parser.add_argument("--people", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen: Any = parser.parse_args(options)

    import django  # noqa: PLC0415 - setting up starts servers, which asking for help must not

    django.setup()
    from django.conf import settings  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import setup_databases, teardown_databases  # noqa: PLC0415

    ours, theirs = multiprocessing.Pipe()
    sink = multiprocessing.get_context("spawn").Process(target=run_sink, args=(theirs,), daemon=True)
    sink.start()
    made = setup_databases(verbosity=0, interactive=False)
    try:
        port, database, broker = ours.recv(), str(connection.settings_dict["NAME"]), settings.CELERY_BROKER_URL
        meter = Meter()
        meter.roots.append(sink.pid or 0)
        with worker(database, port, broker, meter), senders(2, database, port, meter) as crew:
            bench = Bench(max(chosen.people, chosen.mails), crew, broker)
            expansion(bench, chosen.people, chosen.rounds)
            compare(bench, chosen.mails, chosen.rounds)
    finally:
        teardown_databases(made, verbosity=0)
        sink.kill()


if __name__ == "__main__":
    main()
