"""Which pages a role is shown, found without a browser: follow links, and keep one page for each pattern and state."""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from django.test import Client
from django.urls import Resolver404, resolve

# Mail is shown in a sandbox that runs no script, not even the one that looks for faults.
NOT_PAGES = {"account_logout", "feed", "unsubscribe", "healthz", "notice_html", "caught_message_html"}
READ_AT_MOST, STATES_AT_MOST = 10, 3


class Reader(HTMLParser):
    """The links of a page, and what its main part is made of: names of elements and their classes, no words."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.made_of: set[tuple[str, str]] = set()
        self.frame: set[tuple[str, str]] = set()
        self.in_main = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "main":
            self.in_main = True
        if tag == "a" and told.get("href"):
            self.links.append(told["href"] or "")
        (self.made_of if self.in_main else self.frame).add((tag, told.get("class") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "main":
            self.in_main = False


@dataclass(frozen=True)
class Found:
    """A page as the server sends it to one person."""

    path: str
    pattern: str
    status: int
    content: str

    @cached_property
    def reader(self) -> Reader:
        reader = Reader()
        reader.feed(self.content)
        return reader

    @property
    def state(self) -> frozenset[tuple[str, str]]:
        return frozenset(self.reader.made_of)

    @property
    def frame(self) -> frozenset[tuple[str, str]]:
        return frozenset(self.reader.frame)

    def links(self) -> Iterator[str]:
        for link in self.reader.links:
            told = urlsplit(urljoin(self.path, link))
            if not told.netloc and not told.query and not told.scheme:
                yield told.path


def pattern_of(path: str) -> str:
    """The name of the address pattern; nothing for what is no page of ours."""
    try:
        found = resolve(path)
    except Resolver404:
        return ""
    name = found.view_name or ""
    is_file = "." in path.rpartition("/")[2]
    return "" if found.app_names[:1] == ["admin"] or name.rpartition(":")[2] in NOT_PAGES or is_file else name


@dataclass
class Walker:
    """Somebody who follows every link, reads a few pages of each pattern, and shows those that are not alike."""

    client: Client
    read: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    states: dict[str, set] = field(default_factory=lambda: defaultdict(set))

    def get(self, path: str, pattern: str = "") -> Found:
        answer = self.client.get(path)
        content = b"".join(answer) if answer.streaming else answer.content
        return Found(path, pattern, answer.status_code, content.decode(errors="replace"))

    def pages(self, starts: list[str]) -> Iterator[Found]:
        waiting, known = deque(starts), set(starts)
        while waiting:
            path = waiting.popleft()
            pattern = pattern_of(path)
            if not pattern or self.read[pattern] >= READ_AT_MOST:
                continue
            self.read[pattern] += 1
            page = self.get(path, pattern)
            if page.status < 300 or page.status >= 400:
                for link in page.links():
                    if link not in known:
                        known.add(link)
                        waiting.append(link)
                if page.state not in self.states[pattern] and len(self.states[pattern]) < STATES_AT_MOST:
                    self.states[pattern].add(page.state)
                    yield page
