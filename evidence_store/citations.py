"""References in the three forms that reference managers read: RIS, BibTeX and CSL-JSON."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings

from evidence_store.models import Entry, Review

CORPORATE_AUTHOR = "WWCSC evidence store"
INITIALS = re.compile(r"^[A-Z](?:[A-Z.\-]{0,4})$")
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    c: f"\\{c}" for c in "&%$#_{}"
}


@dataclass(frozen=True)
class Author:
    """A person by family name and initials, or an organisation, which has no given name."""

    family: str
    given: str = ""


@dataclass(frozen=True)
class Reference:
    key: str
    title: str
    authors: tuple[Author, ...]
    is_page: bool = False
    and_others: bool = False
    year: int | None = None
    day: date | None = None
    publisher: str = ""
    doi: str = ""
    url: str = ""
    abstract: str = ""


def reference_to(entry: Entry, changed_on: date | None) -> Reference:
    return Reference(
        key=f"wwcsc-{entry.slug}",
        title=entry.title,
        authors=(Author(CORPORATE_AUTHOR),),
        is_page=True,
        year=changed_on.year if changed_on else None,
        day=changed_on,
        publisher=CORPORATE_AUTHOR,
        url=f"{settings.PORTAL_ADDRESS}{entry.get_absolute_url()}",
        abstract=entry.summary,
    )


def reference_to_review(review: Review) -> Reference:
    people = [name for name in review.authors if not name.startswith("(")]
    return Reference(
        key=f"review-{review.pk}",
        title=review.title or ", ".join(people),
        authors=tuple(author_named(name) for name in people),
        and_others=len(people) < len(review.authors),
        year=review.year,
        publisher=review.publisher,
        doi=review.doi,
        url=review.url,
    )


def author_named(name: str) -> Author:
    """ "van der Laan M" is a person; "The Children's Society" is not."""
    family, _, last = name.strip().rpartition(" ")
    if family and INITIALS.match(last):
        return Author(family.rstrip(","), last)
    return Author(name.strip())


def _line(text: str) -> str:
    return " ".join(text.split())


# --- RIS -------------------------------------------------------------------------------------------------------------


def ris(references: Iterable[Reference]) -> str:
    return "\r\n".join("\r\n".join(_ris_lines(reference)) for reference in references) + "\r\n"


def _ris_lines(reference: Reference) -> list[str]:
    said: list[tuple[str, Any]] = [("TY", "ELEC" if reference.is_page else "GEN"), ("ID", reference.key)]
    said += [
        ("AU", f"{author.family}, {author.given}" if author.given else author.family) for author in reference.authors
    ]
    said += [
        ("TI", reference.title),
        ("PY", reference.year),
        ("DA", f"{reference.day:%Y/%m/%d}" if reference.day else ""),
        ("PB", reference.publisher),
        ("DO", reference.doi),
        ("UR", reference.url),
        ("AB", reference.abstract),
    ]
    return [*(f"{tag}  - {_line(str(value))}" for tag, value in said if value), "ER  - "]


# --- BibTeX ------------------------------------------------------------------------------------------------------------


def bibtex(references: Iterable[Reference]) -> str:
    return "\n".join(_bibtex_of(reference) for reference in references)


def _bibtex_of(reference: Reference) -> str:
    people = [f"{_tex(a.family)}, {_tex(a.given)}" if a.given else f"{{{_tex(a.family)}}}" for a in reference.authors]
    fields = {
        "author": " and ".join([*people, *(["others"] if reference.and_others else [])]),
        # Twice in braces, so that capitals of names and acronyms stay.
        "title": f"{{{_tex(reference.title)}}}",
        "year": str(reference.year or ""),
        "howpublished": _tex(reference.publisher),
        "doi": reference.doi,
        "url": reference.url,
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value.strip("{}")]
    return f"@misc{{{reference.key},\n" + ",\n".join(lines) + "\n}\n"


def _tex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in _line(text))


# --- CSL-JSON ------------------------------------------------------------------------------------------------------------


def csl(references: Iterable[Reference]) -> str:
    return json.dumps([_csl_of(reference) for reference in references], ensure_ascii=False, indent=2)


def _csl_of(reference: Reference) -> dict[str, Any]:
    day = reference.day
    parts = [day.year, day.month, day.day] if day else [reference.year] if reference.year else []
    said: dict[str, Any] = {
        "id": reference.key,
        "type": "webpage" if reference.is_page else "document",
        "title": _line(reference.title),
        "author": [
            {"family": author.family, "given": author.given} if author.given else {"literal": author.family}
            for author in reference.authors
        ],
        "issued": {"date-parts": [parts]} if parts else None,
        "publisher": _line(reference.publisher),
        "DOI": reference.doi,
        "URL": reference.url,
        "abstract": _line(reference.abstract),
    }
    return {name: value for name, value in said.items() if value}


FORMS = {
    "ris": (ris, "application/x-research-info-systems; charset=utf-8"),
    "bib": (bibtex, "application/x-bibtex; charset=utf-8"),
    "json": (csl, "application/vnd.citationstyles.csl+json"),
}
