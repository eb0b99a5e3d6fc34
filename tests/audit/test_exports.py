import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest

from audit.exports import as_csv, harmless


class Named:
    def __str__(self):
        return "=HYPERLINK(1)"


def read(response):
    return list(csv.reader(StringIO(response.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("cell", ["=1+1", "+44", "-cmd", "@SUM(A1)", "\tx", "\rx", Named()])
def test_whatever_a_spreadsheet_would_run_is_made_harmless(cell):
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", [-3, 2.5, Decimal("-1.5"), None, "a = b", True])
def test_other_cells_stay_as_they_are(cell):
    assert harmless(cell) == cell


def test_records_and_numbers_are_written_as_text_and_numbers():
    rows = [[Named(), Decimal("1.50"), -3, None, date(2026, 7, 1)]]
    assert read(as_csv("a", ["x"], rows))[1] == ["'=HYPERLINK(1)", "1.50", "-3", "", "2026-07-01"]


def test_people_read_the_time_of_the_united_kingdom_and_programs_read_an_offset():
    closing = datetime(2026, 7, 1, 11, 0, tzinfo=UTC)
    assert read(as_csv("a", ["x"], [[closing]]))[1] == ["2026-07-01 12:00"]
    assert read(as_csv("a", ["x"], [[closing]], for_people=False))[1] == ["2026-07-01T11:00:00+00:00"]
