"""The evidence store in the staff area."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from audit.actions import record
from evaluations.models import Evaluation
from evidence_store.actions import entries as actions
from evidence_store.actions import ratings
from evidence_store.choices import EntryStatus
from evidence_store.forms import (
    EntryForm,
    FindingForm,
    OutcomeForm,
    PublishForm,
    RatingForm,
    RenameForm,
    SupersedeForm,
    WithdrawForm,
)
from evidence_store.models import Entry, Finding, Rating
from evidence_store.views.public import findings_of
from lifecycle.actions import can_move
from people.models import Person
from people.requests import SignedInRequest
from people.rules import Refused, require

PER_PAGE = 25


def _staff_only(person: Person) -> None:
    if not person.is_centre_staff:
        raise Refused(person, "evidence_store.view_board")


def find(request: SignedInRequest, pk: int) -> Entry:
    _staff_only(request.user)
    return get_object_or_404(Entry.objects.visible_to(request.user), pk=pk)


def posted(request: SignedInRequest) -> Any:
    """What was sent; also when nothing was filled in, which is an answer too."""
    return request.POST if request.method == "POST" else None


def add_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Sentences of an action onto its form, each at its field where the form has it."""
    told = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for field, sentences in told.items():
        for sentence in sentences:
            form.add_error(field if field in form.fields else None, sentence)


@require_safe
def board(request: SignedInRequest) -> HttpResponse:
    _staff_only(request.user)
    words, status = request.GET.get("q", "").strip()[:100], request.GET.get("status", "")
    found = Entry.objects.visible_to(request.user).order_by("title", "pk")
    if words:
        found = found.filter(Q(title__icontains=words) | Q(slug__icontains=words))
    if status in EntryStatus.values:
        found = found.filter(status=status)
    held = Count(
        "findings__ratings", filter=Q(findings__ratings__in=Rating.objects.held_back().values("pk")), distinct=True
    )
    found = found.annotate(outcomes=Count("findings", distinct=True), held=held)
    context = {
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "words": words,
        "status": status,
        "statuses": EntryStatus.choices,
        "may_add": request.user.has_perm("evidence_store.add_entry"),
        # The end of the thread: what has been published and not yet been taken into a rating.
        "not_taken_in": Evaluation.objects.visible_to(request.user)
        .published()
        .filter(ratings__isnull=True)
        .order_by("title")[:10],
    }
    return render(request, "evidence_store/board.html", context)


@require_safe
def manage(request: SignedInRequest, pk: int) -> HttpResponse:
    entry = find(request, pk)
    context = {
        "entry": entry,
        "findings": findings_of(entry, request.user),
        "evaluations": Evaluation.objects.visible_to(request.user).filter(entries=entry),
        "may_change": request.user.has_perm("evidence_store.change_entry", entry),
        "may_rate": request.user.has_perm("evidence_store.rate_finding", entry),
        "may_publish": request.user.has_perm("evidence_store.publish_entry", entry)
        and (can_move(entry, EntryStatus.PUBLISHED) or actions.waits_for_its_moment(entry)),
        "waits": actions.waits_for_its_moment(entry),
        "may_supersede": request.user.has_perm("evidence_store.withdraw_entry", entry)
        and can_move(entry, EntryStatus.SUPERSEDED),
        "may_withdraw": request.user.has_perm("evidence_store.withdraw_entry", entry)
        and can_move(entry, EntryStatus.WITHDRAWN),
    }
    return render(request, "evidence_store/manage.html", context)


def new(request: SignedInRequest) -> HttpResponse:
    require(request.user, "evidence_store.add_entry")
    form = EntryForm(posted(request), person=request.user)

    def act() -> Any:
        facts = {name: value for name, value in form.cleaned_data.items() if name != "version"}
        return actions.begin(by=request.user, **facts)

    done = _tried(request, form, act, "The entry is kept as a draft.")
    return (
        redirect("evidence_store:manage", done.pk)
        if done
        else _form_page(request, form, "New entry", "Save as a draft")
    )


def edit(request: SignedInRequest, pk: int) -> HttpResponse:
    entry = find(request, pk)
    require(request.user, "evidence_store.change_entry", entry)
    form = EntryForm(posted(request), instance=Entry.objects.get(pk=entry.pk), person=request.user)

    def act() -> bool:
        changes = {name: form.cleaned_data[name] for name in form.changed_data if name != "version"}
        actions.edit(entry, by=request.user, seen=form.seen, **changes)
        return True

    return _acted(request, entry, form, act, "Saved.", "Edit the entry", "Save")


def rename(request: SignedInRequest, pk: int) -> HttpResponse:
    entry = find(request, pk)
    require(request.user, "evidence_store.change_entry", entry)
    form = RenameForm(posted(request), initial={"slug": entry.slug})

    def act() -> bool:
        actions.rename(entry, form.cleaned_data["slug"], by=request.user)
        return True

    return _acted(
        request, entry, form, act, "The address is changed; the old one leads here.", "Change the address", "Change"
    )


def add_finding(request: SignedInRequest, pk: int) -> HttpResponse:
    entry = find(request, pk)
    require(request.user, "evidence_store.rate_finding", entry)
    form = FindingForm(posted(request))

    def act() -> Finding:
        facts = dict(form.cleaned_data)
        return ratings.add_finding(entry, facts.pop("outcome"), by=request.user, **facts)

    return _acted(request, entry, form, act, "Added. It has no rating yet.", "Add an outcome", "Add")


def new_outcome(request: SignedInRequest) -> HttpResponse:
    require(request.user, "evidence_store.rate_finding")
    form = OutcomeForm(posted(request))
    if request.method == "POST" and form.is_valid():
        outcome = form.save()
        record("added outcome", outcome, by=request.user)
        messages.success(request, "The outcome can now be chosen.")
        return redirect("evidence_store:board")
    return _form_page(request, form, "New outcome", "Save")


def rate(request: SignedInRequest, pk: int) -> HttpResponse:
    _staff_only(request.user)
    finding = get_object_or_404(Finding.objects.shown_to(request.user).select_related("entry", "outcome"), pk=pk)
    require(request.user, "evidence_store.rate_finding", finding.entry)
    form = RatingForm(posted(request), finding=finding, person=request.user)

    def act() -> Rating:
        return ratings.rate(finding, by=request.user, **form.cleaned_data)

    title = f"Rate: {finding.outcome.name}"
    said = "The rating is recorded. Those before it stay readable in the history."
    return _acted(request, finding.entry, form, act, said, title, "Record the rating")


@require_POST
def release(request: SignedInRequest, pk: int) -> HttpResponse:
    _staff_only(request.user)
    rating = get_object_or_404(Rating.objects.visible_to(request.user).select_related("finding__entry"), pk=pk)
    try:
        ratings.release(rating, by=request.user)
    except ValidationError as error:
        messages.warning(request, " ".join(error.messages))
    else:
        messages.success(request, "The rating is public now.")
    return redirect("evidence_store:manage", rating.finding.entry_id)


def publish(request: SignedInRequest, pk: int) -> HttpResponse:
    entry = find(request, pk)
    require(request.user, "evidence_store.publish_entry", entry)
    form = PublishForm(posted(request))

    def act() -> bool:
        actions.publish(entry, by=request.user, at=form.cleaned_data["at"])
        return True

    return _acted(
        request, entry, form, act, "The entry is in the store from its moment on.", "Publish the entry", "Publish"
    )


def supersede(request: SignedInRequest, pk: int) -> HttpResponse:
    entry = find(request, pk)
    require(request.user, "evidence_store.withdraw_entry", entry)
    form = SupersedeForm(posted(request), entry=entry)

    def act() -> bool:
        actions.supersede(entry, form.cleaned_data["successor"], by=request.user, reason=form.cleaned_data["reason"])
        return True

    return _acted(request, entry, form, act, "The entry now leads to its successor.", "Replace the entry", "Replace")


def withdraw(request: SignedInRequest, pk: int) -> HttpResponse:
    entry = find(request, pk)
    require(request.user, "evidence_store.withdraw_entry", entry)
    form = WithdrawForm(posted(request), entry=entry)

    def act() -> bool:
        told = form.cleaned_data
        actions.withdraw(entry, by=request.user, reason=told["reason"], successor=told["successor"])
        return True

    return _acted(
        request, entry, form, act, "Withdrawn. Its address says so, with the reason.", "Withdraw the entry", "Withdraw"
    )


def _tried(request: SignedInRequest, form: forms.BaseForm, act: Callable[[], Any], said: str) -> Any:
    """Check the form, act, say: what came of it, or None when the page has to be shown again."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        done = act()
    except ValidationError as error:
        add_errors(form, error)
        return None
    messages.success(request, said)
    return done


def _acted(
    request: SignedInRequest,
    entry: Entry,
    form: forms.BaseForm,
    act: Callable[[], Any],
    said: str,
    title: str,
    button: str,
) -> HttpResponse:
    if _tried(request, form, act, said):
        return redirect("evidence_store:manage", entry.pk)
    return _form_page(request, form, title, button, entry=entry)


def _form_page(request: SignedInRequest, form: forms.BaseForm, title: str, button: str, **context: Any) -> HttpResponse:
    return render(
        request, "evidence_store/form.html", {"form": form, "title": title, "button_label": button, **context}
    )
