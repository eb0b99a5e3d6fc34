"""Facts as charts are given them."""

from dataclasses import dataclass
from typing import Any


def told(thing: Any, name: str, default: Any = "") -> Any:
    """Facts arrive as records or as dictionaries; a chart does not mind which."""
    value = thing.get(name, default) if isinstance(thing, dict) else getattr(thing, name, default)
    return default if value is None else value


@dataclass(frozen=True)
class Words:
    """Something written into a picture."""

    x: float
    y: float
    text: str
