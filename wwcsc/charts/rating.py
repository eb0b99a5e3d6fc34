"""The two answers of a rating: which way the effect points, and how sure we are."""

from dataclasses import dataclass
from typing import Any

EFFECTS: dict[object, str] = {
    -1: "Negative effect",
    0: "No effect",
    "mixed": "Mixed effects",
    1: "Tends to positive effect",
    2: "Consistently positive effect",
}
STRENGTHS: dict[object, str] = {0: "Very low", 1: "Low", 2: "Moderate", 3: "High"}
EFFECT_PLACES: dict[object, int] = {-1: 0, 0: 1, 1: 2, 2: 3}


@dataclass(frozen=True)
class Dot:
    x: int
    tone: str
    y: int = 2
    height: int = 12


@dataclass(frozen=True)
class RatingMeter:
    effect_label: str
    strength_label: str
    effect_dots: tuple[Dot, ...]
    strength_dots: tuple[Dot, ...]


def rating_meter(effect: object, strength: object, effect_label: str = "", strength_label: str = "") -> RatingMeter:
    effect, strength = _level(effect), _level(strength)
    return RatingMeter(
        effect_label=effect_label or EFFECTS.get(effect, "Not rated"),
        strength_label=strength_label or STRENGTHS.get(strength, "Not rated"),
        effect_dots=tuple(Dot(x=place * 25, tone=_effect_tone(effect, place)) for place in range(4)),
        strength_dots=tuple(_strength_step(strength, place) for place in range(4)),
    )


def _level(value: object) -> Any:
    try:
        return int(str(value))
    except ValueError:
        return value


def _effect_tone(effect: Any, place: int) -> str:
    if effect == "mixed":
        return "mixed" if place in {0, 1, 2} else "empty"
    if EFFECT_PLACES.get(effect) != place:
        return "empty"
    return ("negative", "none", "good", "best")[place]


def _strength_step(strength: Any, place: int) -> Dot:
    height = 5 + 3 * place
    filled = isinstance(strength, int) and place <= strength
    return Dot(x=place * 25, tone="strength" if filled else "empty", y=15 - height, height=height)
