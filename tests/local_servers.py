"""Servers for one run of the tests: a PostgreSQL and a Valkey of their own, gone when the run is over.

tests/settings.py calls ``start_unless_given`` before it reads the portal's settings. With DATABASE_URL and REDIS_URL
set, the tests use those servers instead. The workers of pytest-xdist inherit the environment of the first process.
"""

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from wwcsc.local.folders import own_folder, roomy_temporary_folder
from wwcsc.local.postgres import Postgres
from wwcsc.local.processes import command_line
from wwcsc.local.valkey import Valkey

STARTED = "PORTAL_TEST_SERVERS"  # tells the processes we start that the servers are there already


def start_unless_given() -> None:
    if os.environ.get(STARTED):
        return
    place = roomy_temporary_folder() or Path(tempfile.gettempdir())
    sweep_after_killed_runs(place)
    home = Path(tempfile.mkdtemp(prefix=f"portal-tests-{os.getpid()}-", dir=place))
    os.environ[STARTED] = os.environ["PORTAL_DATA"] = str(home)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    own_folder(home, 0o711)
    run = own_folder(home / "run", 0o700, for_postgres=True)
    if not os.environ.get("DATABASE_URL"):
        start(Postgres(data=home, run=run, log=home / "postgres.log", durable=False))
    if not os.environ.get("REDIS_URL"):
        start(Valkey(run=run, log=home / "valkey.log"))


def start(server: Postgres | Valkey) -> None:
    atexit.register(server.stop)  # registered later, so run earlier than the removal of the folder
    server.start()


def sweep_after_killed_runs(place: Path) -> None:
    """A run that was killed could not tidy up: its servers died with it, its folder did not."""
    for folder in place.glob("portal-tests-*-*"):
        pid = folder.name.split("-")[2]
        with contextlib.suppress(FileNotFoundError):  # another run sweeps too
            if folder.stat().st_uid == os.geteuid() and pid.isdigit() and not command_line(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)


def database_of_this_worker() -> int:
    """Each xdist worker has a cache of its own, so that emptying it disturbs nobody: 1 for the first, 2 for gw0..."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return 2 + int(worker.removeprefix("gw")) if worker.startswith("gw") else 1
