"""From a template and its context to a subject and two bodies. A letter with a hole in it is refused, never sent."""

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.template import Context, Engine, Template, TemplateDoesNotExist
from django.template.base import Origin, VariableNode
from django.template.loader_tags import ExtendsNode, IncludeNode
from django.template.loaders.app_directories import Loader as AppDirectoriesLoader
from django.template.loaders.cached import Loader as CachedLoader
from django.template.loaders.filesystem import Loader as FilesystemLoader

LONGEST_SUBJECT = 200
MANY_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


class LetterRefused(ValueError):
    """The mail cannot be written: a template or a value it needs is missing. Nothing was queued."""


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str
    html: str

    @property
    def hash(self) -> str:
        return sha256("\0".join((self.subject, self.text, self.html)).encode()).hexdigest()


class ValueIsNeeded(VariableNode):
    """``{{ partner.name }}`` in a mail must say something, unless the template names a default itself."""

    def render(self, context: Context) -> str:
        said = super().render(context)
        if not said.strip() and not self.names_a_default():
            raise LetterRefused(f"{{{{ {self.filter_expression.token} }}}} came out empty in {context.template_name}")
        return said

    def names_a_default(self) -> bool:
        return any(function.__name__.startswith("default") for function, _ in self.filter_expression.filters)


class LettersLoader(CachedLoader):
    """Loads templates in which every value is needed. Bases and includes come this way too."""

    def get_template(self, template_name: str, skip: list[Origin] | None = None) -> Template:
        template = super().get_template(template_name, skip)
        for node in template.nodelist.get_nodes_by_type(VariableNode):
            node.__class__ = ValueIsNeeded
        return template


@cache
def engine() -> Engine:
    site: dict[str, Any] = settings.TEMPLATES[0]
    letters = Engine(dirs=site["DIRS"], builtins=[*Engine.default_builtins, *site["OPTIONS"]["builtins"]])
    loader = LettersLoader(letters, [])
    loader.loaders = [FilesystemLoader(letters, site["DIRS"]), AppDirectoriesLoader(letters)]
    letters.template_loaders = [loader]
    return letters


PARTS = ("subject.txt", "body.txt", "body.html")


@cache
def version_of(template: str) -> str:
    """Changes whenever a source of the mail does: its three parts, and whatever they extend or include."""
    sources: dict[str, str] = {}
    for part in PARTS:
        _gather(f"{template}/{part}", sources)
    return sha256("\0".join(f"{name}\0{sources[name]}" for name in sorted(sources)).encode()).hexdigest()[:12]


def _gather(name: str, sources: dict[str, str]) -> None:
    if name in sources:
        return
    template = _template(name)
    sources[name] = str(template.source)
    for kind, attribute in ((ExtendsNode, "parent_name"), (IncludeNode, "template")):
        for node in template.nodelist.get_nodes_by_type(kind):
            other = getattr(node, attribute).var
            if isinstance(other, str):
                _gather(other, sources)


def write(template: str, context: dict[str, Any]) -> Letter:
    """The three parts of a mail, from ``<template>/subject.txt``, ``body.txt`` and ``body.html``."""
    values = {
        "portal_name": "WWCSC portal",
        "portal_address": settings.PORTAL_ADDRESS,
        "contact_email": settings.CONTACT_EMAIL,
        "is_demonstration": is_about_demonstration(context),
        **context,
    }
    subject = one_line(_part(f"{template}/subject.txt", values))
    if not subject:
        raise LetterRefused(f"{template}/subject.txt came out empty")
    values["subject"] = subject
    text = MANY_EMPTY_LINES.sub("\n\n", _part(f"{template}/body.txt", values)).strip() + "\n"
    html = _part(f"{template}/body.html", values).strip() + "\n"
    if not text.strip() or not html.strip():
        raise LetterRefused(f"{template} came out without a body")
    return Letter(subject=subject, text=text, html=html)


def is_about_demonstration(context: dict[str, Any]) -> bool:
    """What is made up says so in its mail as well as on its page."""
    return any(getattr(value, "is_demonstration", False) for value in context.values())


def one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 1].rstrip()}…"


def _part(name: str, values: dict[str, Any]) -> str:
    template = _template(name)
    context = Context(values, autoescape=name.endswith(".html"))
    context.template_name = name
    return template.render(context)


def _template(name: str) -> Template:
    try:
        return engine().get_template(name)
    except TemplateDoesNotExist as missing:
        raise LetterRefused(f"The mail template {missing} does not exist") from missing
