"""Starts the parts of the portal in order, watches them, and stops them in the opposite order.

It knows processes and signals, nothing of Django: what to start is told to it by the demo command.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from wwcsc.local.guardian import Guardian
from wwcsc.local.processes import last_lines, spawn, stop

PORTS_TO_TRY = 50


class StopRequested(BaseException):
    """Somebody pressed Ctrl-C, closed the terminal or asked for an end. Not an Exception: nothing may swallow it."""


class AlreadyRunning(Exception):
    """Another supervisor holds the lock of this data folder. Its message says where that one answers."""


class PartDied(Exception):
    """A part ended while it was needed."""

    def __init__(self, part: "Part") -> None:
        self.part = part
        super().__init__(f"{part.name} stopped by itself. Its log is {part.log}:\n{last_lines(part.log)}")


class Part(Protocol):
    """PostgreSQL, Valkey, the mail catcher, worker, beat, web."""

    name: str
    log: Path
    process: subprocess.Popen | None
    stop_signal: signal.Signals

    def start(self) -> None: ...

    def stop(self) -> bool: ...


class Program:
    """A part that is one of our own programs."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: dict[str, str],
        cwd: Path,
        patience: float = 20.0,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.env = env
        self.cwd = cwd
        self.patience = patience
        self.pass_fds = pass_fds
        self.stop_signal = signal.SIGTERM
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = spawn(self.command, log=self.log, env=self.env, cwd=self.cwd, pass_fds=self.pass_fds)

    def stop(self) -> bool:
        return stop(self.process, with_signal=self.stop_signal, patience=self.patience)


# --- one at a time -----------------------------------------------------------------------------------------------------


class Lock:
    """A locked file that holds the address. The kernel lets go of it however we end, so it is never stale."""

    def __init__(self, file: Path) -> None:
        self.path = file
        self.file = file.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            self.file.seek(0)
            address = self.file.read().strip()
            self.file.close()
            where = f"is already running at {address}" if address else "is just being started by another command"
            raise AlreadyRunning(f"The portal {where}. Stop that one first (Ctrl-C in its window).") from held
        self.write("")

    def write(self, address: str) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.file.write(address)
        self.file.flush()

    def release(self) -> None:
        self.write("")
        self.file.close()


def listen(port: int) -> socket.socket:
    """A listening socket on this machine: on ``port``, or on the next one that is free.

    It is handed to the web server, so nobody can take the port in between and no early visitor is refused.
    """
    for candidate in range(port, min(port + PORTS_TO_TRY, 65536)):
        line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            line.bind(("127.0.0.1", candidate))
            line.listen(128)
        except OSError:
            line.close()
        else:
            return line
    raise OSError(f"No port is free between {port} and {port + PORTS_TO_TRY - 1}. Choose another one with --port.")


# --- saying things to somebody who may have left --------------------------------------------------------------------------


def say(words: str = "") -> None:
    """Print, and never mind a closed pipe: stopping in order matters more than being heard."""
    try:
        print(words, flush=True)
    except (OSError, ValueError):
        silence()


def silence() -> None:
    """Nobody reads us any more. Python would fail when it ends, so give both outputs a place to go."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for output in (sys.stdout, sys.stderr):
            os.dup2(nowhere, output.fileno())
        os.close(nowhere)


# --- the supervisor ------------------------------------------------------------------------------------------------------------


class Supervisor:
    """Use as a context: whatever was started inside is stopped at its end, in the opposite order."""

    def __init__(self, *, guarded: bool = not sys.platform.startswith("linux")) -> None:
        self.parts: list[Part] = []
        self.guardian = Guardian() if guarded else None
        self.stopping = self.ending = False
        self.asked = ""  # by which signal: raised again where Python swallowed what the handler raised

    def __enter__(self) -> "Supervisor":
        signal.signal(signal.SIGINT, self.asked_to_stop)
        signal.signal(signal.SIGTERM, self.asked_to_stop)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # started with nohup: it is to survive the terminal
            signal.signal(signal.SIGHUP, self.asked_to_stop)
        signal.signal(signal.SIGALRM, self.ask_again)
        sys.unraisablehook = self.swallowed
        return self

    def swallowed(self, lost: Any) -> None:
        """The interpreter threw our request away, in a callback of its own: say nothing of it, and ask again in a moment."""
        if not isinstance(lost.exc_value, StopRequested):
            sys.__unraisablehook__(lost)
        elif not self.ending:
            signal.setitimer(signal.ITIMER_REAL, 0.05)

    def ask_again(self, number: int, frame: FrameType | None) -> None:
        if self.asked and not self.ending:
            raise StopRequested(self.asked)

    def asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        if not self.stopping:  # once is enough; an impatient second Ctrl-C must not disturb the order
            self.stopping = True
            self.asked = signal.Signals(number).name
            raise StopRequested(self.asked)

    def stop_if_asked(self) -> None:
        """What a handler raises in the middle of a callback of the interpreter is printed there, and lost."""
        if self.asked:
            raise StopRequested(self.asked)

    def __exit__(self, *error: object) -> None:
        self.stopping = self.ending = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        for part in reversed(self.parts):
            if not part.stop():
                say(f"{part.name} did not stop when asked and was ended.")
        if self.guardian:
            self.guardian.dismiss()

    def start(self, part: Part) -> None:
        self.stop_if_asked()
        self.parts.append(part)  # first, so that a part interrupted while starting is stopped as well
        part.start()
        if self.guardian and part.process:
            self.guardian.watch(part.process.pid, part.stop_signal)

    def look(self) -> None:
        self.stop_if_asked()
        for part in self.parts:
            if part.process is not None and part.process.poll() is not None:
                raise PartDied(part)

    def watch(self) -> None:
        while True:
            self.look()
            time.sleep(0.5)
