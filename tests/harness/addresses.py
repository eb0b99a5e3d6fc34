"""Every address of ours, with the kind of record that it takes. What cannot be filled in fails the tests, by name."""

from typing import Any

from django.urls import NoReverseMatch, reverse

from tests.harness.world import KINDS, MISSING, World
from tests.test_house_rules import our_patterns, patterns

# Address -> kind of record in world.py. A namespace or prefix stands for all below it; the longest match counts.
RECORD_OF = {
    "partner": "organisation",
    "partners:invite": "organisation",
    "partners:invitation": "secret",
    "partners:membership": "membership",
    "partners:end_membership": "membership",
    "partners:invite_again": "invitation",
    "partners:withdraw_invitation": "invitation",
    "partners:person": "person",
    "partners:give_role": "person",
    "partners:end_role": "post_held",
    "partners:close_account": "person",
    "partners:open_account": "person",
    "programme": "programme",
    "programmes:": "partnership",
    "programmes:obligation": "obligation",
    "programmes:write_report": "obligation",
    "programmes:save_report": "obligation",
    "programmes:report_history": "obligation",
    "programmes:move_due_date": "obligation",
    "programmes:waive": "obligation",
    "programmes:mark_received": "obligation",
    "programmes:check_report": "obligation",
    "programmes:download_report": "sent_report",
    "programmes:ask_about_report": "sent_report",
    "programmes:accept_report": "sent_report",
    "calls:": "call",
    "calls:application": "draft",
    "calls:section": "draft",
    "calls:autosave": "draft",
    "calls:history": "draft",
    "calls:together": "draft",
    "calls:check": "draft",
    "calls:take_back": "draft",
    "calls:withdraw": "draft",
    "calls:print": "draft",
    "calls:download": "draft",
    "calls:question": "question",
    "calls:move_question": "question",
    "calls:criterion": "criterion",
    "calls:move_criterion": "criterion",
    "calls:answer_enquiry": "enquiry",
    "calls:decide": "application",
    "calls:take_decision_back": "application",
    "calls:check_eligibility": "application",
    "calls:assign": "application",
    "calls:moderate": "application",
    "calls:letter": "application",
    "calls:offer": "result",
    "calls:take_back_assessment": "assessment",
    "calls:assessment": "assessment",
    "calls:declare": "assessment",
    "calls:save_scores": "assessment",
    "calls:result": "result",
    "calls:accept_offer": "result",
    "calls:decline_offer": "result",
    "calls:applications_board": "assessed_call",
    "calls:board_csv": "assessed_call",
    "calls:eligibility": "assessed_call",
    "calls:assessors": "assessed_call",
    "calls:letters": "assessed_call",
    "evaluation": "evaluation",
    "evaluations:": "evaluation_number",
    "evaluations:new_from_partnership": "partnership_number",
    "evidence_store:entry": "entry",
    "evidence_store:citation": "entry",
    "evidence_store:": "entry_number",
    "evidence_store:former_entry": "entry",
    "evidence_store:add_finding": "entry_number",
    "evidence_store:rate": "finding",
    "evidence_store:release": "rating",
    "newsroom:": "news",
    "notices:": "notice",
    "notices:resume": "pause",
}
# The rest of an address, the same whatever the record is.
REST: dict[str, Any] = {
    "number": 1,
    "key": "practice_name",
    "field": "activity",
    "form": "ris",
    "kind": "milestone",
    "verb": "approve",
    "part": MISSING,
    "notice": MISSING,
    "token": "no-such-secret",
    "name": "no-such-file.eml",
    "criterion": MISSING,
}


def kind_of(name: str) -> str:
    fitting = [prefix for prefix in RECORD_OF if name == prefix or (prefix.endswith(":") and name.startswith(prefix))]
    return RECORD_OF[max(fitting, key=len)] if fitting else ""


def addresses(world: World) -> dict[tuple[str, str], str]:
    """(name, which record) -> path; "-" where the address takes no record. Raises KeyError with the name of what is unknown."""
    found: dict[tuple[str, str], str] = {}
    for name, entry in our_patterns():
        if name.startswith("admin:"):
            continue
        wanted = set(entry.pattern.converters) or set(getattr(entry.pattern.regex, "groupindex", {}))
        kind = world.objects.get(kind_of(name), {})
        records = {which: arguments for which, arguments in kind.items() if set(arguments) & wanted}
        if not records:
            found[name, "-"] = _path(name, {key: REST[key] for key in wanted})
            continue
        for which in KINDS:
            if which in records:
                known = REST | records[which]
                found[name, which] = _path(name, {key: known[key] for key in wanted})
    return found


def addresses_of_accounts() -> dict[tuple[str, str], str]:
    """Signing in and the account pages, which came with allauth. A secret or a number in them is one that was never given."""
    names = {name for name, entry in patterns() if getattr(entry.callback, "__module__", "").startswith("allauth")}
    return {(name, "-"): _path_with_any(name) for name in sorted(names)}


def _path_with_any(name: str) -> str:
    for arguments in ({}, {"pk": MISSING}, {"key": "no-such-secret"}, {"uidb36": "0", "key": "no-such-secret"}):
        try:
            return reverse(name, kwargs=arguments)
        except NoReverseMatch:
            continue
    raise KeyError(f"{name}: say in tests/harness/addresses.py what stands in its address")


def _path(name: str, arguments: dict[str, Any]) -> str:
    try:
        return reverse(name, kwargs=arguments)
    except NoReverseMatch as problem:
        raise KeyError(f"{name}: say in tests/harness/addresses.py which record it takes") from problem
