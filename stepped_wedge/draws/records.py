"""Commit, draw, reveal, verify."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stepped_wedge import __version__, allocations, balance
from stepped_wedge.crews import ALONE, Crew
from stepped_wedge.draws import drafts, streams
from stepped_wedge.draws.drafts import Draft, draft
from stepped_wedge.draws.streams import Stream, secret_bytes, sha256
from stepped_wedge.refusals import refuse_unless

VERSION = __version__
ALGORITHM = "stepped_wedge/1: hmac-sha256 counter stream, rejection sampling, uniform index or fisher-yates"


def code_digest() -> str:
    """SHA-256 of the modules that decide a draw, so that a record says which code made it."""
    files = (allocations.__file__, balance.__file__, streams.__file__, drafts.__file__, __file__)
    return sha256("\n".join(Path(str(file)).read_text(encoding="utf-8") for file in files).encode())


def commit(draft: Draft, secret: str, crew: Crew = ALONE) -> dict[str, Any]:
    """What is published before the draw: everything but the secret, and the digest that binds them together."""
    public: dict[str, Any] = {
        "algorithm": ALGORITHM,
        "version": VERSION,
        "code_sha256": code_digest(),
        "spec": dict(draft.spec),
    }
    if not draft.is_simple:
        found = draft.candidates(crew)
        refuse_unless(not found.report.errors, "constraints", "; ".join(found.report.errors))
        public["candidates"] = len(found.allocations)
        public["candidates_sha256"] = sha256(np.ascontiguousarray(found.allocations, dtype=np.int8).tobytes())
    return {**public, "commitment": commitment(public, secret)}


def commitment(public: Mapping[str, Any], secret: str) -> str:
    """SHA-256 of the canonical JSON of the published part and the secret."""
    body = {key: value for key, value in public.items() if key in _COMMITTED}
    return sha256({"public": body, "secret": secret_bytes(secret).hex()})


_COMMITTED = ("algorithm", "version", "code_sha256", "spec", "candidates", "candidates_sha256")


def draw(
    committed: Mapping[str, Any], secret: str, public_random: str | None = None, crew: Crew = ALONE
) -> dict[str, Any]:
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
    key = secret_bytes(secret)
    if public_random:
        key = hmac.digest(key, b"public random:" + public_random.encode(), "sha256")
    stream = Stream(key, "allocation")
    if checked.is_simple:
        slots = [s for s, n in enumerate(checked.space.slots) for _ in range(n)]
        chosen: Sequence[int] = stream.shuffled(slots)
    else:
        rows = checked.candidates(crew).allocations
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
    return {**committed, **drawn, "secret": secret_bytes(secret).hex()}


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


def verify(record: Mapping[str, Any], crew: Crew = ALONE) -> Verification:
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
        rows = checked.candidates(crew).allocations
        digest = sha256(np.ascontiguousarray(rows, dtype=np.int8).tobytes())
        found = len(rows) == record.get("candidates") and digest == record.get("candidates_sha256")
        checks.append(
            ("candidates", found, f"{len(rows)} allocations could have been drawn, the list has the published digest")
        )
    if agrees:
        value = record.get("public_random_value")
        again = draw(record, secret, None if value is None else str(value), crew)
        checks.append(
            ("allocation", again["allocation"] == record["allocation"], "drawing again gives the same allocation")
        )
        same_reserve = again.get("reserve_order") == record.get("reserve_order")
        checks.append(("reserve", same_reserve, "drawing again gives the same order of reserves"))
    detail = "the same code" if same_code else "other code than the record names, with the same results"
    checks.append(("code", True, detail))
    return Verification(tuple(checks))
