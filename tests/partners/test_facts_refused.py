"""What people really put into files of facts, and what they are told. Only read and checked: no database is needed."""

import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from partners.facts_reader import Reading, shipped
from wwcsc.management.commands.load_facts import APPS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for app in APPS:
        shutil.copytree(shipped(f"{app}/files").parent, tmp_path / app)
    return tmp_path


def check(folder: Path) -> str:
    said = StringIO()
    call_command("load_facts", check=True, folder=folder, stdout=said)
    return said.getvalue()


def refusal(folder: Path) -> list[str]:
    with pytest.raises(CommandError) as refused:
        check(folder)
    heading, *problems = str(refused.value).split("\n")
    assert heading == "Nothing was loaded. Put this right and run the command again:"
    return [problem.strip() for problem in problems]


def problems_with(folder: Path, file: str) -> list[str]:
    """Reads one file and those it may refer to: what the command would say of it, sooner."""
    reading = Reading(folder_of=lambda name: folder / f"{name}.csv")
    for table in [table for tables in APPS.values() for table in tables]:
        if table.named or table.file == file:
            reading.read(table)
        if table.file == file:
            break
    return [str(problem) for problem in reading.problems]


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    path.write_text(after, encoding="utf-8")


def with_row(path: Path, row: str) -> int:
    """Adds a row at the end and returns its line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_files_of_the_portal_are_in_order(folder):
    assert "files are in order. Nothing was loaded." in check(folder)


YEAR = ",,,,,,,,,,,,,,,"  # sixteen cells of figures that nobody knows
ROWS = [
    (
        "partners/years",
        f"atlantis,2024,{YEAR}",
        "column “authority”: there is no organisation called “atlantis” in the files",
    ),
    (
        "partners/years",
        f"northamptonshire-2021,2023,{YEAR}",
        "column “authority”: Northamptonshire (to 2021) ended on 1 April 2021 and has no figures for March 2023",
    ),
    ("partners/years", f"barnet,2024,{YEAR}", "column “authority”: the same as line "),
    ("partners/years", f"barnet,2031,12{YEAR},", "the row has 19 cells where the heading has 18"),
    (
        "partners/years",
        f"barnet,2031,NaN{YEAR}",
        "column “children”: “NaN” is not a number. Leave the cell empty when nothing is known",
    ),
    ("partners/years", f"barnet,2031,1e9{YEAR}", "column “children”: “1e9” is not a number. Leave the cell empty"),
    ("partners/years", f'barnet,2031,"1,200"{YEAR}', "column “children”: “1,200” is not a number."),
    ("partners/years", f"barnet,2031,12.5{YEAR}", "column “children”: “12.5” is not a whole number"),
    (
        "partners/years",
        f"barnet,2031,-4{YEAR}",
        "column “children”: “-4”: Ensure this value is greater than or equal to 0.",
    ),
    ("partners/years", f"barnet,1731,{YEAR}", "column “year”: “1731” is not a year between 2000 and 2100"),
    ("partners/years", f"barnet,,{YEAR}", "column “year”: this cell must not be empty"),
    ("partners/years", "barnet,2031", "the row has 2 cells where the heading has 18"),
    (
        "partners/codes",
        "barnet,ons,E0900003,,",
        "column “code”: “E0900003” is not an ONS code, which is E and eight digits",
    ),
    ("partners/codes", "barnet,dfe,30,,", "column “code”: “30” is not a DfE number, which has three digits"),
    ("partners/codes", "barnet,gss,E09000003,,", "column “scheme”: “gss” is not known here. Use one of: ons, dfe"),
    (
        "partners/inspections",
        "barnet,31/02/2026,,,standard,good,,,,,",
        "column “published_on”: “31/02/2026” is not a day. Write it as year-month-day, such as 2019-07-24",
    ),
    (
        "partners/inspections",
        "barnet,2026-02-30,,,standard,good,,,,,",
        "column “published_on”: “2026-02-30” is not a day.",
    ),
    (
        "partners/inspections",
        "barnet,2026-03-02,,,standard,Good,,,,,",
        "column “overall”: “Good” is not known here. Use one of: outstanding, good, requires_improvement, inadequate, not_judged",
    ),
    (
        "partners/inspections",
        "barnet,2026-03-02,,,standard,good,,,,,not an address",
        "column “report_url”: “not an address”: Enter a valid URL.",
    ),
    (
        "partners/inspections",
        "poole-2019,2020-03-02,2020-01-10,,standard,good,,,,,",
        "column “authority”: Poole (to 2019) ended on 1 April 2019 and cannot have been inspected on 2020-01-10",
    ),
    (
        "partners/neighbours",
        "barnet,poole-2019,4,Close",
        "column “neighbour”: Poole (to 2019) ended on 1 April 2019; neighbours are authorities of today",
    ),
    (
        "partners/organisations",
        "nowhere,local_authority,Nowhere,E12000001,unitary,51.5,,,,,,,,",
        "column “longitude”: latitude and longitude come together",
    ),
    (
        "partners/organisations",
        "nowhere,local_authority,Nowhere,E12000001,unitary,38.7,-0.2,,,,,,,",
        "column “latitude”: “38.7” is not in the United Kingdom",
    ),
    (
        "partners/organisations",
        "nowhere,local_authority,,E12000001,unitary,,,,,,,,,",
        "column “name”: this cell must not be empty",
    ),
    (
        "partners/organisations",
        f"nowhere,local_authority,{'N' * 201},E12000001,unitary,,,,,,,,,",
        f"column “name”: “{'N' * 57}…”: Ensure this value has at most 200 characters (it has 201).",
    ),
    (
        "partners/organisations",
        "No where,local_authority,Nowhere,E12000001,unitary,,,,,,,,,",
        "column “slug”: “No where”: Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.",
    ),
    (
        "programmes/waves",
        "sfpc,2,Too many,,,99999999,,authority,",
        "column “places”: “99999999”: Ensure this value is less than or equal to 32767.",
    ),
    (
        "programmes/partnerships",
        "barnet,pine,sfip/mockingbird,,partner,active,,,,,,,,2019-07-02,,,,",
        "column “strand”: “sfip/mockingbird” is not part of the programme “pine”",
    ),
    (
        "programmes/partnerships",
        "barnet,pine,,,partner,withdrawn,,,,,,,,2019-07-02,,,,",
        "column “left_reason”: a partnership that was left early needs a reason, even if it is that none was found",
    ),
    (
        "programmes/partnerships",
        "barnet,pine,,,partner,active,barnet;atlantis,,,,,,,2019-07-02,,,,",
        "column “areas”: there is no organisation called “atlantis” in the files",
    ),
    (
        "programmes/partnerships",
        "barnet,pine,,,partner,active,,,,,,,,2019-07-02 25:00,,,,",
        "column “public_from”: “2019-07-02 25:00” is not a day such as 2019-06-19, nor a moment such as 2019-06-19 17:00",
    ),
    (
        "programmes/partnerships",
        "poole-2019,pine,,,partner,active,,,,,,2019-07-02,,2019-07-02,,,,",
        "column “organisation”: Poole (to 2019) ended on 2019-04-01, before the partnership began",
    ),
    (
        "evaluations/clusters",
        "family-valued-trial,barnet,,,,maybe,",
        "column “is_pilot”: “maybe” is neither yes nor no",
    ),
    (
        "evaluations/milestones",
        "family-valued-trial,data,,day,,day,,",
        "column “planned_on”: a milestone needs a day planned, a day kept or a note",
    ),
    (
        "evidence_store/ratings",
        "kinship-care/placement-stability/Foster care,wwcsc/2019/effect/no_effect,,,,,,,Because,,",
        "column “strength”: an effect is never given without the strength of its evidence",
    ),
    (
        "evidence_store/ratings",
        "kinship-care/placement-stability/Foster care,wwcsc/2019/strength/high,wwcsc/2019/strength/high,,,,,,Because,,",
        "column “effect”: “wwcsc/2019/strength/high” is a level of the other axis",
    ),
    (
        "evidence_store/former_addresses",
        "interventions/99,kinship-care",
        "column “path”: “interventions/99” is not an address on this site: it begins with a stroke",
    ),
]


@pytest.mark.parametrize(("file", "row", "said"), ROWS)
def test_a_bad_row_is_told_with_file_line_and_column(folder, file, row, said):
    line = with_row(folder / f"{file}.csv", row)

    problems = problems_with(folder, file)

    expected = f"{file}.csv, line {line}, {said}" if said.startswith("column") else f"{file}.csv, line {line}: {said}"
    assert len(problems) == 1
    assert problems[0].startswith(expected)


FILES = [
    (lambda text: text.replace("region,", "", 1), "line 1, column “region”: this column is missing"),
    (lambda text: text.replace("region,", "region,regoin,", 1), "line 1, column “regoin”: this column is not known."),
    (lambda text: text.replace("region,", "region,region,", 1), "line 1, column “region”: this column is there twice"),
    (lambda text: "", "line 1: the file is empty"),
    (lambda text: text.replace("Barnet", "Bar\0net", 1), "line 3: there is a NUL character, which no text has"),
    (lambda text: text.replace("Barnet", '"Barnet" x', 1), "line 3: this is not well-formed CSV"),
]


@pytest.mark.parametrize(("change", "said"), FILES)
def test_a_file_of_the_wrong_form_is_told(folder, change, said):
    rewrite(folder / "partners/organisations.csv", change)

    told = problems_with(folder, "partners/organisations")
    assert len(told) == 1
    assert told[0].startswith(f"partners/organisations.csv, {said}")


def test_a_file_saved_in_another_encoding_is_told_with_its_line(folder):
    path = folder / "partners/names.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode() + "barnet,alias,Bärnet,,,\n".encode("latin-1"))
    line = path.read_bytes().count(b"\n")

    said = "there is a character that is not UTF-8 text. Save the file as “CSV UTF-8”"
    assert refusal(folder) == [f"partners/names.csv, line {line}: {said}"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("organisation,kind\n".encode("utf-16"), "the file is UTF-16, not UTF-8 text. Save it as “CSV UTF-8”"),
        (b"PK\x03\x04", "the file is a spreadsheet or a zip file, not UTF-8 text. Save it as “CSV UTF-8”"),
    ],
)
def test_a_file_of_another_kind_is_told(folder, content, said):
    (folder / "partners/names.csv").write_bytes(content)

    assert refusal(folder) == [f"partners/names.csv, line 1: {said}"]


def test_the_mark_that_spreadsheets_put_before_utf8_is_harmless(folder):
    path = folder / "partners/names.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert "in order" in check(folder)


def test_a_missing_file_is_told(folder):
    (folder / "partners/names.csv").unlink()

    assert refusal(folder) == ["partners/names.csv, line 1: the file is missing"]


def test_empty_lines_are_skipped_and_lines_are_counted_as_an_editor_counts_them(folder):
    path = folder / "partners/groups.csv"
    with path.open("a", encoding="utf-8") as file:
        file.write('\nlong-purpose,Long,network,"one\ntwo\nthree",,,\n')
    line = with_row(path, "bad,Bad,club,,,,")

    said = "column “kind”: “club” is not known here. Use one of: advisory, panel, governance, network, other"
    assert refusal(folder) == [f"partners/groups.csv, line {line}, {said}"]


def test_a_file_that_nobody_describes_is_told(folder):
    rewrite(folder / "partners/files.csv", lambda text: text.replace("names,Names", "surnames,Names"))

    told = refusal(folder)

    assert told[0].endswith("column “name”: there is no file called partners/surnames, or it was described before")
    assert told[1] == "partners/files.csv, line 1, column “name”: the file partners/names is not described"


def test_a_bad_row_is_told_once_however_many_lean_on_it(folder):
    rewrite(
        folder / "partners/organisations.csv", lambda text: text.replace("barnet,local_authority", "barnet,borough")
    )

    problems = refusal(folder)

    assert len(problems) == 1
    assert problems[0].startswith("partners/organisations.csv, line 3, column “kind”: “borough” is not known here.")


def test_many_problems_are_told_at_once_and_the_rest_counted(folder):
    for year in range(2026, 2060):
        with_row(folder / "partners/years.csv", f"atlantis,{year},{YEAR}")

    problems = refusal(folder)

    assert len(problems) == 26
    assert problems[-1] == "and 9 more"
