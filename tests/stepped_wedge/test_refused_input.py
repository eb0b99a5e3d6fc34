"""Files that cannot be used: one sentence that begins with the place, no traceback, nothing taken for something else."""

import io
import json
import re
import sys

import pytest

from stepped_wedge.analysis.returns import read_returns
from stepped_wedge.analysis.running import analyse
from stepped_wedge.command import main
from stepped_wedge.refusals import CaseRefused

CELLS = "cluster,sequence,period,treat,n,events\n" + "".join(
    f"c{i},{i + 1},{j + 1},{int(j > i)},100,{10 + (7 * i + 3 * j) % 11}\n" for i in range(5) for j in range(6)
)


def refusal(capsys, *arguments):
    status = main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    assert status == 1
    assert out == ""
    assert err.count("\n") == 1
    return err


CASE = {
    "design": {"clusters_per_sequence": [1, 1, 1], "periods": 4},
    "outcome": {"residual_variance": 1},
    "effect": {"theta": 1},
    "size": 9,
}


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ('{"size": NaN}', "size: NaN"),
        ('{"inference": {"alpha": Infinity}}', "inference.alpha: Infinity"),
        ('{"design": {"x": [[0, 1], [0, 1e999]]}}', "design.x[1][1]: Infinity"),
        ('{"effect": {"theta": -Infinity}}', "effect.theta: Infinity"),
        ('{"size": 1' + "0" * 400 + "}", "size: so large a number"),
        ('{"size": 1' + "0" * 5000 + "}", "standard input: is not JSON that can be used"),
        ('{"size": 10, "size": 20}', "size: is given twice"),
        ('{"effect": {"theta": 1, "theta": 2}}', "effect.theta: is given twice"),
        ("[" * 100_000, "standard input: is not JSON"),
        ("", "standard input: is not JSON"),
        ("[]", "cases: the list is empty"),
        ('{"cases": []}', "cases: the list is empty"),
        ("\ufeff" + json.dumps(CASE | {"size": "10"}), "size: must be a number"),
        (json.dumps(CASE | {"correlation": {"tau2": "0.1"}}), "correlation.tau2: "),
    ],
)
def test_json_that_cannot_be_used_is_refused_with_its_place(capsys, monkeypatch, text, begins):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert refusal(capsys, "power", "-").startswith(begins)


def test_in_a_list_only_the_case_with_the_fault_is_refused(capsys, monkeypatch):
    text = json.dumps([CASE, CASE | {"size": float("nan")}])
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert main(["power", "-"]) == 1
    answers = json.loads(capsys.readouterr().out)
    assert "power" in answers[0]
    assert answers[1]["refused"].startswith("size: NaN")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CELLS.encode().replace(b"c1,", "c\u00e9,".encode("latin-1")), "is not UTF-8 text"),
        (CELLS.replace("n,events", "n,n").encode(), "the column n is there twice"),
        (b"a" * 200_000 + b",b\n1,2\n", "is not CSV"),
        (b"", "holds no rows"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(capsys, tmp_path, content, says):
    (tmp_path / "data.csv").write_bytes(content)
    (tmp_path / "spec.json").write_text("{}")
    assert says in refusal(capsys, "analyse", tmp_path / "data.csv", "--spec", tmp_path / "spec.json")


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_column(capsys, tmp_path):
    (tmp_path / "data.csv").write_bytes(b"\xef\xbb\xbf" + CELLS.encode())
    (tmp_path / "spec.json").write_text('{"component_intervals": false, "also": []}')
    assert main(["analyse", str(tmp_path / "data.csv"), "--spec", str(tmp_path / "spec.json")]) == 0
    assert json.loads(capsys.readouterr().out)["used"]["cells"] == 30


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ("c0,1,1,0,100,101", "data line 2"),
        ("c0,1,1,0,100,-1", "data line 2"),
        ("c0,1,1,0,-100,1", "data line 2"),
        ("c0,1,1,0,0,5", "data line 2"),
        ("c0,1,1,0,100,2.5", "data line 2"),
        ("c0,1,1,0,99.5,2", "data line 2"),
        ("c0,1,1,2,100,2", "data line 2, treat"),
        ("c0,1,1,-1,100,2", "data line 2, treat"),
        (",1,1,0,100,2", "data line 2, cluster"),
        ("c0,1, ,0,100,2", "data line 2, period"),
        ("c0,1,1,no,100,2", "data line 2, treat"),
    ],
)
def test_a_cell_that_cannot_be_is_refused_with_its_line(row, path):
    names, first, *rest = CELLS.splitlines()
    values = [dict(zip(names.split(","), line.split(","), strict=True)) for line in (row, *rest)]
    assert len(first.split(",")) == 6
    with pytest.raises(CaseRefused) as refused:
        read_returns(values)
    assert refused.value.path == path


@pytest.mark.parametrize(
    "row",
    [
        {"n": "-5", "mean": "1", "sd": "1"},
        {"n": "5", "mean": "1", "sd": "-1"},
        {"n": "2.5", "mean": "1", "sd": "1"},
    ],
)
def test_a_mean_of_what_cannot_be_is_refused(row):
    with pytest.raises(CaseRefused, match=r"^data line 2: "):
        read_returns([{"cluster": "a", "period": "1", "treat": "0"} | row])


def test_blanks_around_a_name_make_no_other_cluster():
    names, *lines = CELLS.splitlines()
    lines[0] = lines[0].replace("c0", " c0 ")
    values = [dict(zip(names.split(","), line.split(","), strict=True)) for line in lines]
    assert read_returns(values).design.cluster_count == 5


def test_a_place_where_nothing_can_be_written_is_refused(capsys, examples, tmp_path):
    nowhere = tmp_path / "none" / "file"
    plan = json.loads((examples / "report.json").read_text())
    (tmp_path / "report.json").write_text(json.dumps({"case": plan["case"]}))
    spec = (examples / "allocation.json", "--covariates", examples / "covariates.csv")
    assert "cannot be written" in refusal(capsys, "commit", *spec, "--secret-file", nowhere)
    assert "cannot be written" in refusal(capsys, "report", tmp_path / "report.json", "--html", nowhere)


@pytest.mark.parametrize("permutation", [5, [1], "two-way"])
def test_a_record_beside_a_permutation_that_is_none(capsys, examples, tmp_path, permutation):
    spec = json.loads((examples / "analysis.json").read_text()) | {"permutation": permutation}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    asked = (examples / "demonstration_returns.csv", "--spec", tmp_path / "spec.json")
    record = ("--record", examples / "public_record.json")
    if permutation == "two-way":
        assert main([str(one) for one in ("analyse", *asked, *record)]) == 0
        return
    assert re.match("permutation: ", refusal(capsys, "analyse", *asked, *record))


@pytest.mark.parametrize(
    ("model", "path"),
    [({"points": 0}, "model.points"), ({"points": 2.7}, "model.points"), ({"moments": "some"}, "model.moments")],
)
def test_a_model_of_the_analysis_is_read_as_it_is_written(model, path):
    names, *lines = CELLS.splitlines()
    values = [dict(zip(names.split(","), line.split(","), strict=True)) for line in lines]
    with pytest.raises(CaseRefused) as refused:
        analyse({"model": model}, read_returns(values))
    assert refused.value.path == path


def table(value, clusters=5, sd=None):
    steps = min(clusters, 5)
    for i in range(clusters):
        for j in range(steps + 1):
            treat = int(j > i * steps // clusters)
            row = {"cluster": f"c{i:02}", "period": str(j + 1), "treat": str(treat), "n": "100"}
            yield row | (
                {"events": str(value(i, j, treat))} if sd is None else {"mean": str(value(i, j, treat)), "sd": sd}
            )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("clusters", [5, 12])
@pytest.mark.parametrize(("events", "sd"), [(0, None), (100, None), (0, "0"), (17, "0")])
def test_one_outcome_everywhere_is_no_finding(clusters, events, sd):
    returns = read_returns(list(table(lambda *_: events, clusters, sd)))
    with pytest.raises(CaseRefused, match=r"^data: every return is \d+: there is nothing to compare"):
        analyse({"component_intervals": False}, returns)


@pytest.mark.parametrize(("rows", "columns", "effect"), [(0, 0, 0), (3, 1, 0), (3, 1, 5)])
def test_cell_means_without_residual_have_no_p_of_rounding_errors(rows, columns, effect):
    returns = read_returns(list(table(lambda i, j, x: 10 + rows * i + columns * j + effect * x)))
    with pytest.raises(CaseRefused, match="to the last digit"):
        analyse({"method": "two-way", "component_intervals": False}, returns)


@pytest.mark.filterwarnings("error")
def test_numbers_that_overflow_give_one_sentence_and_no_warning(capsys, tmp_path):
    lines = [f"c{i},{j},{int(j > i)},10,{(i * 7 + j * j) % 5}e170,1" for i in range(5) for j in range(6)]
    (tmp_path / "data.csv").write_text("\n".join(["cluster,period,treat,n,mean,sd", *lines]))
    (tmp_path / "spec.json").write_text('{"component_intervals": false, "also": []}')
    said = refusal(capsys, "analyse", tmp_path / "data.csv", "--spec", tmp_path / "spec.json")
    assert said.startswith("data: ")


def people(exposure):
    return [
        {
            "cluster": f"c{i}",
            "period": str(j + 1),
            "treat": str(int(j > i)),
            "y": str((3 * i + 5 * j + k) % 7),
            "exposure": exposure(i, j),
        }
        for i in range(5)
        for j in range(6)
        for k in range(3)
    ]


def test_the_time_since_the_switch_is_checked_where_it_is_given():
    assert read_returns(people(lambda i, j: str(max(j - i, 0)))).design.cluster_count == 5
    assert read_returns(people(lambda i, j: "")).design.cluster_count == 5
    with pytest.raises(CaseRefused, match=r"^data.exposure: cluster c0, period 2 says 2, its switch makes it 1"):
        read_returns(people(lambda i, j: str(max(j - i, 0) and j - i + 1)))
    with pytest.raises(CaseRefused, match=r"^data line 2, exposure: 'x' is not a number"):
        read_returns(people(lambda i, j: "x"))
