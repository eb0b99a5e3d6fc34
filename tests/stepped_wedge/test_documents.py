"""The README and the how-to page are true: every command runs, every figure is made again."""

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from stepped_wedge import draws
from stepped_wedge.command import main
from stepped_wedge.examples import making

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "stepped_wedge" / "README.md", ROOT / "docs" / "how-to" / "stepped-wedge.md"]
PAGE = PAGES[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_command_of_the_page_runs_in_order(page, tmp_path, monkeypatch):
    commands = re.findall(r"^python (-m stepped_wedge .*)$", page.read_text(), flags=re.MULTILINE)
    assert len(commands) >= 8
    (tmp_path / "stepped_wedge").symlink_to(ROOT / "stepped_wedge")
    monkeypatch.chdir(tmp_path)
    for command in commands:
        words = shlex.split(command)
        target = words[words.index(">") + 1] if ">" in words else None
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(words[2 : words.index(">")] if target else words[2:])
        assert (status, err.getvalue()) == (0, ""), command
        if target:
            Path(target).write_text(out.getvalue())


def test_the_python_of_the_readme_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(), flags=re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "worst" not in done.stderr


def test_every_figure_of_the_page_is_made_again():
    text = PAGE.read_text()
    assert making.filled(text) == text


def test_every_drawing_of_the_page_is_made_again_and_shown():
    for name, svg in making.drawings().items():
        assert (PAGE.parent / name).read_text() == svg, name
    shown = set(re.findall(r"\((stepped-wedge-[a-z]+\.svg)\)", PAGE.read_text()))
    assert shown <= set(making.drawings())
    assert shown >= set(making.drawings()) - {"stepped-wedge-pairs.svg"}


def test_the_demonstration_returns_are_made_again():
    assert (making.HERE / "demonstration_returns.csv").read_text() == making.demonstration_returns()


def test_the_example_record_verifies_whatever_code_made_it():
    assert draws.verify(json.loads((making.HERE / "public_record.json").read_text())).holds


def test_no_example_names_a_place_on_a_machine():
    for file in making.HERE.iterdir():
        if file.is_file():
            assert not re.search(r"/(home|root|work|tmp)/", file.read_text()), file.name
