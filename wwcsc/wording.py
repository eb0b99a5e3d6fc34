"""How the portal says moments, days, numbers and rich text. Plain functions: the template filters are thin wrappers."""

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import nh3
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

UK = ZoneInfo("Europe/London")
TAGS = {
    "p",
    "br",
    "strong",
    "em",
    "ul",
    "ol",
    "li",
    "a",
    "blockquote",
    "code",
    "pre",
    "hr",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}

_reader = MarkdownIt("commonmark", {"html": False}).enable("table")


def uk_day(moment: date | datetime | None) -> str:
    """Friday 12 June 2026."""
    if not moment:
        return ""
    day = moment.astimezone(UK) if isinstance(moment, datetime) else moment
    return f"{day:%A} {day.day} {day:%B %Y}"


def uk_short_day(moment: date | datetime | None) -> str:
    """12 June 2026."""
    return uk_day(moment).partition(" ")[2]


def uk_clock(moment: datetime) -> str:
    local = moment.astimezone(UK)
    if (local.hour, local.minute) in {(0, 0), (12, 0)}:
        return "midnight at the start of the day" if local.hour == 0 else "midday"
    return f"{local.hour % 12 or 12}:{local.minute:02}{'am' if local.hour < 12 else 'pm'}"


def uk_moment(moment: date | datetime | None) -> str:
    """Friday 12 June 2026, 5:00pm (UK time). A plain day stays a day."""
    if not isinstance(moment, datetime):
        return uk_day(moment)
    return f"{uk_day(moment)}, {uk_clock(moment)} (UK time)"


def counted(number: int, word: str) -> str:
    """1 authority, 24 authorities, 3 days."""
    if number == 1:
        return f"{number:,} {word}"
    ending = f"{word[:-1]}ies" if word.endswith("y") and word[-2:-1] not in "aeiou" else f"{word}s"
    return f"{number:,} {ending}"


def time_left(end: date | datetime | None, now: datetime | None = None, *, past: str = "passed") -> str:
    """How long until then, in the largest unit that helps. Days are counted on the calendar, as people count them."""
    if not end:
        return ""
    now = now or timezone.now()
    today = now.astimezone(UK).date()
    last_day = end.astimezone(UK).date() if isinstance(end, datetime) else end
    days = (last_day - today).days
    if isinstance(end, datetime):
        left = end - now
        if left > timedelta(0) and left < timedelta(days=1):
            return _hours_left(left)
        if timedelta(0) >= left > timedelta(days=-1) and days == 0:
            return f"{past} today"
    if days > 0:
        return f"{counted(days, 'day')} left"
    return "today" if days == 0 else f"{past} {counted(-days, 'day')} ago"


def time_until(start: date | datetime | None, now: datetime | None = None) -> str:
    """How long until something begins: in 17 days."""
    said = time_left(start, now, past="began")
    return f"in {said.removesuffix(' left')}" if said.endswith(" left") else said


def _hours_left(left: timedelta) -> str:
    minutes = int(left.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute left"
    return f"{counted(minutes, 'minute')} left" if minutes < 60 else f"{counted(minutes // 60, 'hour')} left"


def plain_number(value: object) -> str:
    """12,300 or 4.5: grouped in threes, no needless decimals. Nothing known stays "not known"."""
    if value is None or value == "":
        return "not known"
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not number.is_finite():
        return "not known"
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def percent(value: object, places: int = 0) -> str:
    """0.425 as 43%. Takes a share between 0 and 1."""
    try:
        share = (Decimal(str(value)) * 100).quantize(Decimal(1).scaleb(-int(places)), rounding=ROUND_HALF_UP)
    except (InvalidOperation, ValueError):
        return "not known"
    return f"{share}%"


BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
MACHINES = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """What a person would call it: "Chrome on Windows". The order matters, because most browsers claim to be several."""
    browser = next((name for sign, name in BROWSERS if sign in user_agent), "A browser")
    machine = next((name for sign, name in MACHINES if sign in user_agent), "")
    return f"{browser} on {machine}" if machine else browser


def markdown(text: str | None, first_heading: int = 3) -> SafeString:
    """Rich text as HTML that can do no harm. Its highest heading takes the level that fits the page around it."""
    tokens = _reader.parse(text or "")
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    highest = min((int(token.tag[1]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{min(6, int(token.tag[1]) - highest + first_heading)}"
    html = _reader.renderer.render(tokens, _reader.options, {})
    return mark_safe(nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES, url_schemes={"http", "https", "mailto"}))  # noqa: S308
