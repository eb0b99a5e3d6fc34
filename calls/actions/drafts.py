"""Writing an application: several people, one draft, and nothing that was typed is ever lost.

A page says which text it was based on, by a mark of that text for each field. A field that nobody else touched is saved. Where
a colleague was quicker, theirs stays and what came second is kept beside it among the earlier texts, to be put back or merged.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.actions import record
from calls.models import DETAILS, Answer, AnswerRevision, Application, Call, DetailRevision, Question, tidy
from lifecycle.actions import RecordChanged
from partners.models import Organisation
from people.models import Person
from people.rules import require

# Words that follow each other quickly are one text; a revision is kept when this much time or another person lies between.
ONE_SITTING_SECONDS = 60


class CallHasClosed(Exception):
    """The closing moment has passed, or the call was cancelled. What had been saved before is kept."""

    def __init__(self, call: Call) -> None:
        self.call = call
        super().__init__(f"call {call.pk} takes nothing any more")


@dataclass
class Saved:
    """What became of the texts that were sent: saved, or overtaken by a colleague's, whose text stands here."""

    saved: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)


def mark_of(text: str) -> str:
    """A short mark of a text, by which a page says what it was based on."""
    return hashlib.sha256(tidy(text).encode()).hexdigest()[:12]


def base_of(texts: Mapping[str, str]) -> str:
    """All marks of a page as one word that a form can carry."""
    return ".".join(f"{key}-{mark_of(text)}" for key, text in texts.items())


def marks_in(base: str) -> dict[str, str]:
    pairs = (part.rpartition("-") for part in base.split("."))
    return {key: mark for key, _, mark in pairs if key and mark}


@transaction.atomic
def save(
    application: Application, texts: Mapping[str, str], *, base: str, by: Person, at: datetime | None = None
) -> Saved:
    """Save the texts that this page changed. Raises CallHasClosed after the closing moment: the page keeps what was typed."""
    require(by, "calls.edit_application", application)
    draft = _locked(application)
    _require_open(draft.call, at)
    questions = {f"q{question.pk}": question for question in draft.call.questions.all()}
    answers = {f"q{answer.question_id}": answer for answer in draft.answers.all()}
    marks, result = marks_in(base), Saved()
    for key, given in texts.items():
        if key not in questions and key not in DETAILS:
            continue
        text = tidy(given)
        answer = answers.get(key)
        stored = getattr(draft, key) if key in DETAILS else answer.text if answer else ""
        seen = marks.get(key, mark_of(""))
        if text == stored or mark_of(text) == seen:
            # Not changed on this page, or changed to what is there already.
            continue
        # Nothing can be lost where there is nothing.
        overtaken = bool(stored) and mark_of(stored) != seen
        if key in DETAILS:
            _write_detail(draft, key, text, by=by, overtaken=overtaken)
        else:
            _write_answer(draft, questions[key], answer, text, by=by, overtaken=overtaken)
        (result.theirs if overtaken else result.saved)[key] = stored if overtaken else text
    if result.saved:
        _count_a_save(draft)
    return result


@transaction.atomic
def restore(application: Application, key: str, revision: AnswerRevision | DetailRevision, *, by: Person) -> None:
    """Bring an earlier text back. The text that it replaces is kept in turn."""
    require(by, "calls.edit_application", application)
    draft = _locked(application)
    _require_open(draft.call, None)
    if isinstance(revision, AnswerRevision):
        answer = draft.answers.select_related("question").get(pk=revision.answer_id)
        _write_answer(draft, answer.question, answer, revision.text, by=by, overtaken=False, keep=True)
    else:
        _write_detail(draft, key, revision.text, by=by, overtaken=False)
    _count_a_save(draft)
    record("brought back an earlier text of", draft, by=by, field=key)


@transaction.atomic
def add_organisation(application: Application, organisation: Organisation, *, by: Person) -> None:
    """Somebody who applies together with the organisation that leads."""
    require(by, "calls.edit_application", application)
    draft = _locked(application)
    _require_open(draft.call, None)
    if organisation.pk != draft.organisation_id:
        draft.with_organisations.add(organisation)
        record("joined an organisation to", draft, by=by, organisation=organisation.pk)


@transaction.atomic
def remove_organisation(application: Application, organisation: Organisation, *, by: Person) -> None:
    require(by, "calls.edit_application", application)
    draft = _locked(application)
    _require_open(draft.call, None)
    draft.with_organisations.remove(organisation)
    record("took an organisation from", draft, by=by, organisation=organisation.pk)


def _locked(application: Application) -> Application:
    """The draft as it is now, with everybody else's saves waiting. Somebody may have sent it a moment ago."""
    draft = Application.objects.select_for_update(of=("self",)).select_related("call").get(pk=application.pk)
    if not draft.is_draft:
        raise RecordChanged(draft)
    return draft


def _require_open(call: Call, at: datetime | None) -> None:
    if not call.is_open(at):
        raise CallHasClosed(call)


def _count_a_save(draft: Application) -> None:
    Application.objects.filter(pk=draft.pk).update(version=F("version") + 1)


def _write_answer(
    draft: Application,
    question: Question,
    answer: Answer | None,
    text: str,
    *,
    by: Person,
    overtaken: bool,
    keep: bool = False,
) -> None:
    now = timezone.now()
    if answer is None:
        Answer.objects.create(application=draft, question=question, text=text, saved_at=now, saved_by=by)
        return
    if overtaken:
        # The page that saves itself and the button may both bring the same words: once is enough.
        if not answer.revisions.filter(text=text, saved_by=by, was_overtaken=True).exists():
            AnswerRevision.objects.create(
                answer=answer, version=answer.version, text=text, saved_at=now, saved_by=by, was_overtaken=True
            )
        return
    if keep or _is_another_sitting(answer.saved_by_id, answer.saved_at, by, now) or _loses_much(answer.text, text):
        AnswerRevision.objects.create(
            answer=answer, version=answer.version, text=answer.text, saved_at=answer.saved_at, saved_by=answer.saved_by
        )
    Answer.objects.filter(pk=answer.pk).update(text=text, version=F("version") + 1, saved_at=now, saved_by=by)


def _write_detail(draft: Application, name: str, text: str, *, by: Person, overtaken: bool) -> None:
    """The application holds the present text; the row marked as current says who wrote it and when."""
    now = timezone.now()
    rows = DetailRevision.objects.filter(application=draft, field=name)
    if overtaken:
        if not rows.filter(text=text, saved_by=by, was_overtaken=True).exists():
            DetailRevision.objects.create(
                application=draft, field=name, text=text, saved_at=now, saved_by=by, was_overtaken=True
            )
        return
    current = rows.filter(is_current=True).first()
    if (
        current
        and not _is_another_sitting(current.saved_by_id, current.saved_at, by, now)
        and not _loses_much(current.text, text)
    ):
        rows.filter(pk=current.pk).update(text=text, saved_at=now)
    else:
        if current is None and getattr(draft, name):
            # Written before anybody counted texts: whoever started the application stands for it.
            DetailRevision.objects.create(
                application=draft,
                field=name,
                text=getattr(draft, name),
                saved_at=draft.started_at,
                saved_by_id=draft.started_by_id,
            )
        rows.filter(is_current=True).update(is_current=False)
        DetailRevision.objects.create(
            application=draft, field=name, text=text, saved_at=now, saved_by=by, is_current=True
        )
    Application.objects.filter(pk=draft.pk).update(**{name: text})
    setattr(draft, name, text)


def _is_another_sitting(person_id: int | None, saved_at: datetime, by: Person, now: datetime) -> bool:
    return person_id != by.pk or (now - saved_at).total_seconds() >= ONE_SITTING_SECONDS


def _loses_much(before: str, after: str) -> bool:
    """A slip of the mouse empties a field within a minute too."""
    return len(after) < len(before) * 0.7
