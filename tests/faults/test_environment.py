"""``make environment`` when it was interrupted, when two ask for it at once, and where paths are odd."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PYTHON = f"{sys.base_prefix}/bin/python3"

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that needs no package, in a folder whose name holds what shells and Python stumble over."""
    made = tmp_path / "it's a folder"
    made.mkdir()
    shutil.copy(CHECKOUT / "wwcsc" / "local" / "environment.sh", made)
    (made / "requirements.lock").write_text("# nothing is needed\n")
    return made


def start(checkout: Path, python: str = PYTHON) -> subprocess.Popen:
    return subprocess.Popen(
        ["sh", "environment.sh"],
        cwd=checkout,
        env=os.environ | {"PYTHON": python},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> tuple[int, str]:
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def works(checkout: Path) -> bool:
    asked = subprocess.run([checkout / ".venv" / "bin" / "python", "-m", "pip", "--version"], check=False)
    return asked.returncode == 0 and (checkout / ".venv" / ".installed").is_file()


def test_one_that_was_left_half_made_is_made_anew_and_a_whole_one_is_left_alone(checkout):
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", ".venv"], cwd=checkout, check=True)

    code, said = finish(start(checkout))

    assert code == 0, said
    assert works(checkout)
    assert finish(start(checkout)) == (0, "")


def test_after_a_change_of_the_lock_it_is_kept_and_completed(checkout):
    finish(start(checkout))
    (checkout / ".venv" / "mine").touch()
    (checkout / "requirements.lock").write_text("# nothing is needed, in other words\n")

    code, said = finish(start(checkout))

    assert code == 0, said
    assert (checkout / ".venv" / "mine").exists()
    assert works(checkout)


def test_of_two_at_once_the_second_waits_for_the_first(checkout):
    both = [start(checkout), start(checkout)]

    ended = [finish(process) for process in both]

    assert [code for code, _ in ended] == [0, 0], ended
    assert sum("Making .venv" in said for _, said in ended) == 1
    assert sum("waiting for it" in said for _, said in ended) == 1
    assert works(checkout)


def test_the_mark_of_a_killed_one_holds_nobody_up(checkout):
    gone = subprocess.Popen(["true"])
    gone.wait()
    mark = checkout / ".local" / "tools" / "making-environment"
    mark.mkdir(parents=True)
    (mark / "pid").write_text(f"{gone.pid}\n")

    code, said = finish(start(checkout))

    assert code == 0, said
    assert not mark.exists()


def test_a_python_that_was_named_and_does_not_fit_is_said(checkout):
    code, said = finish(start(checkout, python="/bin/false"))

    assert code == 1
    assert "PYTHON names /bin/false" in said
    assert not (checkout / ".venv").exists()
