"""Objects of the input: every value is read with its path, and what nobody read is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stepped_wedge.refusals import CaseRefused, refuse_unless

NUMBERS = {int, float, type(None)}


@dataclass
class Keys:
    """One object of the input; remembers its path and which keys were read."""

    given: Mapping[str, Any]
    path: str
    read: set[str] = field(default_factory=set)

    def has(self, *names: str) -> bool:
        return any(self.given.get(name) is not None for name in names)

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        value = self.given.get(name)
        return default if value is None else value

    def number(self, name: str, default: float | None = None) -> Any:
        value = self.get(name)
        if value is None:
            return default
        sound = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        refuse_unless(sound, self.at(name), f"must be a number, not {value!r}")
        plausible = value == 0 or 1e-30 <= abs(value) <= 1e30
        refuse_unless(plausible, self.at(name), f"{value:g} is beyond what can be computed with")
        return float(value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of at least one number."""
        given = self.get(name)
        refuse_unless(isinstance(given, list) and given, self.at(name), "must be a list of numbers")
        path = self.at(name)
        return tuple(Keys({f"{path}[{spot}]": one}, "").needed(f"{path}[{spot}]") for spot, one in enumerate(given))

    def needed(self, name: str) -> float:
        value = self.number(name)
        if value is None:
            raise CaseRefused(self.at(name), "is needed here")
        return value

    def word(self, name: str, default: str | None = None) -> Any:
        value = self.get(name, default)
        refuse_unless(value is None or isinstance(value, str), self.at(name), f"must be a word, not {value!r}")
        return value

    def part(self, name: str, needed: bool = True) -> Keys:
        value = self.get(name)
        if value is None and not needed:
            return Keys({}, self.at(name))
        refuse_unless(isinstance(value, Mapping), self.at(name), "must be an object with named values")
        return Keys(value, self.at(name))

    def refuse_unknown(self, known: set[str] | None = None) -> None:
        for name in self.given:
            allowed = self.read if known is None else known
            if name not in allowed:
                near = ", ".join(sorted(allowed))
                raise CaseRefused(self.at(str(name)), f"is not a key of this part; known here: {near}")


def refuse_unless_numbers(table: list[Any], path: str) -> None:
    """A list of numbers or nulls, or of such lists: words and truth values are not taken for numbers."""
    if set(map(type, table)) <= NUMBERS:
        return
    for spot, one in enumerate(table):
        if isinstance(one, list):
            refuse_unless_numbers(one, f"{path}[{spot}]")
        elif one is not None and (isinstance(one, bool) or not isinstance(one, int | float)):
            raise CaseRefused(f"{path}[{spot}]", f"must be a number or null, not {one!r}")


def refuse_disagreement(path: str, stated: float | None, follows: float, tolerance: float = 1e-6) -> None:
    if stated is None or math.isclose(stated, follows, rel_tol=tolerance, abs_tol=1e-12):
        return
    raise CaseRefused(
        path, f"disagrees with the other values: {stated:.10g} is given, {follows:.10g} follows from them"
    )
