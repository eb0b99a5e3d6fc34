"""Proves from outside that a running portal works: the web server, worker and clock, and mail."""

import argparse
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

OLDEST_BEAT = 60  # seconds; the clock rings six times in that

Look = Callable[[], None]


@dataclass(frozen=True)
class Health:
    """What /healthz said, if it said anything."""

    status: int = 0
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        return bool(self.status)

    def is_good(self, *, since: float) -> bool:
        """Healthy, with a beat younger than ``since`` (a monotonic moment): the last run's beat proves nothing."""
        age = self.said.get("beat_age_seconds")
        return self.status == 200 and age is not None and age < time.monotonic() - since


def fetch(url: str, *, host: str = "") -> tuple[int, bytes]:
    """Status and body of a page; (0, b"") when nobody answers. ``host`` is the name to ask for, where it differs."""
    question = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310  http, named by us
    try:
        with urllib.request.urlopen(question, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()
    except OSError:
        return 0, b""


def health(address: str, *, host: str = "") -> Health:
    status, body = fetch(f"{address}/healthz", host=host)
    try:
        return Health(status, dict(json.loads(body)) if body else {})
    except ValueError:
        return Health(status)


def style_is_served(address: str) -> bool:
    """The home page names a style sheet of ours, and that one is there: pages without style are no pages."""
    _, page = fetch(f"{address}/")
    sheets = re.findall(rb'href="(/static/built/theme[^"]*\.css)"', page)
    return bool(sheets) and fetch(f"{address}{sheets[0].decode()}")[0] == 200


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


# --- asked by containers: python -m wwcsc.local.proof web|beat [address] ----------------------------------------------------


def main() -> int:
    """0 when healthy. The web server is not restarted for a mail that waits, nor the clock for a database that is away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["web", "beat"])
    parser.add_argument("address", nargs="?", default="http://127.0.0.1:8000")
    chosen = parser.parse_args()
    # The portal answers to its own name only, and the container does not carry that name.
    host = urlsplit(os.environ.get("PORTAL_ADDRESS", "http://localhost")).hostname or "localhost"
    found = health(chosen.address, host=host)
    if chosen.part == "beat":
        age = found.said.get("beat_age_seconds")
        return int(age is None or age > OLDEST_BEAT)
    return int(not found.answered)


if __name__ == "__main__":
    sys.exit(main())
