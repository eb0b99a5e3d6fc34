"""Spreadsheet files that leave the portal. Whoever writes one records it too."""

import csv
from collections.abc import Iterable, Sequence

from django.http import HttpResponse

RUN_AS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: object) -> object:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front; everything else stays as it is."""
    if isinstance(cell, str) and cell.startswith(RUN_AS_A_FORMULA):
        return f"'{cell}"
    return cell


def as_csv(
    name: str, heading: Sequence[str], rows: Iterable[Sequence[object]], *, for_people: bool = True
) -> HttpResponse:
    """A CSV file to download. ``for_people`` marks it as UTF-8 for spreadsheets; programs do without the mark."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    if for_people:
        response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(heading)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
    return response
