"""Specifications of an allocation: checked, completed from the covariate file, ready to be scored and drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepped_wedge.allocations import Constraint, Space
from stepped_wedge.balance import Candidates, Covariate, candidates
from stepped_wedge.crews import ALONE, Crew
from stepped_wedge.draws.sentences import understood
from stepped_wedge.draws.streams import sha256
from stepped_wedge.refusals import refuse_unless

SPEC_KEYS = {
    "protocol",
    "clusters",
    "clusters_per_sequence",
    "id_column",
    "covariates",
    "score",
    "cutoff",
    "strata",
    "strata_slots",
    "constraints",
    "sample",
    "exposure",
    "public_random",
    "reserve",
    "table",
    "step_dates",
}


@dataclass(frozen=True, eq=False)
class Draft:
    """A checked specification, ready to be scored, committed and drawn from."""

    spec: Mapping[str, Any]
    space: Space
    covariates: tuple[Covariate, ...]
    reserve: tuple[str, ...]

    def candidates(self, crew: Crew = ALONE) -> Candidates:
        """Everything that can be drawn. Samples are seeded from the specification, so the space itself is public."""
        cutoff = dict(self.spec.get("cutoff") or {})
        seed = int(sha256({"sample": self.spec}), 16)
        return candidates(
            self.space,
            self.covariates,
            score=self.spec.get("score"),
            share=cutoff.get("share"),
            count=cutoff.get("count"),
            exposure=self.spec.get("exposure"),
            sample=self.spec.get("sample"),
            generator=np.random.Generator(np.random.PCG64(seed)),
            crew=crew,
        )

    @property
    def is_simple(self) -> bool:
        """Nothing but slots: the draw is a Fisher-Yates shuffle and no list is needed."""
        return not (self.covariates or self.space.constraints or self.space.strata or self.spec.get("sample"))


def draft(spec: Mapping[str, Any], table: Sequence[Mapping[str, str]] | None = None) -> Draft:
    """Check a specification; `table` holds one row a cluster and is folded into it, so the record stands alone."""
    refuse_unless(isinstance(spec, Mapping), "spec", "must be a JSON object")
    for key in spec:
        refuse_unless(key in SPEC_KEYS, str(key), f"is not a key of this file; known: {', '.join(sorted(SPEC_KEYS))}")
    _refuse_wrong_kinds(spec)
    wanted = _wanted_covariates(spec)
    rows = _rows(spec, table)
    clusters = tuple(sorted(rows)) if rows else tuple(sorted(map(str, spec.get("clusters") or ())))
    refuse_unless(clusters, "clusters", "name the clusters, or give a file of covariates with one row each")
    named = spec.get("clusters")
    refuse_unless(
        not named or not rows or set(map(str, named)) == set(rows),
        "clusters",
        "the clusters named are not the clusters of the covariate file",
    )
    slots: Any = spec.get("clusters_per_sequence")
    refuse_unless(slots, "clusters_per_sequence", "must list the number of clusters in each sequence")
    _check_cutoff(spec)
    needed = {item["name"] for item in wanted} | ({str(spec["strata"])} if spec.get("strata") else set())
    for column in needed:
        known = rows and all(column in row for row in rows.values())
        refuse_unless(known, f"covariates.{column}", "is not a column of the covariate file")
    used = {name: {column: rows[name][column] for column in sorted(needed)} for name in clusters} if needed else {}
    strata = tuple(used[name][str(spec["strata"])] for name in clusters) if spec.get("strata") else ()
    dates = spec.get("step_dates") or ()
    refuse_unless(not dates or len(dates) == len(slots), "step_dates", "needs a date for each step")
    constraints = tuple(_constraint(item, rows, dates) for item in spec.get("constraints") or ())
    space = Space(clusters, tuple(slots), strata, _strata_slots(spec), constraints)
    covariates = tuple(_covariate(item, used, clusters) for item in wanted)
    frozen = {key: value for key, value in spec.items() if value is not None and key not in ("table", "id_column")}
    frozen["clusters"], frozen["constraints"] = list(clusters), [str(rule) for rule in constraints]
    if used:
        frozen["table"] = used
    reserve = tuple(map(str, spec.get("reserve") or ()))
    refuse_unless(not set(reserve) & set(clusters), "reserve", "a reserve cluster is already in the trial")
    return Draft(frozen, space, covariates, reserve)


def _is_list_of(kind: type, value: object) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(each, kind) and not isinstance(each, bool) for each in value
    )


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(row, Mapping) for row in value.values())


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **{
        key: (lambda v: isinstance(v, str), "must be a text")
        for key in ("protocol", "id_column", "score", "strata", "public_random")
    },
    **{
        key: (lambda v: _is_list_of(str, v), "must be a list of texts")
        for key in ("clusters", "reserve", "constraints", "step_dates")
    },
    "clusters_per_sequence": (lambda v: _is_list_of(int, v), "must list the number of clusters in each sequence"),
    "exposure": (lambda v: _is_list_of((int, float), v), "must list the intervention periods of each sequence"),  # type: ignore[arg-type]
    "sample": (
        lambda v: isinstance(v, int) and not isinstance(v, bool) and 1 <= v <= 10**7,
        "must be a whole number up to 10,000,000",
    ),
    "table": (_is_table, "must give the covariates of each cluster"),
    "strata_slots": (
        lambda v: isinstance(v, Mapping) and all(_is_list_of(int, slots) for slots in v.values()),
        "must give a list of slots for each stratum",
    ),
}


def _refuse_wrong_kinds(spec: Mapping[str, Any]) -> None:
    for key, (is_right, wanted) in _KINDS.items():
        if spec.get(key) is not None:
            refuse_unless(is_right(spec[key]), key, wanted)
    slots, exposure = spec.get("clusters_per_sequence"), spec.get("exposure")
    refuse_unless(
        exposure is None or (slots and len(exposure) == len(slots)), "exposure", "needs a number for each sequence"
    )


def _wanted_covariates(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    given = spec.get("covariates") or []
    refuse_unless(isinstance(given, list), "covariates", "must be a list of names or of objects with a name")
    for spot, item in enumerate(given):
        one = {"name": item} if isinstance(item, str) else item
        refuse_unless(
            isinstance(one, Mapping) and isinstance(one.get("name"), str) and one["name"],
            f"covariates[{spot}]",
            "needs a name",
        )
        unknown = set(one) - {"name", "kind", "weight"}
        refuse_unless(not unknown, f"covariates[{spot}]", f"unknown keys: {', '.join(sorted(unknown))}")
        refuse_unless(
            one.get("kind", "number") in ("number", "category"),
            f"covariates[{spot}].kind",
            "must be number or category",
        )
        weight = one.get("weight", 1)
        refuse_unless(
            isinstance(weight, int | float) and not isinstance(weight, bool) and 0 <= weight < 1e100,
            f"covariates[{spot}].weight",
            "must be a number of at least 0",
        )
        found.append(dict(one))
    return found


def _rows(spec: Mapping[str, Any], table: Sequence[Mapping[str, str]] | None) -> dict[str, dict[str, str]]:
    if table is None:
        return {name: dict(row) for name, row in (spec.get("table") or {}).items()}
    column = str(spec.get("id_column") or "cluster")
    refuse_unless(table and column in table[0], "id_column", f"the covariate file has no column {column}")
    rows = {str(row[column]): {key: str(value) for key, value in row.items() if key != column} for row in table}
    refuse_unless(len(rows) == len(table), "id_column", "two rows of the covariate file have the same id")
    return rows


def _check_cutoff(spec: Mapping[str, Any]) -> None:
    cutoff = spec.get("cutoff")
    if cutoff is None:
        return
    sound = isinstance(cutoff, Mapping) and len(cutoff) == 1 and set(cutoff) <= {"share", "count"}
    refuse_unless(sound, "cutoff", 'must be {"share": 0.1} or {"count": 1000}')
    ((key, value),) = cutoff.items()
    number = isinstance(value, int | float) and not isinstance(value, bool)
    refuse_unless(number and (key == "share" or isinstance(value, int)), f"cutoff.{key}", "must be a number")


def _strata_slots(spec: Mapping[str, Any]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple((str(label), tuple(slots)) for label, slots in (spec.get("strata_slots") or {}).items())


def _constraint(item: Any, rows: Mapping[str, Mapping[str, str]], dates: Sequence[str]) -> Constraint:
    refuse_unless(isinstance(item, str), "constraints", "each constraint is one sentence")
    return understood(str(item), rows, dates)


def _covariate(item: Mapping[str, Any], used: Mapping[str, Mapping[str, str]], clusters: Sequence[str]) -> Covariate:
    name = str(item["name"])
    values = [used[cluster].get(name, "") for cluster in clusters]
    refuse_unless(all(str(v).strip() for v in values), f"covariates.{name}", "is missing for some cluster")
    category = item.get("kind") == "category"
    weight = float(item.get("weight", 1))
    return Covariate(name, tuple(values), weight, category)
