"""Proves from outside that a running portal works: the web server, worker and clock, and mail."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Look = Callable[[], None]


@dataclass(frozen=True)
class Health:
    """What /healthz said, if it said anything."""

    status: int = 0
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        return bool(self.status)

    @property
    def is_good(self) -> bool:
        # A beat that never happened is not healthy, even where /healthz is lenient about a portal that just started.
        return self.status == 200 and self.said.get("beat_age_seconds") is not None


def fetch(url: str) -> tuple[int, bytes]:
    """Status and body of a page of our own machine; (0, b"") when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  always http://localhost
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()
    except OSError:
        return 0, b""


def health(address: str) -> Health:
    status, body = fetch(f"{address}/healthz")
    try:
        return Health(status, dict(json.loads(body)) if body else {})
    except ValueError:
        return Health(status)


def wait_for(true: Callable[[], bool], *, look: Look, patience: float) -> bool:
    """Wait until something is true; ``look`` raises when a part has died meanwhile."""
    until = time.monotonic() + patience
    while not true():
        look()
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def arrived(folder: Path, words: str) -> bool:
    """Whether the mail catcher holds a message with these words."""
    return any(words.encode() in message.read_bytes() for message in folder.glob("*.eml"))
