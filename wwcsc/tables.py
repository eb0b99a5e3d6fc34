"""Tables that become lists on a phone: each cell is told the name of its column, and roles survive the change of display."""

import re
from dataclasses import dataclass, field

from django.utils.html import strip_tags
from django.utils.safestring import SafeString, mark_safe

TAG = re.compile(r"<(/?)(table|thead|tbody|tfoot|tr|th|td)\b([^>]*)>", re.IGNORECASE)
COLSPAN = re.compile(r'colspan="(\d+)"')
ROLES = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tfoot": "rowgroup", "tr": "row", "td": "cell"}


@dataclass
class _Reader:
    """Walks through the tags of one table, remembering the heads of its columns."""

    heads: list[str] = field(default_factory=list)
    in_head: bool = False
    column: int = 0
    head_starts: int = 0

    def opened(self, name: str, attributes: str, end: int) -> str:
        if name == "thead":
            self.in_head = True
        if name == "tr":
            self.column = 0
        role = ROLES.get(name, "")
        if name == "th":
            role = "columnheader" if self.in_head else "rowheader"
            self.head_starts = end
        added = "" if "role=" in attributes else f' role="{role}"'
        if name in {"td", "th"}:
            if name == "th" and "scope=" not in attributes:
                added += ' scope="col"' if self.in_head else ' scope="row"'
            added += self._label(name, attributes)
            span = COLSPAN.search(attributes)
            self.column += int(span[1]) if span else 1
        return f"<{name}{attributes}{added}>"

    def _label(self, name: str, attributes: str) -> str:
        if self.in_head or "data-label=" in attributes or self.column >= len(self.heads):
            return ""
        return f' data-label="{self.heads[self.column]}"' if name == "td" and self.heads[self.column] else ""


def for_phones(content: str) -> SafeString:
    """The same rows with a role on every part and, on every cell, the head of its column."""
    reader, out, last = _Reader(), [], 0
    for tag in TAG.finditer(content):
        closing, name, attributes = tag[1], tag[2].lower(), tag[3]
        out.append(content[last : tag.start()])
        last = tag.end()
        if not closing:
            out.append(reader.opened(name, attributes, tag.end()))
            continue
        if name == "th" and reader.in_head:
            words = " ".join(strip_tags(content[reader.head_starts : tag.start()]).split())
            reader.heads.append(words.replace('"', "&quot;"))
        if name == "thead":
            reader.in_head = False
        out.append(tag[0])
    out.append(content[last:])
    return mark_safe("".join(out))  # noqa: S308 - the template engine escaped it already
