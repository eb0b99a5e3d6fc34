"""What is still missing: from a call before it is approved, and from an application before it is sent."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone

from calls.choices import BANK_HOLIDAYS, BANK_HOLIDAYS_KNOWN_UNTIL, QuestionKind
from calls.models import DETAILS, Application, Call, Question, words_in

UK = ZoneInfo("Europe/London")
SHORTEST_WINDOW = timedelta(weeks=4)
# On the two days of the year on which clocks change, these moments happen twice or never. Nobody needs them on other days.
CLOCKS_CHANGE_FROM, CLOCKS_CHANGE_UNTIL = time(0, 30), time(2, 30)


@dataclass(frozen=True)
class Point:
    """Something to put right, or to think about, and where."""

    text: str
    href: str = ""


def clocks_change_on(day: date) -> bool:
    before = datetime.combine(day, time(0), tzinfo=UK).utcoffset()
    after = datetime.combine(day + timedelta(days=1), time(0), tzinfo=UK).utcoffset()
    return before != after


def missing_from(call: Call) -> list[Point]:
    """What stops a call from being approved."""
    points = [
        Point(f"Say {said}.", reverse(f"calls:{step}", args=[call.slug]))
        for step, said, value in (
            ("write_about", "why there is this call", call.purpose),
            ("write_about", "what partners receive", call.offered),
            ("write_about", "what is asked of partners", call.asked),
            ("write_about", "where questions can be sent", call.contact_email),
            ("write_eligibility", "who may apply", call.who_may_apply),
            ("write_dates", "when the call opens", call.opens_at),
            ("write_dates", "when the call closes", call.closes_at),
        )
        if not value
    ]
    if call.closes_at and call.closes_at <= timezone.now():
        points.append(
            Point("The closing moment has passed: choose a later one.", reverse("calls:write_dates", args=[call.slug]))
        )
    if not call.questions.exists():
        points.append(Point("Ask at least one question.", reverse("calls:write_questions", args=[call.slug])))
    if not call.criteria.exists():
        points.append(
            Point("Say by which criteria applications are scored.", reverse("calls:write_criteria", args=[call.slug]))
        )
    return points


def worth_a_thought(call: Call) -> list[Point]:
    """What does not stop a call, but has gone wrong for others."""
    about, dates = reverse("calls:write_about", args=[call.slug]), reverse("calls:write_dates", args=[call.slug])
    points = []
    if not call.consultation:
        points.append(
            Point("Nothing is said about who was consulted on this call, and what changed because of it.", about)
        )
    if not call.gap:
        points.append(
            Point(
                "The gap in the evidence is not named, so nobody will be able to say whether this call filled it.",
                about,
            )
        )
    if call.places is None:
        points.append(Point("The number of places is open.", dates))
    points += [Point(text, dates) for text in _thoughts_on_dates(call)]
    points += _thoughts_on_questions(call)
    return points


def _thoughts_on_dates(call: Call) -> Iterable[str]:
    if call.opens_at and call.closes_at and call.closes_at - call.opens_at < SHORTEST_WINDOW:
        yield f"The call is open for {(call.closes_at - call.opens_at).days} days. Partners need four weeks or more to agree a bid."
    if call.closes_at:
        yield from _thoughts_on_closing(call.closes_at.astimezone(UK))
    if not call.questions_until:
        yield "There is no last moment for questions, so one may arrive just before the call closes."


def _thoughts_on_closing(local: datetime) -> Iterable[str]:
    day = local.date()
    if local.hour >= 22 or local.hour < 7:
        yield "The call closes at night, when nobody can help. 5:00pm on a working day is kinder."
    if (local.hour, local.minute) == (0, 0):
        yield "The call closes at midnight: people read that as the end of the day, and are a day late. Choose another time."
    if clocks_change_on(day):
        yield "The clocks change on the closing day. Choose another day."
    if local.weekday() >= 5:
        yield f"The call closes on a {local:%A}."
    if day in BANK_HOLIDAYS:
        yield f"The call closes on a bank holiday ({BANK_HOLIDAYS[day]})."
    if day > BANK_HOLIDAYS_KNOWN_UNTIL:
        yield f"Bank holidays after {BANK_HOLIDAYS_KNOWN_UNTIL.year} are not known here: check that day by hand."


def _thoughts_on_questions(call: Call) -> Iterable[Point]:
    questions = list(call.questions.all())
    href = reverse("calls:write_questions", args=[call.slug])
    unlimited = [
        question for question in questions if question.kind == QuestionKind.LONG_TEXT and not question.word_limit
    ]
    if unlimited:
        yield Point(f"Questions without a word limit: {len(unlimited)}. Nobody will know how much to write.", href)
    if sum(question.word_limit or 0 for question in questions) > 6000:
        yield Point("Full answers would come to more than 6,000 words. Every assessor reads all of them.", href)


@dataclass(frozen=True)
class Section:
    """One page of an application. Number 0 holds the details that every application has."""

    number: int
    title: str
    questions: tuple[Question, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return DETAILS if self.number == 0 else tuple(key_of(question) for question in self.questions)


def key_of(question: Question) -> str:
    return f"q{question.pk}"


def sections_of(call: Call) -> list[Section]:
    """The details first, then the questions under the headings that the call gives them, in order of first appearance."""
    grouped: dict[str, list[Question]] = defaultdict(list)
    for question in call.questions.all():
        grouped[question.section].append(question)
    named = [
        Section(number, title, tuple(questions)) for number, (title, questions) in enumerate(grouped.items(), start=1)
    ]
    return [Section(0, "The practice and who leads it", ()), *named]


@dataclass(frozen=True)
class Shortfall:
    """Something that stops an application from being sent."""

    section: int
    key: str
    text: str


DETAIL_NEEDED = {
    "practice_name": "Give the practice a name",
    "summary": "Describe the practice in two or three sentences",
    "group": "Say who the practice is for",
    "lead_role": "Name the office of the person who leads this",
    "sponsor_role": "Name the office of the senior sponsor",
}


def texts_of(application: Application) -> dict[str, str]:
    """Every text of an application by its key: the details by name, the answers by question."""
    texts = {name: getattr(application, name) for name in DETAILS}
    return texts | {f"q{answer.question_id}": answer.text for answer in application.answers.all()}


def shortfalls_of(application: Application, sections: list[Section], texts: dict[str, str]) -> list[Shortfall]:
    found = [Shortfall(0, name, said) for name, said in DETAIL_NEEDED.items() if not texts[name].strip()]
    for section in sections:
        for question in section.questions:
            text = shortfall_of(question, texts.get(key_of(question), ""))
            if text:
                found.append(Shortfall(section.number, key_of(question), text))
    return found


def shortfall_of(question: Question, text: str) -> str:
    if not text.strip():
        return f"Answer “{question.text}”" if question.is_required else ""
    if question.kind == QuestionKind.NUMBER and not (text.strip().isascii() and text.strip().isdigit()):
        return f"Answer “{question.text}” with a whole number, in figures"
    if question.kind == QuestionKind.YES_NO and text not in {"yes", "no"}:
        return f"Answer “{question.text}” with yes or no"
    too_many = words_in(text) - question.word_limit if question.word_limit else 0
    if too_many > 0:
        return f"“{question.text}” has {too_many:,} {'word' if too_many == 1 else 'words'} too many"
    return ""
