"""The parts of the portal on one machine: how each is called, where it logs, what it is told."""

import os
import shutil
import sys
from pathlib import Path

from wwcsc.local.folders import ServerDidNotStart, own_folder
from wwcsc.local.paths import LocalPaths
from wwcsc.local.postgres import Postgres
from wwcsc.local.supervisor import Program
from wwcsc.local.valkey import Valkey

MEMORY = Path("/dev/shm")
KEPT_WITH_FRESH = {"running", "tools"}


def make_folders(paths: LocalPaths) -> None:
    own_folder(paths.data, 0o711)  # others may walk through it to PostgreSQL's folder, and read nothing
    own_folder(paths.logs, 0o700)
    own_folder(paths.mail, 0o700)
    own_folder(paths.data / "media", 0o700)
    own_folder(paths.run, 0o700, for_postgres=True)


def forget_everything(paths: LocalPaths) -> None:
    """Remove what lasts: records, uploads, mail, logs. Only ever called while the lock is held."""
    for thing in paths.data.iterdir() if paths.data.is_dir() else []:
        if thing.name not in KEPT_WITH_FRESH:
            shutil.rmtree(thing) if thing.is_dir() and not thing.is_symlink() else thing.unlink()


def environment(paths: LocalPaths, address: str) -> dict[str, str]:
    """What our programs are told. Mail goes to the catcher whatever the caller's environment says."""
    told = {name: value for name, value in os.environ.items() if name not in {"MAIL_URL", "MAIL_URL_FILE"}}
    return told | {"PORTAL_ADDRESS": address, "PORTAL_DATA": str(paths.data), "PYTHONUNBUFFERED": "1"}


def is_named(server: str) -> bool:
    """Whether the environment names a server of somebody else, itself or in a file."""
    return bool(os.environ.get(server) or os.environ.get(f"{server}_FILE"))


class LocalStack:
    """Makes the parts for one checkout; the demo command starts them."""

    def __init__(self, paths: LocalPaths, *, checkout: Path, address: str) -> None:
        self.paths = paths
        self.checkout = checkout
        self.env = environment(paths, address)

    def servers(self) -> list[Postgres | Valkey]:
        """PostgreSQL and Valkey, unless the environment names servers that run elsewhere."""
        found: list[Postgres | Valkey] = []
        if not is_named("DATABASE_URL"):
            found.append(Postgres(data=self.paths.data, run=self.paths.run, log=self.paths.logs / "postgres.log"))
        if not is_named("REDIS_URL"):
            found.append(Valkey(run=self.paths.run, log=self.paths.logs / "valkey.log"))
        return found

    def program(
        self, name: str, *arguments: str | Path, pass_fds: tuple[int, ...] = (), patience: float = 20
    ) -> Program:
        return Program(
            name,
            [sys.executable, "-m", *arguments],
            log=self.paths.logs / f"{name}.log",
            env=self.env,
            cwd=self.checkout,
            pass_fds=pass_fds,
            patience=patience,
        )

    def mail(self) -> Program:
        (self.paths.run / "mail.port").unlink(missing_ok=True)
        return self.program("mail", "wwcsc.local.mail", self.paths.mail, self.paths.run / "mail.port")

    def worker(self) -> Program:
        options = ["--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        return self.program("worker", "celery", "-A", "wwcsc", "worker", *options, patience=40)

    def beat(self) -> Program:
        schedule = self.paths.data / "beat" / "schedule"
        schedule.parent.mkdir(mode=0o700, exist_ok=True)
        return self.program("beat", "celery", "-A", "wwcsc", "beat", "--pidfile=", "--schedule", schedule)

    def web(self, listening: int) -> Program:
        options = ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--preload", "--no-control-socket"]
        if os.access(MEMORY, os.W_OK):
            options += ["--worker-tmp-dir", str(MEMORY)]
        bind = ["--bind", f"fd://{listening}"]
        return self.program("web", "gunicorn", "wwcsc.wsgi", *bind, *options, pass_fds=(listening,))

    def everything_lent(self) -> list[str]:
        """Servers of somebody else that the environment names, in words."""
        names = {"DATABASE_URL": "PostgreSQL", "REDIS_URL": "Redis"}
        return [f"{server} (from {name})" for name, server in names.items() if is_named(name)]


def refuse_fresh_on_servers_of_others(stack: LocalStack) -> None:
    if is_named("DATABASE_URL"):
        raise ServerDidNotStart(
            "--fresh empties the local data only, and DATABASE_URL names a server. Empty that one yourself."
        )
