"""Commit, draw, reveal, verify: an allocation that nobody can steer and anybody can recompute.

Before the draw the SHA-256 of the canonical JSON of the whole specification and a secret is published; after it,
the secret. Random numbers come from HMAC-SHA256 in counter mode with rejection sampling, so they are the same on
every machine. Optionally a public random value, named in the specification before it is known, is mixed in: then not
even the keeper of the secret can try several.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stepped_wedge import __version__, allocations, balance
from stepped_wedge.allocations import Constraint, Space, read_constraint
from stepped_wedge.balance import Candidates, Covariate, candidates
from stepped_wedge.refusals import CaseRefused, refuse_unless

VERSION = __version__
ALGORITHM = "stepped_wedge/1: hmac-sha256 counter stream, rejection sampling, uniform index or fisher-yates"
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
}


def canonical(value: object) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(value: object) -> str:
    return hashlib.sha256(value if isinstance(value, bytes) else canonical(value)).hexdigest()


def code_digest() -> str:
    """SHA-256 of the three modules that decide a draw, so that a record says which code made it."""
    parts = [
        Path(str(module)).read_text(encoding="utf-8") for module in (allocations.__file__, balance.__file__, __file__)
    ]
    return sha256("\n".join(parts).encode())


class Stream:
    """Uniform whole numbers from HMAC-SHA256(key, label and counter)."""

    def __init__(self, key: bytes, label: str) -> None:
        self._key, self._label, self._counter = key, label.encode(), 0

    def _block(self) -> int:
        message = self._label + b":" + self._counter.to_bytes(8, "big")
        self._counter += 1
        return int.from_bytes(hmac.digest(self._key, message, "sha256"), "big")

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1, every one equally likely."""
        refuse_unless(0 < bound < 2**200, "draw", "the bound must be a whole number above 0")
        width = (bound - 1).bit_length()
        if width == 0:
            return 0
        while True:
            value = self._block() >> (256 - width)
            if value < bound:
                return value

    def shuffled(self, values: Sequence[int]) -> list[int]:
        """Fisher-Yates."""
        row = list(values)
        for last in range(len(row) - 1, 0, -1):
            other = self.below(last + 1)
            row[last], row[other] = row[other], row[last]
        return row


def combine_secrets(first: str, second: str) -> str:
    """The XOR of two people's contributions (64 hexadecimal digits each): neither alone decides."""
    return bytes(a ^ b for a, b in zip(_secret_bytes(first), _secret_bytes(second), strict=True)).hex()


def _secret_bytes(secret: str) -> bytes:
    try:
        raw = bytes.fromhex(secret)
    except ValueError as problem:
        raise CaseRefused("secret", "must be hexadecimal digits") from problem
    refuse_unless(len(raw) == 32, "secret", "must be 256 bits: 64 hexadecimal digits")
    return raw


@dataclass(frozen=True, eq=False)
class Draft:
    """A checked specification, ready to be scored, committed and drawn from."""

    spec: Mapping[str, Any]
    space: Space
    covariates: tuple[Covariate, ...]
    reserve: tuple[str, ...]

    def candidates(self) -> Candidates:
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
    constraints = tuple(_constraint(item) for item in spec.get("constraints") or ())
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
        for key in ("clusters", "reserve", "constraints")
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


def _constraint(item: Any) -> Constraint:
    refuse_unless(isinstance(item, str), "constraints", "each constraint is one sentence")
    return read_constraint(str(item))


def _covariate(item: Mapping[str, Any], used: Mapping[str, Mapping[str, str]], clusters: Sequence[str]) -> Covariate:
    name = str(item["name"])
    values = [used[cluster].get(name, "") for cluster in clusters]
    refuse_unless(all(str(v).strip() for v in values), f"covariates.{name}", "is missing for some cluster")
    category = item.get("kind") == "category"
    weight = float(item.get("weight", 1))
    return Covariate(name, tuple(values), weight, category)


def commit(draft: Draft, secret: str) -> dict[str, Any]:
    """What is published before the draw: everything but the secret, and the digest that binds them together."""
    public: dict[str, Any] = {
        "algorithm": ALGORITHM,
        "version": VERSION,
        "code_sha256": code_digest(),
        "spec": dict(draft.spec),
    }
    if not draft.is_simple:
        found = draft.candidates()
        refuse_unless(not found.report.errors, "constraints", "; ".join(found.report.errors))
        public["candidates"] = len(found.allocations)
        public["candidates_sha256"] = sha256(np.ascontiguousarray(found.allocations, dtype=np.int8).tobytes())
    return {**public, "commitment": commitment(public, secret)}


def commitment(public: Mapping[str, Any], secret: str) -> str:
    """SHA-256 of the canonical JSON of the published part and the secret."""
    body = {key: value for key, value in public.items() if key in _COMMITTED}
    return sha256({"public": body, "secret": _secret_bytes(secret).hex()})


_COMMITTED = ("algorithm", "version", "code_sha256", "spec", "candidates", "candidates_sha256")


def draw(committed: Mapping[str, Any], secret: str, public_random: str | None = None) -> dict[str, Any]:
    """The sealed result: {cluster: sequence counted from 1}, and the order of reserves. Refuses a changed record."""
    refuse_unless(
        commitment(committed, secret) == committed.get("commitment"),
        "commitment",
        "the secret and the specification do not give the published commitment: nothing was drawn",
    )
    checked = draft(committed["spec"])
    announced = checked.spec.get("public_random")
    refuse_unless(
        bool(announced) == bool(public_random),
        "public_random",
        f"the specification announces {announced!r}" if announced else "none was announced before the draw",
    )
    key = _secret_bytes(secret)
    if public_random:
        key = hmac.digest(key, b"public random:" + public_random.encode(), "sha256")
    stream = Stream(key, "allocation")
    if checked.is_simple:
        slots = [s for s, n in enumerate(checked.space.slots) for _ in range(n)]
        chosen: Sequence[int] = stream.shuffled(slots)
    else:
        rows = checked.candidates().allocations
        chosen = rows[stream.below(len(rows))].tolist()
    result: dict[str, Any] = {
        "commitment": committed["commitment"],
        "allocation": dict(allocations.named(chosen, checked.space.clusters)),
    }
    if public_random:
        result["public_random_value"] = public_random
    if checked.reserve:
        order = Stream(key, "reserve").shuffled(range(len(checked.reserve)))
        result["reserve_order"] = [sorted(checked.reserve)[spot] for spot in order]
    return result


def reveal(committed: Mapping[str, Any], drawn: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """The whole public record, to be published after the last date has been disclosed."""
    refuse_unless(
        drawn.get("commitment") == committed.get("commitment"), "commitment", "this draw belongs to another record"
    )
    return {**committed, **drawn, "secret": _secret_bytes(secret).hex()}


@dataclass(frozen=True)
class Verification:
    """The outcome of every check on a public record."""

    checks: tuple[tuple[str, bool, str], ...]

    @property
    def holds(self) -> bool:
        return all(passed for _, passed, _ in self.checks)

    def as_json(self) -> dict[str, Any]:
        rows = [{"check": name, "holds": passed, "detail": detail} for name, passed, detail in self.checks]
        return {"holds": self.holds, "checks": rows}


RECORD_KEYS = {*_COMMITTED, "commitment", "allocation", "secret", "public_random_value", "reserve_order"}


def verify(record: Mapping[str, Any]) -> Verification:
    """Recompute everything from the public record alone."""
    for key in ("spec", "commitment", "allocation", "secret"):
        refuse_unless(record.get(key) is not None, key, "is missing from the public record")
    unknown = set(record) - RECORD_KEYS
    refuse_unless(not unknown, ", ".join(sorted(unknown)), "is not part of a public record")
    checks = []
    secret = str(record["secret"])
    agrees = commitment(record, secret) == record["commitment"]
    checks.append(("commitment", agrees, "the secret and the specification give the commitment that was published"))
    same_code = record.get("code_sha256") == code_digest()
    checks.append(("algorithm", record.get("algorithm") == ALGORITHM, "drawn by the algorithm that this version knows"))
    checked = draft(record["spec"])
    if not checked.is_simple:
        rows = checked.candidates().allocations
        digest = sha256(np.ascontiguousarray(rows, dtype=np.int8).tobytes())
        found = len(rows) == record.get("candidates") and digest == record.get("candidates_sha256")
        checks.append(
            ("candidates", found, f"{len(rows)} allocations could have been drawn, the list has the published digest")
        )
    if agrees:
        value = record.get("public_random_value")
        again = draw(record, secret, None if value is None else str(value))
        checks.append(
            ("allocation", again["allocation"] == record["allocation"], "drawing again gives the same allocation")
        )
        same_reserve = again.get("reserve_order") == record.get("reserve_order")
        checks.append(("reserve", same_reserve, "drawing again gives the same order of reserves"))
    detail = "the same code" if same_code else "other code than the record names, with the same results"
    checks.append(("code", True, detail))
    return Verification(tuple(checks))
