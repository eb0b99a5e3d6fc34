"""Writing an application: several people, one draft, and nothing that was typed is ever lost. See ``lifecycle.texts``."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.actions import record
from calls.models import DETAILS, Answer, AnswerRevision, Application, Call, DetailRevision, Question, tidy
from lifecycle.actions import RecordChanged
from lifecycle.texts import Saved, is_another_sitting, keep_overtaken, keep_present, loses_much, sort_out
from partners.models import Organisation
from people.models import Person
from people.rules import require


class CallHasClosed(Exception):
    """The closing moment has passed, or the call was cancelled. What had been saved before is kept."""

    def __init__(self, call: Call) -> None:
        self.call = call
        super().__init__(f"call {call.pk} takes nothing any more")


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
    known = {key: given for key, given in texts.items() if key in questions or key in DETAILS}
    stored = {name: getattr(draft, name) for name in DETAILS} | {key: answer.text for key, answer in answers.items()}
    result = sort_out(known, stored, base=base)
    for key in (*result.saved, *result.theirs):
        text, overtaken = tidy(known[key]), key in result.theirs
        if key in DETAILS:
            _write_detail(draft, key, text, by=by, overtaken=overtaken)
        else:
            _write_answer(draft, questions[key], answers.get(key), text, by=by, overtaken=overtaken)
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
    if keep or is_another_sitting(answer.saved_by_id, answer.saved_at, by, now) or loses_much(answer.text, text):
        AnswerRevision.objects.create(
            answer=answer, version=answer.version, text=answer.text, saved_at=answer.saved_at, saved_by=answer.saved_by
        )
    Answer.objects.filter(pk=answer.pk).update(text=text, version=F("version") + 1, saved_at=now, saved_by=by)


def _write_detail(draft: Application, name: str, text: str, *, by: Person, overtaken: bool) -> None:
    """The application holds the present text; the row marked as current says who wrote it and when."""
    if overtaken:
        keep_overtaken(draft.detail_revisions, name, text, by=by)
        return
    # Written before anybody counted texts: whoever started the application stands for it.
    was, since, first_by = getattr(draft, name), draft.started_at, draft.started_by_id
    keep_present(draft.detail_revisions, name, text, was=was, by=by, since=since, first_by=first_by)
    Application.objects.filter(pk=draft.pk).update(**{name: text})
    setattr(draft, name, text)
