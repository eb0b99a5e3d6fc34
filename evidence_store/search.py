"""Searching the store: the words, the facets with honest counts, and what to suggest when nothing is found.

Facets are counted in Python over small sets of numbers: one query for each kind of row, whatever is chosen. That holds to
tens of thousands of entries, and keeps the rule "a facet's counts ignore its own choices" readable.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from evaluations.choices import TRIALS
from evaluations.models import Evaluation
from evidence_store.figures import StoreFigures
from evidence_store.models import Entry, Finding, Rating
from evidence_store.querysets import CONFIGURATION

MOST_CHARACTERS = 200
MOST_TERMS = 24
TIME_LIMIT = 2_000  # milliseconds for one statement
NOT_RATED = "not_rated"
NO_RATING = "No rating seen"
FACETS = ("outcome", "effect", "strength", "theme", "evaluated")
OF_A_FINDING = ("outcome", "effect", "strength")
EVALUATED = {"trial": "By a trial in our register", "evaluation": "By any evaluation in our register"}
SORTS = {"relevance": "Best match", "title": "Title", "strength": "Strength of evidence"}
WORD = re.compile(r"[^\W\d_]{3,}")
WORD_OR_NUMBER = re.compile(r"\w")


class TookTooLong(Exception):
    """The database gave up on a question that was too hard."""


# --- words -----------------------------------------------------------------------------------------------------------


def clean_words(text: str) -> str:
    """What was typed, made harmless: operators in a row become one, those that stand alone go."""
    text = re.sub(r"[“”„‟«»]", '"', "".join(c if c.isprintable() else " " for c in text))
    text = " ".join(text.split())
    if len(text) > MOST_CHARACTERS:
        raise ValidationError(
            f"That is {len(text):,} characters. Search with up to {MOST_CHARACTERS}: a few words that matter find more."
        )
    terms = sum(bool(WORD_OR_NUMBER.search(term)) for term in text.split())
    if terms > MOST_TERMS:
        raise ValidationError(f"That is {terms} words. Search with up to {MOST_TERMS}: a few that matter find more.")
    text = re.sub(r"[-‐‑–—]{2,}", "-", text)
    text = re.sub(r"(?<!\S)-(?!\S)", " ", re.sub(r'"{2,}', '"', text))
    text = re.sub(r"(?<!\S)-(?=\W*(\s|$))", " ", text)
    text = re.sub(r"\b(OR\s+)+(?=OR\b)", "", " ".join(text.split()))
    text = re.sub(r"^(OR\b\s*)+|(\s*\bOR)+$", "", text)
    return " ".join(text.split()) if WORD_OR_NUMBER.search(text) else ""


def holds_only_small_words(words: str) -> bool:
    """Nothing is left of "the and of" once the words that stand in every text are taken away."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT numnode(websearch_to_tsquery('{CONFIGURATION}', %s))", [words])
        return cursor.fetchone()[0] == 0


@contextmanager
def within_the_time_limit() -> Iterator[None]:
    is_inside_another = connection.in_atomic_block
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(TIME_LIMIT)])
            yield
            if is_inside_another:  # otherwise the limit ends with the transaction
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TookTooLong from error
        raise


# --- what there is to filter by ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Value:
    """One box of a facet: how many entries would be found with it."""

    code: str
    label: str
    count: int
    is_chosen: bool


class Level(NamedTuple):
    """One axis of a rating: what a facet counts, what a meter draws and says, and its place among the levels."""

    code: str | None
    label: str | None
    order: int | None
    number: int | None

    @property
    def said(self) -> str:
        return self.label or NO_RATING

    @property
    def mark(self) -> int | str | None:
        return self.code if self.number is None else self.number


class Shown(NamedTuple):
    """The rating that stands for a finding, as this reader may see it."""

    effect: Level
    strength: Level
    is_held_back: bool
    review: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One finding as the reader may see it."""

    pk: int
    entry: int
    outcome: str
    outcome_name: str
    effect: str
    strength: str
    rating: Shown | None

    @property
    def effect_order(self) -> int | None:
        return self.rating.effect.order if self.rating else None

    @property
    def strength_order(self) -> int | None:
        return self.rating.strength.order if self.rating else None


@dataclass
class Stock:
    """Everything a person may filter by or read in a list, read once for a search."""

    rows: list[Row] = field(default_factory=list)
    themes: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    evaluated: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    labels: dict[str, dict[str, tuple[int, str]]] = field(default_factory=lambda: {name: {} for name in FACETS})

    def findings_of(self, entries: Iterable[int]) -> dict[int, list[Row]]:
        """The findings of these entries by outcome."""
        found: dict[int, list[Row]] = {pk: [] for pk in entries}
        for row in sorted(self.rows, key=lambda row: (row.outcome_name, row.pk)):
            if row.entry in found:
                found[row.entry].append(row)
        return found

    def figures(self, entries: int) -> StoreFigures:
        """What ``figures.of_the_store`` counts, without asking again."""
        ratings = [row.rating for row in self.rows if row.rating is not None]
        return StoreFigures(
            entries=entries,
            findings=len(self.rows),
            rated=sum(rating.effect.code is not None and rating.strength.code is not None for rating in ratings),
            reviews=len({rating.review for rating in ratings} - {None}),
        )


def stock_for(person: Any) -> Stock:
    stock = Stock()
    visible = Entry.objects.visible_to(person).current().values("pk")
    _read_findings(stock, person, visible)
    themes = Entry.themes.through.objects.filter(entry__in=visible)
    for entry, slug, name in themes.values_list("entry", "theme__slug", "theme__name"):
        stock.themes[entry].add(slug)
        stock.labels["theme"][slug] = (0, name)
    evaluations = Evaluation.objects.visible_to(person).values("pk")
    links = Entry.evaluations.through.objects.filter(entry__in=visible, evaluation__in=evaluations)
    # A rating that is held back does not tell that an evaluation stands behind it.
    resting = Rating.objects.visible_to(person).filter(finding__entry__in=visible, evaluation__in=evaluations)
    pairs = links.values_list("entry", "evaluation__design").union(
        resting.order_by().values_list("finding__entry", "evaluation__design")
    )
    for entry, design in pairs:
        stock.evaluated[entry].update({"evaluation", "trial"} if design in TRIALS else {"evaluation"})
    stock.labels["evaluated"] = {code: (place, label) for place, (code, label) in enumerate(EVALUATED.items())}
    return stock


def _read_findings(stock: Stock, person: Any, visible: Any) -> None:
    axes = [f"{axis}__{name}" for axis in ("effect", "strength") for name in Level._fields]
    now = timezone.now()
    shown = Rating.objects.shown_to(person).filter(finding__entry__in=visible)
    ratings = {
        finding: Shown(Level(*told[:4]), Level(*told[4:]), moment is None or moment > now, review)
        for finding, moment, review, *told in shown.order_by().values_list("finding", "public_from", "review", *axes)
    }
    unrated = Level(None, None, None, None)
    findings = Finding.objects.shown_to(person).filter(entry__in=visible)
    for pk, entry, slug, name in findings.order_by().values_list("pk", "entry", "outcome__slug", "outcome__name"):
        rating = ratings.get(pk)
        effect, strength = (rating.effect, rating.strength) if rating else (unrated, unrated)
        stock.rows.append(Row(pk, entry, slug, name, effect.code or NOT_RATED, strength.code or NOT_RATED, rating))
        stock.labels["outcome"][slug] = (0, name)
        stock.labels["effect"][effect.code or NOT_RATED] = _place(effect.order, effect.label)
        stock.labels["strength"][strength.code or NOT_RATED] = _place(strength.order, strength.label)


def _place(order: int | None, label: str | None) -> tuple[int, str]:
    """Highest level first, not rated last."""
    return (-order, label) if label is not None and order is not None else (1_000, NO_RATING)


# --- looking -------------------------------------------------------------------------------------------------------------------


@dataclass
class Result:
    ids: list[int]
    facets: dict[str, list[Value]]
    suggestion: str = ""
    only_small_words: bool = False
    stock: Stock = field(default_factory=Stock)
    # Of the whole store, whatever was searched for; None where the search was not made.
    figures: StoreFigures | None = None


Chosen = dict[str, set[str]]


def look(person: Any, words: str, chosen: Chosen, *, sort: str = "") -> Result:
    """Entries that match all the words and, inside each facet, any of the chosen values."""
    matched = _all(person) if not words else _matched(person, words)
    if matched is None:
        return Result([], {name: [] for name in FACETS}, only_small_words=True)
    stock = stock_for(person)
    everything = Entry.objects.visible_to(person).current().count() if words else len(matched)
    chosen = {name: set(chosen.get(name, ())) & stock.labels[name].keys() for name in FACETS}
    places = {pk: place for place, pk in enumerate(matched)}
    ids = _fitting(stock, matched, chosen)
    if sort == "strength":
        best = _best_levels(stock, chosen)
        ids.sort(key=lambda pk: (best.get(pk, (1_000, 1_000)), places[pk]))
    facets = {name: _values(stock, name, matched, chosen) for name in FACETS}
    suggestion = _suggestion(person, words) if words and not matched else ""
    return Result(ids, facets, suggestion, stock=stock, figures=stock.figures(everything))


def _all(person: Any) -> list[int]:
    entries = Entry.objects.visible_to(person).current()
    return list(entries.order_by("title", "pk").values_list("pk", flat=True))


def _matched(person: Any, words: str) -> list[int] | None:
    """Entries with all the words, the best first; None where nothing is left to search for."""
    entries = Entry.objects.visible_to(person).current()
    with within_the_time_limit():
        found = list(entries.matching(words).order_by("-rank", "title", "pk").values_list("pk", flat=True))
        # An empty question finds nothing, so it is asked only then.
        return None if not found and holds_only_small_words(words) else found


def _fits(row: Row, chosen: Chosen, leaving_out: str = "") -> bool:
    return all(name == leaving_out or not chosen[name] or getattr(row, name) in chosen[name] for name in OF_A_FINDING)


def _fitting(stock: Stock, matched: list[int], chosen: Chosen, leaving_out: str = "") -> list[int]:
    """What was chosen about findings must hold of one and the same finding: a good effect *on that outcome*."""
    left = list(matched)
    if any(chosen[name] for name in OF_A_FINDING if name != leaving_out):
        good = {row.entry for row in stock.rows if _fits(row, chosen, leaving_out)}
        left = [pk for pk in left if pk in good]
    for name, of_entry in (("theme", stock.themes), ("evaluated", stock.evaluated)):
        if chosen[name] and name != leaving_out:
            left = [pk for pk in left if of_entry.get(pk, set()) & chosen[name]]
    return left


def _values(stock: Stock, name: str, matched: list[int], chosen: Chosen) -> list[Value]:
    """The values of one facet, each with the number of entries it would show beside the choices in the other facets."""
    left = set(_fitting(stock, matched, chosen, leaving_out=name))
    found: dict[str, set[int]] = defaultdict(set)
    if name in OF_A_FINDING:
        for row in stock.rows:
            if row.entry in left and _fits(row, chosen, name):
                found[getattr(row, name)].add(row.entry)
    else:
        for pk, codes in (stock.themes if name == "theme" else stock.evaluated).items():
            for code in codes if pk in left else ():
                found[code].add(pk)
    known = sorted(stock.labels[name].items(), key=lambda item: item[1])
    return [Value(code, label, len(found[code]), code in chosen[name]) for code, (_, label) in known]


def _best_levels(stock: Stock, chosen: Chosen) -> dict[int, tuple[int, int]]:
    """Strength first, so that a large effect on thin evidence never stands on top. Mixed has a place, not a number."""
    best: dict[int, tuple[int, int]] = {}
    for row in stock.rows:
        if not _fits(row, chosen) or row.strength_order is None:
            continue
        level = (-row.strength_order, 1_000 if row.effect_order is None else -row.effect_order)
        best[row.entry] = min(best.get(row.entry, level), level)
    return best


# --- did you mean ------------------------------------------------------------------------------------------------------------------

NEAREST = """
SELECT term.word, (SELECT known FROM unnest(%s::text[]) AS known
    WHERE similarity(known, term.word) >= 0.3 ORDER BY similarity(known, term.word) DESC, known LIMIT 1)
FROM unnest(%s::text[]) AS term(word)
"""


def _suggestion(person: Any, words: str) -> str:
    """The words with each unknown one replaced by the nearest that occurs in a visible title or outcome."""
    known = sorted(_vocabulary(person))
    terms = [term.lower() for term in WORD.findall(words)]
    unknown = [term for term in terms if term not in known]
    if not known or not unknown:
        return ""
    with within_the_time_limit(), connection.cursor() as cursor:
        cursor.execute(NEAREST, [known, unknown])
        nearest = {term: word for term, word in cursor.fetchall() if word}
    better = " ".join(nearest.get(term, term) for term in terms)
    if not nearest or better == words.lower():
        return ""
    return better if Entry.objects.visible_to(person).current().matching(better).exists() else ""


def _vocabulary(person: Any) -> set[str]:
    entries = Entry.objects.visible_to(person).current()
    texts = [" ".join([title, *synonyms]) for title, synonyms in entries.values_list("title", "synonyms")]
    findings = Finding.objects.shown_to(person).filter(entry__in=entries.values("pk"))
    texts += findings.order_by().values_list("outcome__name", flat=True).distinct()
    return {word.lower() for text in texts for word in WORD.findall(text)}
