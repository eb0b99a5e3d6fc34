"""The whole portal, started as a person starts it, and ended in every way that people and machines end things."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent
READY = "Press Ctrl-C to stop."

pytestmark = pytest.mark.slow


class Demo:
    """``manage.py demo`` with data of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.said = data.parent / "said.txt"
        taken = {"PORTAL_TEST_SERVERS", "DATABASE_URL", "REDIS_URL", "CACHE_URL", "DJANGO_SETTINGS_MODULE"}
        self.env = {name: value for name, value in os.environ.items() if name not in taken} | {"PORTAL_DATA": str(data)}
        self.process: subprocess.Popen | None = None

    def run(self, *options: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "manage.py", "demo", *options]
        return subprocess.run(
            command, cwd=CHECKOUT, env=self.env, capture_output=True, text=True, check=False, timeout=300
        )

    def start(self, *options: str) -> subprocess.Popen:
        with self.said.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", *options],
                cwd=CHECKOUT,
                env=self.env,
                stdout=output,
                stderr=output,
            )
        until = time.monotonic() + 240
        while READY not in self.output and self.process.poll() is None and time.monotonic() < until:
            time.sleep(0.2)
        assert READY in self.output, self.output
        return self.process

    @property
    def output(self) -> str:
        return self.said.read_text()

    @property
    def children(self) -> dict[int, str]:
        """Everything that runs with this data, however it got there."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                told = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                alive = (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            except OSError:
                continue
            if alive and str(self.data).encode() in told and "manage.py demo" not in line:
                found[int(folder.name)] = line
        return found

    def pid_of(self, words: str) -> int:
        return min(pid for pid, line in self.children.items() if words in line)

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.wait_until_alone()

    def wait_until_alone(self, patience: float = 30) -> None:
        until = time.monotonic() + patience
        while self.children and time.monotonic() < until:
            time.sleep(0.2)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="portal-demo-") as folder:
        Path(folder).chmod(0o711)
        started = Demo(Path(folder) / "data")
        yield started
        started.end()


def test_from_nothing_the_check_proves_every_part_and_leaves_nothing_running(demo):
    checked = demo.run("--check", "--port", "8950")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert re.findall(r"^  yes  (\w[\w ]*):", checked.stdout, re.MULTILINE) == [
        "web",
        "assets",
        "worker and beat",
        "mail",
    ]
    assert demo.children == {}


def test_it_starts_once_and_stops_in_order_when_asked(demo):
    process = demo.start("--port", "8950")

    second = demo.run("--port", "8950")
    fresh = demo.run("--fresh")
    process.send_signal(signal.SIGTERM)

    assert process.wait(60) == 0
    address = re.search(r"http://localhost:\d+", demo.output)
    assert address
    for refused in (second, fresh):
        assert refused.returncode == 1
        assert f"already running at {address[0]}" in refused.stderr
    assert demo.children == {}
    ended = {part: (demo.data / "logs" / f"{part}.log").stat().st_mtime for part in ("web", "postgres")}
    assert ended["web"] <= ended["postgres"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="asks the kernel through /proc")
def test_a_killed_supervisor_takes_everything_with_it_and_the_next_start_is_normal(demo):
    process = demo.start("--port", "8950")

    process.kill()
    process.wait()
    demo.wait_until_alone()

    assert demo.children == {}
    demo.start("--port", "8950").send_signal(signal.SIGINT)
    assert demo.process
    assert demo.process.wait(60) == 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="asks the kernel through /proc")
def test_a_worker_that_dies_ends_the_rest_and_names_its_log(demo):
    process = demo.start("--port", "8950")

    os.kill(demo.pid_of("celery -A wwcsc worker"), signal.SIGKILL)

    assert process.wait(60) == 1
    assert f"worker stopped by itself. Its log is {demo.data / 'logs' / 'worker.log'}" in demo.output
    assert demo.children == {}


@pytest.mark.parametrize("seconds", [0.5, 0.9, 1.5])  # earlier the interpreter itself is still starting
def test_ctrl_c_while_everything_is_still_being_read_says_nothing_that_frightens(demo, seconds):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", "8950"],
        cwd=CHECKOUT,
        env=demo.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    time.sleep(seconds)

    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)

    assert "Traceback" not in said
    assert demo.children == {}
