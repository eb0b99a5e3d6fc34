"""Mails a second through the outbox, beside the floor: the same messages by bare smtplib over one connection.

Run as ``python -m benchmarks.outbox [--mails 2000] [--rounds 3]``. Floor and outbox take turns in one run, and the figure
to keep is the ratio: the machine may be busy. PostgreSQL runs without fsync here, as in the tests; with it, each commit
costs what the disk costs (two for each mail, and two for 25 announcements that share a wire mark).
"""

import argparse
import asyncio
import multiprocessing
import os
import smtplib
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")


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


def timed(work: Callable[[], None], mails: int) -> tuple[float, float]:
    """Mails a second, and our own processor time for one mail in microseconds."""
    started, worked = time.perf_counter(), time.process_time()
    work()
    return mails / (time.perf_counter() - started), (time.process_time() - worked) / mails * 1e6


def bench(mails: int, rounds: int, port: int) -> None:
    # After django.setup(), which the servers of the run come before.
    from django.test.utils import override_settings  # noqa: PLC0415

    from notices.choices import PRIORITY, NoticeKind  # noqa: PLC0415
    from notices.delivery import Courier, Pace, message_of  # noqa: PLC0415
    from notices.models import Notice  # noqa: PLC0415
    from tests.factories import NoticeFactory  # noqa: PLC0415

    options = {"host": "127.0.0.1", "port": port, "timeout": 10}
    mailers = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}

    def floor() -> None:
        content = message_of(NoticeFactory.build(pk=1)).message().as_bytes()
        with smtplib.SMTP("127.0.0.1", port) as line:
            for number in range(mails):
                line.sendmail("portal@localhost", [f"reader{number}@demo.example"], content)

    def outbox(kind: str) -> Callable[[], None]:
        Notice.objects.all().delete()
        rows = NoticeFactory.build_batch(mails, kind=kind, priority=PRIORITY[NoticeKind(kind)])
        Notice.objects.bulk_create(rows, batch_size=1000)
        return lambda: print_if_wrong(Courier(Pace(batch=100)).drain(), mails)

    rates: dict[str, list[tuple[float, float]]] = {"floor": [], "one wire mark each": [], "25 to a wire mark": []}
    with override_settings(MAILERS=mailers):
        # What a long-running sender has done long ago: addresses of pages read, queries prepared.
        outbox(NoticeKind.BULK)()
        for _ in range(rounds):
            rates["floor"].append(timed(floor, mails))
            rates["one wire mark each"].append(timed(outbox(NoticeKind.REMINDER), mails))
            rates["25 to a wire mark"].append(timed(outbox(NoticeKind.BULK), mails))
    base = statistics.median(rate for rate, _ in rates["floor"])
    print(f"{mails} mails, median of {rounds}, one process, load average {os.getloadavg()[0]:.1f}")
    for name, seen in rates.items():
        rate = statistics.median(rate for rate, _ in seen)
        work = statistics.median(work for _, work in seen)
        print(
            f"  {name:20} {rate:8.0f} mails/s  {rate / base:6.1%} of the floor  {work:7.0f} us of our processor a mail"
        )


def print_if_wrong(sent: int, mails: int) -> None:
    if sent != mails:
        print(f"  only {sent} of {mails} were sent")


def main(options: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(options)

    import django  # noqa: PLC0415 - setting up starts servers, which asking for help must not

    django.setup()
    from django.test.utils import setup_databases, teardown_databases  # noqa: PLC0415

    ours, theirs = multiprocessing.Pipe()
    sink = multiprocessing.get_context("spawn").Process(target=run_sink, args=(theirs,), daemon=True)
    sink.start()
    made = setup_databases(verbosity=0, interactive=False)
    try:
        bench(chosen.mails, chosen.rounds, ours.recv())
    finally:
        teardown_databases(made, verbosity=0)
        sink.kill()


if __name__ == "__main__":
    main()
