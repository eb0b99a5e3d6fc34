"""How long pages take at 10,000 applications and 20,000 assessments, beside a bare Django view in the same run.

Starts PostgreSQL, Valkey and gunicorn of its own, fills a database with marked load and the portal's facts, then asks for
every page in turn from one client. Nothing of it is kept: ``python -m benchmarks pages --applications=10000 --rounds=60``.
"""

import contextlib
import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOOR = "/floor/"
# What is measured, as whom, and the most milliseconds that we want at the median.
PAGES = (
    ("a view that does nothing", FLOOR, False, None),
    ("home", "/", False, 50),
    ("evidence search", "/evidence/?q=family", False, 50),
    ("public call page", "/calls/load-call/", False, 50),
    ("staff: calls", "/staff/calls/", True, 150),
    ("staff: application list (eligibility)", "/staff/calls/load-call/eligible/", True, 150),
    ("staff: board, first page", "/staff/calls/load-call/board/", True, 300),
    ("staff: board, page 150", "/staff/calls/load-call/board/?page=150", True, 300),
    ("staff: board, furthest apart first", "/staff/calls/load-call/board/?sort=spread", True, 300),
    ("staff: board, to moderate", "/staff/calls/load-call/board/?scores=unsettled", True, 300),
    ("staff: board, one hit", "/staff/calls/load-call/board/?find=LOAD-004242", True, 300),
    ("staff: assignment screen", "/staff/calls/load-call/assessors/", True, 300),
)


def main(options: list[str]) -> None:
    told = dict(option.lstrip("-").partition("=")[::2] for option in options)
    applications, rounds = int(told.get("applications") or 10_000), int(told.get("rounds") or 60)
    with servers() as environment:
        began = time.monotonic()
        manage(environment, "migrate", "--verbosity=0")
        manage(environment, "generate_load", f"--applications={applications}", f"--assessments={applications * 2}")
        facts = manage(environment, "load_facts", "--verbosity=0", may_fail=True)
        manage(environment, "collectstatic", "--noinput", "--verbosity=0")
        session = str(manage(environment, "shell", "--verbosity=0", "-c", SIGN_IN)).strip().splitlines()[-1]
        print(
            f"filled in {time.monotonic() - began:.0f} s{'' if facts is not None else '; the facts could not be loaded'}"
        )
        with web(environment) as port:
            report(measure(port, session, rounds))


SIGN_IN = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from people.models import Person
person, session = Person.objects.get(email="staff@load.demo.example"), SessionStore()
session[SESSION_KEY] = str(person.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = person.get_session_auth_hash()
session.create()
print(session.session_key)
"""


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    """A folder with PostgreSQL and Valkey in it, gone afterwards."""
    sys.path.insert(0, str(ROOT))
    # after the path is known
    from wwcsc.local.folders import own_folder  # noqa: PLC0415
    from wwcsc.local.postgres import Postgres  # noqa: PLC0415
    from wwcsc.local.valkey import Valkey  # noqa: PLC0415

    home = Path(tempfile.mkdtemp(prefix="portal-bench-"))
    own_folder(home, 0o711)
    run = own_folder(home / "run", 0o700, for_postgres=True)
    started = []
    try:
        # Durable, as in a deployment: what is measured is what people get.
        for server in (
            Postgres(data=home, run=run, log=home / "postgres.log"),
            Valkey(run=run, log=home / "valkey.log"),
        ):
            started.append(server)
            server.start()
        yield {
            **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}},
            "PORTAL_DATA": str(home),
            "STATIC_ROOT": str(home / "static"),
            "DJANGO_SETTINGS_MODULE": "benchmarks.floor",
            "LOG_LEVEL": "ERROR",
        }
    finally:
        for server in reversed(started):
            server.stop()
        shutil.rmtree(home, ignore_errors=True)


def manage(environment: dict[str, str], *words: str, may_fail: bool = False) -> str | None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and not may_fail:
        sys.exit(f"manage.py {words[0]} failed:\n{done.stderr[-2000:]}")
    return None if done.returncode else done.stdout


@contextlib.contextmanager
def web(environment: dict[str, str]) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--workers=2",
        "--threads=4",
        "--worker-class=gthread",
        "--preload",
        "--log-level=error",
        f"--bind=127.0.0.1:{port}",
    ]
    process = subprocess.Popen([sys.executable, "-m", "gunicorn", "wwcsc.wsgi", *options], cwd=ROOT, env=environment)
    try:
        for _ in range(150):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def measure(port: int, session: str, rounds: int) -> dict[str, tuple]:
    """Every page once in each round, so that a busy moment of the machine is shared by all."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    times: dict[str, list[float]] = {name: [] for name, *_ in PAGES}
    facts: dict[str, tuple[int, str, int]] = {}
    for turn in range(rounds + 3):
        for name, url, is_signed_in, _ in PAGES:
            began = time.perf_counter()
            client.request("GET", url, headers={"Cookie": f"sessionid={session}"} if is_signed_in else {})
            response = client.getresponse()
            size = len(response.read())
            if turn >= 3:  # the first rounds warm caches and connections
                times[name].append((time.perf_counter() - began) * 1000)
            facts[name] = (response.status, response.headers.get("X-Queries", "?"), size)
    return {name: (times[name], *facts[name]) for name, *_ in PAGES}


def report(measured: dict[str, tuple]) -> None:
    floor = statistics.median(measured[PAGES[0][0]][0])
    print(f"{'page':<40} {'p50 ms':>8} {'p95 ms':>8} {'queries':>8} {'KiB':>6} {'x floor':>8}  target")
    for name, _, _, target in PAGES:
        times, status, queries, size = measured[name]
        half, most = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        said = "" if target is None else f"{target} ms {'met' if half <= target else 'MISSED'}"
        if status != 200:
            said = f"answered {status}"
        print(f"{name:<40} {half:8.1f} {most:8.1f} {queries:>8} {size / 1024:6.0f} {half / floor:8.1f}  {said}")
    print(
        f"load average {', '.join(f'{one:.1f}' for one in os.getloadavg())} on {os.cpu_count()} processors, one client"
    )
