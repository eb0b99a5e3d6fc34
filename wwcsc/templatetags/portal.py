"""The components every page is made of. Registered as builtins, so no template has to load them.

Leaf components are inclusion tags, wrappers are block tags; each has its template in ``templates/components``.
docs/how-to/components.md and the style guide (/about/style-guide/) show every call.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.template import Context
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from programmes.dates import said
from wwcsc import demonstration, places, statuses, tables, wording

register = template.Library()

# --- words -----------------------------------------------------------------------------------------------------------

register.filter("uk_moment", wording.uk_moment)
register.filter("uk_date", wording.uk_short_day)
register.filter("uk_day", wording.uk_day)
register.filter("roughly", said)
register.filter("time_left", wording.time_left)
register.filter("time_until", wording.time_until)
register.filter("plain_number", wording.plain_number)
register.filter("counted", wording.counted)
register.filter("percent", wording.percent)
register.filter("markdown", wording.markdown)
register.filter("browser_name", wording.browser_name)


@register.simple_tag
def deadline(moment: date | datetime | None, *, left: bool = True, past: str = "closed") -> SafeString:
    """A moment by which something must be done, and how long that is from now."""
    if not moment:
        return SafeString("")
    said = wording.time_left(moment, past=past) if left else ""
    hurry = _hurry(moment)
    hurry = "closed" if (hurry, past) == ("over", "closed") else hurry  # a call that has closed is not late
    return render_to_string("components/deadline.html", {"moment": moment, "said": said, "hurry": hurry})


def _hurry(moment: date | datetime) -> str:
    last_day = moment.astimezone(wording.UK).date() if isinstance(moment, datetime) else moment
    is_over = moment < timezone.now() if isinstance(moment, datetime) else moment < timezone.localdate()
    if is_over:
        return "over"
    return "soon" if (last_day - timezone.localdate()).days <= 7 else "calm"


@register.simple_tag
def due(day: date | datetime | None, *, done: bool = False) -> SafeString:
    """A day on which something is owed: "12 June 2026, 3 days left" or "12 June 2026, 4 days late"."""
    if not day:
        return format_html('<span class="unknown">{}</span>', "no date set")
    said = "" if done else wording.time_left(day, past="late:").replace("late: ", "").replace(" ago", " late")
    context = {"moment": day, "said": said, "hurry": "calm" if done else _hurry(day), "short": True}
    return render_to_string("components/deadline.html", context)


# --- headings, ways in and out -------------------------------------------------------------------------------------------


@register.inclusion_tag("components/page_heading.html")
def page_heading(title: str, *, caption: str = "", lede: str = "") -> dict:
    return {"title": title, "caption": caption, "lede": lede}


@register.inclusion_tag("components/back_link.html")
def back_link(href: str, label: str = "Back") -> dict:
    return {"href": href, "label": label}


@register.inclusion_tag("components/breadcrumbs.html")
def breadcrumbs(*trail: str) -> dict:
    """Label and address in turn, then the label of this page: ``{% breadcrumbs "Evidence" url "Mellow Parenting" %}``."""
    pairs = list(zip(trail[:-1:2], trail[1::2], strict=False))
    return {"pairs": pairs, "here": trail[-1] if len(trail) % 2 else ""}


@register.inclusion_tag("components/sub_navigation.html", takes_context=True)
def sub_navigation(context: Context, items: Iterable[Any], *, label: str = "In this section") -> dict:
    return {"items": list(items), "label": label}


@register.inclusion_tag("components/sub_navigation.html", takes_context=True)
def tabs(context: Context, *pairs: str, label: str = "Views of this page") -> dict:
    """Label and address in turn; the one we are on is marked."""
    path = getattr(context.get("request"), "path", "")
    items = [
        places.Place(label=text, url=url, current=str(url).partition("?")[0] == path)
        for text, url in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    return {"items": items, "label": label, "tabs": True}


@register.simple_tag(takes_context=True)
def places_in(context: Context, area: str) -> list[places.Place]:
    """The pages of an area ("public", "workspace", "staff", "account") that exist, with the one we are in marked."""
    request = context.get("request")
    return places.of(area, at=getattr(request, "path", ""), person=getattr(request, "user", None))


@register.simple_tag
def demonstration_sign_ins() -> list[tuple[str, str, str, str]]:
    """Role, address, password and what to try, for the sign-in page of a demonstration; elsewhere nobody."""
    return demonstration.sign_ins() if settings.DEMONSTRATION else []


@register.simple_tag
def address(name: str, *args: object) -> str:
    """Like ``url``, but empty where the page does not exist, so that frames of pages never break."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def query_replace(context: Context, **changes: object) -> str:
    """This page's query string with some parameters changed; None takes one away. Every other filter stays."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None or value == "":
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}" if query else "?"


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: Context, page: Any, *, parameter: str = "page") -> dict:
    def link(number: int) -> str:
        return query_replace(context, **{parameter: number})

    if page.paginator.num_pages < 2:
        return {"page": page}
    numbers = [
        (number, link(number) if isinstance(number, int) else "")
        for number in page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    ]
    return {
        "page": page,
        "numbers": numbers,
        "previous": link(page.number - 1) if page.has_previous() else "",
        "next": link(page.number + 1) if page.has_next() else "",
    }


# --- what state a thing is in ----------------------------------------------------------------------------------------------


@register.simple_tag
def status_tag(status: object, label: str = "", *, meaning: str = "") -> SafeString:
    """The state of a thing in words, coloured by what it means and not by which thing it is."""
    key = str(status or "")
    said = label or getattr(status, "label", "") or key.replace("_", " ").replace("-", " ").capitalize()
    return _status(str(said), meaning or statuses.meaning_of(key))


@lru_cache(maxsize=1_000)
def _status(label: str, meaning: str) -> SafeString:
    """A long list says the same few words a hundred times, and they look the same to everybody."""
    return render_to_string("components/status_tag.html", {"label": label, "meaning": meaning})


@register.inclusion_tag("components/demonstration_tag.html")
def demonstration_tag(thing: object = True) -> dict:
    return {"shown": getattr(thing, "is_demonstration", thing is True)}


@register.inclusion_tag("components/timeline.html")
def timeline(moments: Iterable[Any], *, newest_first: bool = False) -> dict:
    """Things that happened: each has ``at``, ``what`` and perhaps ``by``, ``note``, ``href``, ``kind``."""
    told = list(moments)
    return {"moments": told[::-1] if newest_first else told}


@register.inclusion_tag("components/lineage.html")
def lineage(steps: Iterable[Any]) -> dict:
    """The walk from call to evidence: each step has ``kind``, ``label`` and perhaps ``url``, ``note``, ``current``."""
    return {"steps": list(steps)}


# --- forms ---------------------------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/error_summary.html")
def error_summary(*forms: Any) -> dict:
    """Everything that has to be put right, each line leading to its field. Nothing when there is nothing."""
    problems: list[tuple[str, str]] = []
    for form in forms:
        if form is None or not getattr(form, "is_bound", False):
            continue
        form.errors_are_summed_up = True
        problems += [("", error) for error in _errors_of_the_whole(form)]
        for field in form if hasattr(form, "fields") else []:
            landing = getattr(field, "first_control_id", field.auto_id)
            problems += [
                (landing if not field.is_hidden else "", error)
                for error in getattr(field, "plain_errors", field.errors)
            ]
    return {"problems": problems}


def _errors_of_the_whole(form: Any) -> list[str]:
    return list(form.non_field_errors() if hasattr(form, "non_field_errors") else form.non_form_errors())


@register.inclusion_tag("components/button.html")
def button(label: str, kind: str = "", *, name: str = "", value: str = "", form: str = "") -> dict:
    """A submit button. Kinds: "" (the main thing), secondary, warning, quiet."""
    return {"label": label, "kind": kind, "name": name, "value": value, "form": form}


@register.inclusion_tag("components/button_link.html")
def button_link(label: str, href: str, kind: str = "") -> dict:
    return {"label": label, "href": href, "kind": kind}


@register.inclusion_tag("components/form_button.html", takes_context=True)
def form_button(
    context: Context, label: str, action: str, kind: str = "secondary", *, name: str = "", value: str = ""
) -> dict:
    """One button that posts: for acts that need no question first."""
    token = context.get("csrf_token")
    return {"label": label, "action": action, "kind": kind, "name": name, "value": value, "csrf_token": token}


@register.simple_block_tag(takes_context=True)
def confirm(
    context: Context,
    content: str,
    title: str,
    *,
    button: str,
    cancel: str,
    kind: str = "",
    action: str = "",
    caption: str = "",
) -> str:
    """The page before something that cannot be taken back: a question, what will happen, do it or go back."""
    told = {"title": title, "button": button, "cancel": cancel, "kind": kind, "action": action, "caption": caption}
    return render_to_string(
        "components/confirm.html", {**told, "content": content, "csrf_token": context.get("csrf_token")}
    )


@register.inclusion_tag("components/filters.html", takes_context=True)
def filters(
    context: Context, filter_or_form: Any, *, title: str = "Filter", count: int | None = None, noun: str = "result"
) -> dict:
    form = getattr(filter_or_form, "form", filter_or_form)
    request = context.get("request")
    used = [name for name in form.fields if request and any(request.GET.getlist(form.add_prefix(name)))]
    return {
        "form": form,
        "title": title,
        "used": used,
        "path": getattr(request, "path", ""),
        "count": count,
        "noun": noun,
    }


# --- boxes ---------------------------------------------------------------------------------------------------------------------------


@register.simple_block_tag
def cards(content: str, *, columns: int = 3) -> str:
    return format_html('<ul class="cards cards--{}">{}</ul>', columns, content)


@register.simple_block_tag
def card(content: str, title: str, href: str = "", *, caption: str = "", kind: str = "", level: int = 3) -> str:
    """One thing in a grid of cards. The whole card leads to ``href``; its kind ("feature", "quiet") changes its weight."""
    told = {"title": title, "href": href, "caption": caption, "kind": kind, "level": level, "content": content}
    return render_to_string("components/card.html", told)


@register.simple_block_tag
def panel(content: str, title: str = "", *, level: int = 2, kind: str = "") -> str:
    """A boxed section of a page with its heading."""
    return render_to_string("components/panel.html", {"title": title, "level": level, "kind": kind, "content": content})


@register.simple_block_tag
def callout(content: str, title: str = "", *, kind: str = "") -> str:
    """A note that stands out. Kinds: "" (calm), warning, good, gap."""
    return render_to_string("components/callout.html", {"title": title, "kind": kind, "content": content})


@register.simple_block_tag
def quotation(content: str, *, by: str = "", role: str = "") -> str:
    return render_to_string("components/quotation.html", {"by": by, "role": role, "content": content})


@register.simple_block_tag
def disclosure(content: str, summary: str, *, is_open: bool = False) -> str:
    return render_to_string("components/disclosure.html", {"summary": summary, "is_open": is_open, "content": content})


@register.simple_block_tag
def facts(content: str) -> str:
    return format_html('<dl class="facts">{}</dl>', content)


@register.simple_block_tag
def fact(content: str, label: str, *, href: str = "", action: str = "Change") -> str:
    """One line of a list of facts. Nothing known is said, not left blank."""
    told = {"label": label, "href": href, "action": action, "content": content if content.strip() else ""}
    return render_to_string("components/fact.html", told)


@register.inclusion_tag("components/facts_list.html")
def facts_list(rows: Sequence[tuple]) -> dict:
    """(label, value) or (label, value, address) for each row."""
    return {"rows": [(*row, "")[:3] for row in rows]}


@register.simple_block_tag
def figures(content: str) -> str:
    return format_html('<ul class="figures">{}</ul>', content)


@register.inclusion_tag("components/figure.html")
def figure(number: object, unit: str, note: str = "", *, href: str = "") -> dict:
    """A number never stands without its unit."""
    return {"number": wording.plain_number(number), "unit": unit, "note": note, "href": href}


@register.simple_block_tag
def task_list(content: str) -> str:
    return format_html('<ul class="task-list">{}</ul>', content)


@register.inclusion_tag("components/task.html")
def task(title: str, href: str = "", status: object = "", *, label: str = "", hint: str = "") -> dict:
    return {"title": title, "href": href, "status": status, "label": label, "hint": hint}


@register.simple_block_tag
def table(content: str, caption: str = "", *, show_caption: bool = False, kind: str = "") -> str:
    """Write thead and tbody; names of columns on cells, roles and scopes are added here. Kinds: "dense", "numbers"."""
    told = {"caption": caption, "show_caption": show_caption, "kind": kind}
    return render_to_string("components/table.html", {**told, "content": tables.for_phones(content)})


@register.inclusion_tag("components/empty_state.html")
def empty_state(title: str, what_to_do: str = "", href: str = "", label: str = "") -> dict:
    return {"title": title, "what_to_do": what_to_do, "href": href, "label": label}


@register.inclusion_tag("components/print_button.html")
def print_button(label: str = "Print this page") -> dict:
    return {"label": label}


@register.inclusion_tag("components/mark.html")
def mark(size: int = 40) -> dict:
    return {"size": size}
