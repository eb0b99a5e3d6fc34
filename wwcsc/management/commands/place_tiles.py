"""Compute where each authority stands on the tile map, and write it into the file of organisations."""

import csv
from typing import Any

from django.core.management.base import BaseCommand

from partners.facts_reader import shipped
from wwcsc.charts import grid_of


class Command(BaseCommand):
    help = (
        "Give every authority of today a square of the tile map: the coordinates are spread until crowded places (London) "
        "have room, then an assignment gives each a square of its own with the least movement. Run it when an authority "
        "begins or ends, look at the map, and load the facts again."
    )

    def handle(self, **options: Any) -> None:
        path = shipped("partners/organisations")
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns, rows = list(reader.fieldnames or ()), list(reader)
        current = [row for row in rows if row["kind"] == "local_authority" and not row["exists_until"]]
        current.sort(key=lambda row: row["name"])
        places = grid_of(tuple((float(row["longitude"]), float(row["latitude"])) for row in current))
        for row in rows:
            row["tile_column"] = row["tile_row"] = ""
        for row, (column, line) in zip(current, places, strict=True):
            row["tile_column"], row["tile_row"] = str(column), str(line)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        self.stdout.write(f"{len(current)} authorities have a square in {path.name}.")
