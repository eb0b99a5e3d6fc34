"""A supervisor with three small parts, run as a process of its own so that it can be interrupted and killed.

``python -m tests.faults.little_stack FOLDER [guarded]``: each part writes its name into ``FOLDER/stopped`` when it ends.
"""

import os
import sys
from pathlib import Path

from wwcsc.local.supervisor import Lock, PartDied, Program, StopRequested, Supervisor, say

PART = """
import pathlib, signal, sys, time
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def end(*signal_and_frame):
    time.sleep(0.2)
    with (folder / "stopped").open("a") as file:
        file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, lambda *ignored: (folder / "interrupted").touch())
(folder / f"{name}.ready").touch()
while True:
    time.sleep(0.1)
"""


def run(folder: Path, *, guarded: bool) -> int:
    lock = Lock(folder / "running")
    lock.write("http://localhost:8000")
    try:
        with Supervisor(guarded=guarded) as supervisor:
            for name in ("database", "worker", "web"):
                supervisor.start(part(name, folder))
                say(f"started {name}")
            supervisor.watch()
    except StopRequested as asked:
        say(f"stopped by {asked}")
    except PartDied as died:
        say(str(died))
        return 1
    finally:
        lock.release()
    return 0


def part(name: str, folder: Path) -> Program:
    command = [sys.executable, "-c", PART, name, folder]
    made = Program(name, command, log=folder / f"{name}.log", env=dict(os.environ), cwd=folder)
    start = made.start

    def start_and_note() -> None:
        start()
        assert made.process
        (folder / f"{name}.pid").write_text(str(made.process.pid))

    made.start = start_and_note  # type: ignore[method-assign]
    return made


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), guarded="guarded" in sys.argv))
