"""Spreadsheet files that leave the portal. Whoever writes one records it too."""

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.http import HttpResponse
from django.utils.timezone import localtime

RUN_AS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: object) -> object:
    """What a spreadsheet would run as a formula gets an apostrophe in front, whatever says it; numbers stay numbers."""
    if cell is None or isinstance(cell, (int, float, Decimal, date)):
        return cell
    words = str(cell)
    return f"'{words}" if words.startswith(RUN_AS_A_FORMULA) else words


def as_csv(
    name: str, heading: Sequence[str], rows: Iterable[Sequence[object]], *, for_people: bool = True
) -> HttpResponse:
    """A CSV file to download. ``for_people`` marks it as UTF-8 for spreadsheets and tells the time as in the United Kingdom.

    Programs do without the mark and get moments with their offset.
    """
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    if for_people:
        response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(heading)
    for row in rows:
        writer.writerow([harmless(_told(cell, for_people=for_people)) for cell in row])
    return response


def _told(cell: object, *, for_people: bool) -> object:
    if not isinstance(cell, datetime):
        return cell
    return f"{localtime(cell):%Y-%m-%d %H:%M}" if for_people else cell.isoformat()
