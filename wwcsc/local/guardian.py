"""Stops the children of a supervisor that was killed, where the kernel does not (macOS).

Run as ``python -m wwcsc.local.guardian``. It reads lines "PROCESS SIGNAL" for as long as its supervisor lives; the end
of the line without a last "done" means that nobody is left to stop them.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

PATIENCE = 20.0


class Guardian:
    """The supervisor's end: a process that outlives it just long enough."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wwcsc.local.guardian"], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def watch(self, pid: int, with_signal: signal.Signals) -> None:
        self.write(f"{pid} {int(with_signal)}\n")

    def dismiss(self) -> None:
        self.write("done\n")
        with contextlib.suppress(OSError):
            self.process.stdin and self.process.stdin.close()
        self.process.wait()

    def write(self, line: str) -> None:
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.write(line)
                self.process.stdin.flush()


def guard(lines: list[str]) -> None:
    if lines and lines[-1].strip() == "done":
        return
    for line in reversed(lines):  # the last one started is the first one stopped
        pid, number = (int(part) for part in line.split())
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            wait_for(pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def wait_for(pid: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        os.kill(pid, 0)  # raises when it is gone
        time.sleep(0.1)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    guard(list(sys.stdin))


if __name__ == "__main__":
    main()
