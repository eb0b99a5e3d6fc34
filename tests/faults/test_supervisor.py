"""However the local stack ends, its parts end in order and nothing is left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wwcsc.local.supervisor import AlreadyRunning, Lock, StopRequested, Supervisor, listen

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PARTS = ("database", "worker", "web")


def eventually(true: Callable[[], bool], *, patience: float = 15) -> bool:
    until = time.monotonic() + patience
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class LittleStack:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen | None = None

    def start(self, *options: str, stdout: int = subprocess.PIPE) -> subprocess.Popen:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.little_stack", self.folder, *options],
            cwd=CHECKOUT,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert eventually(lambda: all((self.folder / f"{part}.ready").exists() for part in PARTS))
        return self.process

    def pid_of(self, part: str) -> int:
        return int((self.folder / f"{part}.pid").read_text())

    @property
    def stopped(self) -> list[str]:
        return (self.folder / "stopped").read_text().split()

    @property
    def alive(self) -> list[str]:
        return [part for part in PARTS if is_alive(self.pid_of(part))]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LittleStack]:
    made = LittleStack(tmp_path)
    yield made
    if made.process:
        made.process.kill()
        made.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_way_of_asking_stops_the_parts_in_order_and_ends_well(stack, number):
    process = stack.start()

    process.send_signal(number)
    said, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert stack.stopped == ["web", "worker", "database"]
    assert f"stopped by {number.name}" in said


def test_ctrl_c_in_the_terminal_reaches_the_supervisor_alone(stack):
    process = stack.start()

    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)

    assert stack.stopped == ["web", "worker", "database"]
    assert not (stack.folder / "interrupted").exists()


@pytest.mark.parametrize("asked_again", ["start", "look"])
def test_a_request_that_the_interpreter_swallowed_is_heard_at_the_next_step(asked_again):
    supervisor = Supervisor()
    with pytest.raises(StopRequested):
        supervisor.asked_to_stop(signal.SIGINT, None)  # as if this had been raised in a callback, printed and forgotten
    with pytest.raises(StopRequested, match="SIGINT"):
        supervisor.look() if asked_again == "look" else supervisor.start(None)
    assert supervisor.parts == []


def test_a_request_that_is_lost_in_a_callback_is_asked_again_and_frightens_nobody(tmp_path):
    lines = (
        "import os, signal, time, weakref",
        "from wwcsc.local.supervisor import StopRequested, Supervisor",
        "class Thing: pass",
        "def callback(ref):",
        "    os.kill(os.getpid(), signal.SIGINT)",
        "    for _ in range(1000): pass",
        "try:",
        "    with Supervisor(guarded=False):",
        "        thing = Thing(); ref = weakref.ref(thing, callback)",
        "        del thing",
        "        time.sleep(20)",
        "        print('never stopped')",
        "except StopRequested as asked:",
        "    print('stopped', asked)",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("stopped SIGINT\n", "")


def test_an_impatient_second_ctrl_c_does_not_disturb_the_order(stack):
    process = stack.start()

    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)

    assert process.returncode == 0
    assert stack.stopped == ["web", "worker", "database"]


@pytest.mark.parametrize("how", [(), ("guarded",)])
def test_a_killed_supervisor_leaves_no_part_behind(stack, how):
    process = stack.start(*how)

    process.kill()
    process.communicate(timeout=20)

    assert eventually(lambda: stack.alive == [])


def test_the_guardian_stops_the_parts_in_order_where_the_kernel_would_not(tmp_path):
    # what macOS does: nothing dies with its parent, the guardian sees the end of its line
    script = (
        "import pathlib, signal, subprocess, sys\n"
        "from tests.faults.little_stack import PART\n"
        "from wwcsc.local.guardian import Guardian\n"
        "guardian = Guardian()\n"
        "for name in ('database', 'worker', 'web'):\n"
        "    child = subprocess.Popen([sys.executable, '-c', PART, name, sys.argv[1]], start_new_session=True)\n"
        "    guardian.watch(child.pid, signal.SIGTERM)\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    process.stdout.readline()
    assert eventually(lambda: all((tmp_path / f"{part}.ready").exists() for part in PARTS))

    process.kill()
    process.wait()

    assert eventually(
        lambda: len((tmp_path / "stopped").read_text().split()) == 3 if (tmp_path / "stopped").exists() else False
    )
    assert (tmp_path / "stopped").read_text().split() == ["web", "worker", "database"]
    process.stdout.close()


def test_a_reader_who_left_does_not_keep_the_parts_from_stopping(stack):
    read, write = os.pipe()
    process = stack.start(stdout=write)
    os.close(write)
    os.close(read)

    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)

    assert process.returncode == 0
    assert stack.stopped == ["web", "worker", "database"]


def test_a_part_that_dies_takes_the_others_down_in_order_and_names_its_log(stack):
    process = stack.start()

    os.kill(stack.pid_of("worker"), signal.SIGKILL)
    said, _ = process.communicate(timeout=20)

    assert process.returncode == 1
    assert stack.stopped == ["web", "database"]
    assert str(stack.folder / "worker.log") in said


def test_a_second_start_is_refused_with_the_address_of_the_first(stack):
    stack.start()

    with pytest.raises(AlreadyRunning, match="http://localhost:8000"):
        Lock(stack.folder / "running")


def test_a_lock_that_a_killed_supervisor_left_is_no_lock(stack):
    process = stack.start()
    process.kill()
    process.communicate(timeout=20)

    lock = Lock(stack.folder / "running")

    assert (stack.folder / "running").read_text() == ""
    lock.release()


def test_a_port_in_use_means_the_next_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with listen(port) as line:
            assert port < line.getsockname()[1] <= port + 50
