import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from stepped_wedge.command import PAUSE, Progress, main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(capsys, monkeypatch):
    """Run one command; (exit status, decoded standard output or None, standard error)."""

    def run(*arguments, stdin=None):
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return status, json.loads(out) if out else None, err

    return run


def test_power_answers_one_case_from_standard_input(run, cases):
    status, answer, err = run("power", "-", stdin=json.dumps(cases["A01"]))
    assert (status, err) == (0, "")
    assert answer["id"] == "A01"
    assert answer["power"] == pytest.approx(0.7861895925027284, abs=1e-6)


def test_power_answers_a_list_with_a_list_in_the_same_order(run, cases):
    status, answers, _ = run("power", "-", stdin=json.dumps([cases["C01"], cases["A01"]]))
    assert status == 0
    assert [answer["id"] for answer in answers] == ["C01", "A01"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_examples_file_runs_as_it_is_and_names_the_two_cases_it_refuses(run, examples, jobs):
    status, answers, err = run("power", examples / "cases.json", "--jobs", jobs)
    assert status == 1
    assert [a["id"] for a in answers if "refused" in a] == ["G05", "Q07"]
    assert len(err.strip().splitlines()) == 2
    assert "design.x: the effect is not identified" in err


def test_an_unusable_case_is_one_sentence_on_standard_error_and_nothing_on_standard_output(run, cases):
    case = cases["F05"] | {"correlation": cases["F05"]["correlation"] | {"alpha1": 0.9}}
    status, answer, err = run("power", "-", stdin=json.dumps(case))
    assert status == 1
    assert answer is None
    assert err.startswith("correlation.alpha1: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ('{"size": NaN}', "NaN is not a number"),
        ("3", "must be a JSON object"),
        ('{"design": {}}', "clusters_per_sequence"),
    ],
)
def test_text_that_is_no_case_is_refused(run, text, said):
    status, _, err = run("power", "-", stdin=text)
    assert status == 1
    assert said in err


def test_a_file_that_is_not_there_is_refused(run, tmp_path):
    status, _, err = run("power", tmp_path / "none.json")
    assert status == 1
    assert "cannot be read" in err


def test_the_whole_path_of_a_draw_on_the_command_line(run, examples, tmp_path, capsys):
    spec, covariates, secret = examples / "allocation.json", examples / "covariates.csv", tmp_path / "secret.txt"
    status, answer, _ = run("allocate", spec, "--covariates", covariates, "--list")
    assert status == 0
    assert answer["report"]["kept"] == len(answer["allocations"]) == 60
    assert answer["report"]["without_constraints"] == 120
    _, committed, _ = run("commit", spec, "--covariates", covariates, "--secret-file", secret)
    assert secret.stat().st_mode & 0o077 == 0
    (tmp_path / "c.json").write_text(json.dumps(committed))
    status, _, err = run("draw", tmp_path / "c.json", "--secret-file", secret)
    assert status == 1
    assert err.startswith("public_random: ")
    _, drawn, _ = run("draw", tmp_path / "c.json", "--secret-file", secret, "--public-random", "1 2 3 4 5 6")
    (tmp_path / "d.json").write_text(json.dumps(drawn))
    _, record, _ = run("reveal", tmp_path / "c.json", tmp_path / "d.json", "--secret-file", secret)
    (tmp_path / "r.json").write_text(json.dumps(record))
    status, found, _ = run("verify", tmp_path / "r.json")
    assert status == 0
    assert found["holds"]
    record["allocation"] = dict(zip(record["allocation"], reversed(record["allocation"].values()), strict=True))
    (tmp_path / "r.json").write_text(json.dumps(record))
    status, found, err = run("verify", tmp_path / "r.json")
    assert status == 1
    assert not found["holds"]
    assert "allocation: does not hold" in err


def test_an_over_constrained_specification_is_an_error_with_its_report(run, examples, tmp_path):
    spec = json.loads((examples / "allocation.json").read_text()) | {"cutoff": {"share": 0.05}}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    status, answer, err = run("allocate", tmp_path / "spec.json", "--covariates", examples / "covariates.csv")
    assert status == 1
    assert answer["report"]["kept"] == 6
    assert "fewer than 20%" in err


def test_analyse_uses_the_orders_of_the_record(run, examples):
    data, spec = examples / "demonstration_returns.csv", examples / "analysis.json"
    _, plain, _ = run("analyse", data, "--spec", spec)
    _, restricted, _ = run("analyse", data, "--spec", spec, "--record", examples / "public_record.json")
    assert plain["randomisation"]["allocations"] == 120
    assert restricted["randomisation"]["allocations"] == 60
    assert plain["used"]["left_out"] == [{"why": "no return", "count": 1}]


def test_a_report_fills_its_items_and_its_page_stands_alone(run, examples, tmp_path):
    page = tmp_path / "report.html"
    status, found, _ = run(
        "report", examples / "report.json", "--data", examples / "demonstration_returns.csv", "--html", page
    )
    assert status == 0
    for item in (
        "3a design",
        "7a sample size",
        "8a how the order was made",
        "8b kind of randomisation",
        "13a flow",
        "17a result",
    ):
        assert found["items"][item]
    assert found["answers"]["verification"]["holds"]
    assert {"design", "outcomes", "positions", "power"} <= set(found["pictures"])
    text = page.read_text()
    assert "<svg" in text
    assert "src=" not in text
    assert "<script" not in text


@pytest.mark.parametrize(
    ("spec", "path"),
    [({}, "spec"), ({"colour": 1}, "colour"), ({"analysis": {}}, "analysis"), ({"record": 3}, "record")],
)
def test_a_report_without_what_it_needs_is_refused(run, tmp_path, spec, path):
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    status, _, err = run("report", tmp_path / "spec.json")
    assert status == 1
    assert err.startswith(f"{path}: ")


def test_it_runs_as_a_module_without_django():
    code = "import sys, stepped_wedge.command; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    asked = [sys.executable, "-m", "stepped_wedge", "power", "stepped_wedge/examples/five_authorities.json"]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(json.loads(found.stdout)) == 9


def test_the_answers_of_every_command_are_the_same_whoever_shares_the_work(run, examples, tmp_path):
    spec, covariates = examples / "allocation.json", examples / "covariates.csv"
    alone, shared = (run("allocate", spec, "--covariates", covariates, "--jobs", jobs) for jobs in (1, 2))
    assert alone == shared
    record = examples / "public_record.json"
    assert run("verify", record, "--jobs", 2) == run("verify", record)
    case = json.loads((examples / "power.json").read_text()) | {"request": ["simulation"], "unknown_sizes": {"cv": 0.5}}
    (tmp_path / "case.json").write_text(json.dumps(case))
    assert run("power", tmp_path / "case.json", "--jobs", 2) == run("power", tmp_path / "case.json")
    analysed = ("analyse", examples / "demonstration_returns.csv", "--spec", examples / "analysis.json")
    assert run(*analysed, "--jobs", 2) == run(*analysed)


@pytest.mark.parametrize("command", ["power", "allocate", "verify"])
def test_nobody_is_no_number_of_jobs(run, examples, command):
    file = {"power": "power.json", "allocate": "allocation.json", "verify": "public_record.json"}[command]
    extra = ["--covariates", examples / "covariates.csv"] if command == "allocate" else []
    status, _, err = run(command, examples / file, *extra, "--jobs", 0)
    assert status == 1
    assert err.startswith("--jobs: must be at least 1")


def test_long_work_says_how_far_it_is_a_line_now_and_then(capsys):
    moments = iter([0.0, 1.0, PAUSE, PAUSE + 1, 2 * PAUSE, 2 * PAUSE + 1])
    told = Progress(lambda: next(moments))
    for done in range(1, 6):
        told("orders", done, 5_000)
    assert capsys.readouterr().err == "orders: 2 of 5,000\norders: 4 of 5,000\n"


def test_on_a_terminal_one_line_changes_and_ends(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    moments = iter([0.0, 0.1, 0.3, 0.35, 0.36])
    told = Progress(lambda: next(moments))
    for done in range(1, 5):
        told("orders", done, 4)
    assert capsys.readouterr().err == "\rorders: 2 of 4\rorders: 4 of 4\n"
