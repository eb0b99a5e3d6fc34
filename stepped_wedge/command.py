"""The command line: JSON or CSV in, JSON out. Refusals are one sentence on standard error and exit status 1."""

from __future__ import annotations

import argparse
import csv
import io
import json
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stepped_wedge import draws
from stepped_wedge.analysis.returns import Returns, read_returns
from stepped_wedge.analysis.running import analyse, with_record
from stepped_wedge.cases import answer_case
from stepped_wedge.crews import ALONE, Crew
from stepped_wedge.refusals import CaseRefused, refuse_unless
from stepped_wedge.reporting import page, report

LIVE, PAUSE = 0.2, 5.0  # seconds between two words of progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    asked = _parser().parse_args(arguments)
    try:
        return asked.run(asked)
    except CaseRefused as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 1
    except BrokenPipeError:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stepped_wedge", description="Plan, randomise, verify, analyse and report stepped-wedge trials."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=about, description=about)
        one.set_defaults(run=run)
        one.add_argument("--jobs", type=int, default=1, help="processes that share the work; the answer is the same")
        return one

    one = command("power", _power, "variance, power, detectable effects and sizes of one case or a list of cases")
    one.add_argument("file", help="JSON, - for standard input")
    one = command("allocate", _allocate, "the allocations that can be drawn, and the over-constraint report")
    one.add_argument("spec")
    one.add_argument("--covariates", help="CSV with one row for each cluster")
    one.add_argument("--list", action="store_true", help="list every allocation (at most 10,000)")
    one = command("commit", _commit, "the commitment to publish before the draw; the secret goes to a file")
    one.add_argument("spec")
    one.add_argument("--covariates")
    one.add_argument("--secret-file", required=True, help="made when it does not exist; keep it sealed")
    one = command("draw", _draw, "the sealed allocation")
    one.add_argument("committed")
    one.add_argument("--secret-file", required=True)
    one.add_argument("--public-random", help="the value that the specification announced")
    one = command("reveal", _reveal, "the whole public record, after the last date is disclosed")
    one.add_argument("committed")
    one.add_argument("drawn")
    one.add_argument("--secret-file", required=True)
    one = command("verify", _verify, "recompute a draw from its public record")
    one.add_argument("record")
    one = command("analyse", _analyse, "a pre-specified analysis of returns")
    one.add_argument("data", help="CSV of individuals or of cells, - for standard input")
    one.add_argument("--spec", required=True)
    one.add_argument("--record", help="committed or public record: its allocations are those of the randomisation test")
    one = command("report", _report, "design, allocation and result with pictures and CONSORT items")
    one.add_argument("spec")
    one.add_argument("--data", help="CSV of returns, for the analysis")
    one.add_argument("--html", help="also write a page to this file")
    return parser


def _text(name: str) -> str:
    named = "standard input" if name == "-" else name
    try:
        if name == "-":
            return sys.stdin.read().removeprefix("\ufeff")
        return Path(name).read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise CaseRefused(named, f"cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise CaseRefused(named, "is not UTF-8 text") from problem


class _Twice:
    """What stands for an object that has one key twice, until its path is known."""

    def __init__(self, key: str) -> None:
        self.key = key


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Twice:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            return _Twice(key)
        found[key] = value
    return found


def _json(name: str) -> Any:
    named, text = "standard input" if name == "-" else name, _text(name)
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as problem:
        raise CaseRefused(named, f"is not JSON: {problem.msg} at line {problem.lineno}") from problem
    except (RecursionError, ValueError) as problem:  # nested without end, or a number of thousands of digits
        raise CaseRefused(named, "is not JSON that can be used") from problem


def _refuse_unusable(value: Any, path: str = "") -> None:
    """Numbers that are not finite and keys that are given twice, with their path."""
    if isinstance(value, _Twice):
        raise CaseRefused(f"{path}.{value.key}" if path else value.key, "is given twice")
    if isinstance(value, dict):
        for key, one in value.items():
            _refuse_unusable(one, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for spot, one in enumerate(value):
            _refuse_unusable(one, f"{path}[{spot}]")
    elif isinstance(value, int | float) and not -sys.float_info.max <= value <= sys.float_info.max:
        said = "so large a number" if isinstance(value, int) else "NaN" if value != value else "Infinity"
        raise CaseRefused(path or "JSON", f"{said} is not a number that can be used")


def _usable(name: str) -> Any:
    given = _json(name)
    _refuse_unusable(given)
    return given


def _rows(name: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(_text(name)))
    try:
        rows = list(reader)
    except csv.Error as problem:
        raise CaseRefused(name, f"is not CSV: {problem}") from problem
    columns = list(reader.fieldnames or ())
    twice = [column for column in columns if columns.count(column) > 1]
    refuse_unless(not twice, f"{name} line 1", f"the column {twice[0] if twice else ''} is there twice")
    for line, row in enumerate(rows, start=2):
        refuse_unless(
            None not in row and None not in row.values(), f"{name} line {line}", "has not as many values as columns"
        )
    return rows


def _say(answer: Any) -> None:
    try:
        text = json.dumps(answer, indent=1, ensure_ascii=False, allow_nan=False)
    except ValueError as problem:
        raise CaseRefused(
            "data", "the numbers are too extreme: the answer would hold one that is not finite"
        ) from problem
    sys.stdout.write(text + "\n")


def _written(name: str, text: str) -> None:
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as problem:
        raise CaseRefused(name, f"cannot be written: {problem.strerror}") from problem


def _power(asked: argparse.Namespace) -> int:
    given = _json(asked.file)
    if isinstance(given, dict) and "cases" in given:
        given = given["cases"]
    if not isinstance(given, list):
        _refuse_unusable(given)
        _say(answer_case(given, _crew(asked.jobs)))
        return 0
    refuse_unless(given, "cases", "the list is empty")
    answers = _answers(given, asked.jobs)
    _say(answers)
    refused = [answer for answer in answers if "refused" in answer]
    for answer in refused:
        print(f"{answer['id']}: {answer['refused']}", file=sys.stderr)  # noqa: T201
    return 1 if refused else 0


def _answers(cases: list[Any], jobs: int) -> list[dict[str, Any]]:
    """Processes share the cases where there are several, the parts of the case where there is one."""
    alone = len(cases) < 2
    named = list(enumerate(cases))
    if alone:
        return [_answer_or_refusal(one, _crew(jobs)) for one in named]
    return _crew(jobs).each("cases", _answer_or_refusal, named)


def _answer_or_refusal(one: tuple[int, Any], crew: Crew = ALONE) -> dict[str, Any]:
    spot, case = one
    try:
        _refuse_unusable(case)
        return answer_case(case, crew)
    except CaseRefused as problem:
        name = case.get("id") if isinstance(case, dict) else None
        return {"id": name if name is not None else f"case {spot + 1}", "refused": str(problem)}


def _crew(jobs: int) -> Crew:
    return Crew(jobs, Progress())


class Progress:
    """How far the work is, on standard error: a line that changes on a terminal, elsewhere a line now and then.

    Work that is done within a few seconds says nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last, self._drawn = clock, clock(), False
        self._live = sys.stderr.isatty()

    def __call__(self, what: str, done: int, total: int) -> None:
        ended = done == total
        now = self._clock()
        if now - self._last < (LIVE if self._live else PAUSE) and not (ended and self._drawn and self._live):
            return
        self._last = now
        end = "\n" if ended or not self._live else ""
        print(f"{'\r' if self._live else ''}{what}: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)  # noqa: T201
        self._drawn = not ended


def _draft(asked: argparse.Namespace) -> draws.Draft:
    return draws.draft(_usable(asked.spec), _rows(asked.covariates) if asked.covariates else None)


def _allocate(asked: argparse.Namespace) -> int:
    checked = _draft(asked)
    found = checked.candidates(_crew(asked.jobs))
    answer: dict[str, Any] = {"score": found.score, "report": found.report.as_json()}
    if found.scores is not None:
        answer["scores"] = {"best": float(found.scores.min()), "cutoff": float(found.scores.max())}
    if asked.list:
        refuse_unless(
            len(found.allocations) <= 10_000, "--list", f"{len(found.allocations)} allocations are too many to list"
        )
        answer["clusters"] = list(checked.space.clusters)
        answer["allocations"] = (found.allocations + 1).tolist()
    _say(answer)
    for problem in found.report.errors:
        print(f"constraints: {problem}", file=sys.stderr)  # noqa: T201
    return 1 if found.report.errors else 0


def _secret(name: str, make: bool = False) -> str:
    file = Path(name)
    if make and not file.exists():
        try:
            file.touch(mode=0o600)
        except OSError as problem:
            raise CaseRefused(name, f"cannot be written: {problem.strerror}") from problem
        _written(name, secrets.token_hex(32) + "\n")
    return _text(name).strip()


def _commit(asked: argparse.Namespace) -> int:
    checked = _draft(asked)
    _say(draws.commit(checked, _secret(asked.secret_file, make=True), _crew(asked.jobs)))
    return 0


def _record(name: str) -> dict[str, Any]:
    record = _usable(name)
    refuse_unless(isinstance(record, dict), "record", "must be a JSON object")
    return record


def _draw(asked: argparse.Namespace) -> int:
    _say(draws.draw(_record(asked.committed), _secret(asked.secret_file), asked.public_random, _crew(asked.jobs)))
    return 0


def _reveal(asked: argparse.Namespace) -> int:
    _say(draws.reveal(_record(asked.committed), _record(asked.drawn), _secret(asked.secret_file)))
    return 0


def _verify(asked: argparse.Namespace) -> int:
    record = _record(asked.record)
    found = draws.verify(record, _crew(asked.jobs))
    _say(found.as_json())
    for name, holds, detail in found.checks:
        if not holds:
            print(f"{name}: does not hold ({detail})", file=sys.stderr)  # noqa: T201
    return 0 if found.holds else 1


def _returns(name: str) -> Returns:
    return read_returns(_rows(name))


def _analyse(asked: argparse.Namespace) -> int:
    spec = _usable(asked.spec)
    if asked.record:
        refuse_unless(isinstance(spec, dict), "spec", "must be a JSON object")
        spec = with_record(spec, _usable(asked.record))
    _say(analyse(spec, _returns(asked.data), _crew(asked.jobs)))
    return 0


def _report(asked: argparse.Namespace) -> int:
    found = report(_usable(asked.spec), _returns(asked.data) if asked.data else None, _crew(asked.jobs))
    if asked.html:
        _written(asked.html, page(found))
    _say(found)
    return 0
