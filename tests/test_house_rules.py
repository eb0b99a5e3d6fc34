"""Rules about the whole codebase. They enumerate, so that what is added tomorrow is covered without being asked."""

import ast
import re
from pathlib import Path

import django
import pytest
from django.apps import apps
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from lifecycle.diagrams import pages

ROOT = Path(settings.BASE_DIR)
OURS = (
    "wwcsc",
    "newsroom",
    "evidence_store",
    "evaluations",
    "calls",
    "programmes",
    "partners",
    "notices",
    "people",
    "lifecycle",
    "audit",
)

# Everybody may read these without signing in. A new public page is added here on purpose, or not at all.
PUBLIC = {
    "home",
    "about",
    "about_data",
    "accessibility",
    "privacy",
    "licences",
    "style_guide",
    "healthz",
    "partners",
    "partner",
    "programmes",
    "programme",
    "evaluations",
    "evaluation",
    "calls:list",
    "calls:call",
    "evaluations:promises",
    "evaluations_csv",
    "evidence_store:citation",
    "evidence_store:data_csv",
    "evidence_store:data_json",
    "evidence_store:entry",
    "evidence_store:feed",
    "evidence_store:former_entry",
    "evidence_store:former_number",
    "evidence_store:how_we_rate",
    "evidence_store:search",
    "newsroom:news",
    "newsroom:post",
    "newsroom:feed",
    # For somebody who has no account yet, or reads a bulk mail.
    "partners:invitation",
    "notices:unsubscribe",
}


def patterns(resolver=None, namespace=""):
    """Every URL pattern with its full name."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from patterns(entry, inner)
        elif isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name or entry.pattern}", entry


def our_patterns():
    for name, entry in patterns():
        module = getattr(entry.callback, "__module__", "")
        if module.split(".")[0] in OURS:
            yield name, entry


def our_models():
    return [
        model
        for app in OURS
        if apps.is_installed(app)
        for model in apps.get_app_config(app.rpartition(".")[2]).get_models()
        if not hasattr(model, "pgh_tracked_model")
    ]


def python_files():
    for app in OURS:
        yield from (path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)


def templates():
    yield from (ROOT / "templates").rglob("*.html")
    yield from (ROOT / "templates").rglob("*.txt")


def test_django_is_the_version_we_chose():
    assert django.VERSION[:2] == (6, 1)


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_the_database_refuses_some_nonsense_of_every_model(model):
    assert model._meta.constraints or model._meta.unique_together


@pytest.mark.parametrize("model", our_models(), ids=lambda model: model._meta.label)
def test_a_moment_and_its_person_are_constrained_as_a_pair(model):
    names = {field.name for field in model._meta.get_fields() if hasattr(field, "column")}
    said = " ".join(repr(constraint.deconstruct()) for constraint in model._meta.constraints)
    for name in names:
        if not name.endswith("_at"):
            continue
        person = f"{name[:-3]}_by"
        if person in names and model._meta.get_field(name).null:
            assert name in said, f"{model._meta.label}: {name} and {person} belong together"
            assert person in said, f"{model._meta.label}: {name} and {person} belong together"


def test_diagrams_of_life_cycles_are_up_to_date():
    drawn = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "lifecycles").glob("*.md")}
    assert drawn == pages(), "Run `make diagrams`"


@pytest.mark.parametrize(
    "folder",
    sorted({path.parent for path in (ROOT / "templates").glob("*/emails/*/*")}),
    ids=lambda folder: str(folder.relative_to(ROOT / "templates")),
)
def test_every_mail_has_a_subject_a_text_and_html(folder):
    assert {path.name for path in folder.iterdir()} >= {"subject.txt", "body.txt", "body.html"}
    assert len((folder / "subject.txt").read_text(encoding="utf-8").strip().splitlines()) == 1


WORDS_WE_DO_NOT_USE = {
    "pilot site": "partner",
    "looked after child": "child in care",
    "looked-after child": "child in care",
    " lac ": "child in care",
    "failed trial": "a finding of no difference",
    "click here": "say where the link leads",
    "gds transport": "our own typeface",
}


@pytest.mark.parametrize("word", WORDS_WE_DO_NOT_USE)
def test_words_we_do_not_use(word):
    found = [str(path.relative_to(ROOT)) for path in templates() if word in path.read_text(encoding="utf-8").lower()]
    assert not found, f"say “{WORDS_WE_DO_NOT_USE[word]}”"


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/(?:ld\+)?json\")[^>]*>", "scripts live in static/js"),
        (r"\sstyle=\"", "the policy forbids inline styles"),
        (r"\son(?:click|change|submit|load)=", "behaviours attach by data- attributes"),
        (r"href=\"javascript:", "links lead somewhere"),
    ],
)
def test_templates_keep_to_the_content_security_policy(shape, why):
    # E-mail has no style sheet of its own, and no policy either.
    pages_only = [path for path in templates() if path.suffix == ".html" and "emails" not in path.parts]
    found = [str(path.relative_to(ROOT)) for path in pages_only if re.search(shape, path.read_text(encoding="utf-8"))]
    assert not found, why


def test_mail_is_configured_the_new_way_only():
    assert not re.search(r"^EMAIL_", (ROOT / "wwcsc" / "settings.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert settings.MAILERS


def test_nothing_bypasses_the_outbox():
    """Only the courier speaks to a mail server; everybody else queues."""
    senders = {
        str(path.relative_to(ROOT))
        for path in python_files()
        if re.search(
            r"\bsend_mail\(|\bsend_mass_mail\(|\bget_connection\(|\bmail_admins\(", path.read_text(encoding="utf-8")
        )
    }
    assert {sender.partition("/")[0] for sender in senders} <= {"notices"}


def test_a_status_is_set_by_move_alone():
    """An assignment to ``.status``, or an update of it, outside lifecycle and the courier is a second way."""
    exempt = {"lifecycle/actions.py", "notices/delivery/leases.py", "notices/delivery/claiming.py"}
    found = []
    for path in python_files():
        name = str(path.relative_to(ROOT))
        if name in exempt or "demonstration" in name or "generate_load" in name:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assigns = isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Attribute) and target.attr == "status" for target in node.targets
            )
            updates = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "update"
                and any(keyword.arg == "status" for keyword in node.keywords)
            )
            if assigns or updates:
                found.append(f"{name}:{node.lineno}")
    assert not found


def test_text_is_marked_as_safe_in_few_places():
    allowed = {"wwcsc"}
    found = {
        path.relative_to(ROOT).parts[0]
        for path in python_files()
        if re.search(r"\bmark_safe\b|\bSafeString\(", path.read_text(encoding="utf-8"))
    }
    assert found <= allowed


def test_no_module_has_a_name_that_excludes_nothing():
    nothing = {"core.py", "common.py", "utils.py", "helpers.py", "misc.py", "manager.py", "handlers.py"}
    assert not [str(path.relative_to(ROOT)) for path in python_files() if path.name in nothing]


def test_every_public_route_is_listed():
    public = {
        name
        for name, entry in our_patterns()
        if getattr(entry.callback, "login_required", True) is False and not name.startswith("admin:")
    }
    assert public == PUBLIC


def test_the_built_style_sheet_carries_nothing_of_the_government():
    built = ROOT / "static" / "built" / "theme.css"
    if not built.exists():
        pytest.skip("assets are not built: run `make assets`")
    assert not re.search(r"GDS Transport|crest|crown", built.read_text(encoding="utf-8"), re.IGNORECASE)


def test_documents_name_no_machine_and_no_registry():
    shape = re.compile(r"(?<![\w/])/(?:work|root|home)/[\w.-]+|pypi\.org|registry\.npmjs|files\.pythonhosted")
    read = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "requirements.lock",
        ROOT / "package-lock.json",
        ROOT / "Makefile",
    ]
    assert not [path.name for path in read if path.exists() and shape.search(path.read_text(encoding="utf-8"))]
