"""The mail of the portal for its staff, and the way out of announcements for everybody."""

from math import ceil
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from lifecycle.actions import can_move
from notices import actions
from notices.choices import NoticeKind, NoticeStatus
from notices.delivery import REFUSALS_BEFORE_A_PAUSE, UNSUBSCRIBE_SALT
from notices.figures import mail_figures, not_sent_by_template, pauses_for
from notices.filters import NoticeFilter
from notices.forms import ReleaseForm, TryAgainForm, WithdrawForm
from notices.letters import Letter, LetterRefused
from notices.mailings import name_of, words_of
from notices.models import Notice, Pause
from notices.querysets import NoticeQuerySet
from people.models import Person
from people.requests import SignedInRequest
from people.rules import require

AGAIN_AT_ONCE = 500  # mails that one press tries again: a page must answer
# What a mail may do in the browser of whoever looks at it: be drawn, and nothing else.
MAIL_POLICY: dict[str, Any] = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.UNSAFE_INLINE],
    "img-src": ["data:"],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "sandbox": True,
}


@require_safe
def mail(request: SignedInRequest) -> HttpResponse:
    require(request.user, "notices.view_notice")
    found = NoticeFilter(request.GET, queryset=Notice.objects.visible_to(request.user).for_list())
    page = Paginator(found.qs, 25).get_page(request.GET.get("page"))
    figures = mail_figures(request.user)
    context = {
        "filter": found,
        "page": page,
        "figures_of_mail": figures,
        "rate": settings.MAIL_RATE,
        "minutes_to_go": ceil(figures.done_in.total_seconds() / 60) if figures.done_in else 0,
        "pauses": [{"pause": pause, "name": name_of(pause.template)} for pause in pauses_for(request.user)],
        "refusals_before_a_pause": REFUSALS_BEFORE_A_PAUSE,
        "may_resume": request.user.has_perm("notices.resume_template"),
        "not_sent": [
            {"group": group, "name": _kind_of(group.template, group.subject)}
            for group in not_sent_by_template(request.user)
        ],
        "may_resend": request.user.has_perm("notices.resend_notice"),
        "has_held": any(notice.is_released_by_hand for notice in page),
        "may_release": request.user.has_perm("notices.release_notice"),
    }
    return render(request, "notices/mail.html", context)


def _kind_of(template: str, subject: str) -> str:
    """What people call this kind of mail: a mailing has a name, a letter is known by what one of them is about."""
    name = name_of(template)
    return name if name != template else f"Letters such as “{subject}”"


def _notice(request: SignedInRequest, pk: int) -> Notice:
    require(request.user, "notices.view_notice")
    return get_object_or_404(Notice.objects.visible_to(request.user), pk=pk)


@require_safe
def notice(request: SignedInRequest, pk: int) -> HttpResponse:
    found = _notice(request, pk)
    person = request.user
    words, note = _words(found)
    may_resend = person.has_perm("notices.resend_notice", found)
    context = {
        "notice": found,
        "is_secret": found.kind == NoticeKind.SECURITY,
        "words": words,
        "note_on_words": note,
        "pause": _pause_of(found),
        "person": Person.objects.filter(pk=found.person_id).first(),
        "attempts": [
            {"at": row.at, "what": row.what.capitalize(), "note": row.detail} for row in found.attempt_rows.all()
        ],
        "can_release": found.is_released_by_hand and person.has_perm("notices.release_notice", found),
        "can_withdraw": can_move(found, NoticeStatus.CANCELLED)
        and found.wire_at is None
        and person.has_perm("notices.withdraw_notice", found),
        "can_resend": found.status in {NoticeStatus.DEAD, NoticeStatus.SUPPRESSED} and words is not None and may_resend,
        "can_suppress": found.status == NoticeStatus.DEAD
        and found.error.startswith("address refused")
        and person.has_perm("notices.suppress_address"),
        "can_write_again": found.status == NoticeStatus.SUPPRESSED and person.has_perm("notices.suppress_address"),
        "can_be_handled": found.status == NoticeStatus.DEAD and found.handled_at is None and may_resend,
    }
    return render(request, "notices/notice.html", context)


def _pause_of(found: Notice) -> Pause | None:
    """The pause that holds it up, if it waits, or would if it were tried again."""
    if found.kind == NoticeKind.SECURITY or found.status not in {
        NoticeStatus.HELD,
        NoticeStatus.PENDING,
        NoticeStatus.DEAD,
    }:
        return None
    return Pause.objects.current().exclude(trial=found.pk).filter(template=found.template).first()


def _words(found: Notice) -> tuple[Letter | None, str]:
    """What it says and how far that is what its reader got; None and the reason where nobody can say."""
    try:
        shown = words_of(found)
    except LetterRefused as problem:
        return None, str(problem)
    return (shown.letter if shown.letter.text else None), shown.note


@require_safe
@csp_override(MAIL_POLICY)
def notice_html(request: SignedInRequest, pk: int) -> HttpResponse:
    """The mail as its reader's program draws it, in a sandbox: no script, no form, nothing fetched."""
    found = _notice(request, pk)
    words, _ = _words(found)
    if found.kind == NoticeKind.SECURITY or words is None or not words.html:
        raise Http404
    return HttpResponse(words.html)


@require_POST
def release(request: SignedInRequest, pk: int) -> HttpResponse:
    found = _notice(request, pk)
    require(request.user, "notices.release_notice", found)
    if found.status == NoticeStatus.HELD and not found.is_released_by_hand:
        messages.error(request, "This letter goes out together with the result that it tells. Nothing was sent.")
        return redirect("notices:notice", pk=found.pk)
    actions.release(found, by=request.user)
    messages.success(request, f"Released. The letter to {found.to} goes out within seconds.")
    return redirect("notices:notice", pk=found.pk)


@require_POST
def release_many(request: SignedInRequest) -> HttpResponse:
    require(request.user, "notices.release_notice")
    form = ReleaseForm(request.POST, held=Notice.objects.visible_to(request.user).released_by_hand())
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["letters"])))
        return redirect("notices:mail")
    count = actions.release_all(form.cleaned_data["letters"], by=request.user)
    messages.success(request, f"{count} letter{'' if count == 1 else 's'} released.")
    return redirect("notices:mail")


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: SignedInRequest, pk: int) -> HttpResponse:
    found = _notice(request, pk)
    require(request.user, "notices.withdraw_notice", found)
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        actions.withdraw(found, by=request.user, why=form.cleaned_data["why"])
        messages.success(request, "Withdrawn. It will not be sent.")
        return redirect("notices:notice", pk=found.pk)
    return render(request, "notices/withdraw.html", {"notice": found, "form": form})


@require_POST
def resend(request: SignedInRequest, pk: int) -> HttpResponse:
    found = _notice(request, pk)
    actions.resend(found, by=request.user)
    if _pause_of(found):
        messages.warning(
            request, "It waits with the other mail of its template, which is paused. Nothing was sent yet."
        )
    else:
        messages.success(request, "It is tried again now.")
    return redirect("notices:notice", pk=found.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def resend_many(request: SignedInRequest) -> HttpResponse:
    """Everything of one template that could not be sent goes again; what failed after the page was shown does not."""
    require(request.user, "notices.resend_notice")
    shown = request.method != "POST"
    # the moment goes with the page: what fails after it was not looked at, and a second press finds nothing
    now = {"template": request.GET.get("template", ""), "seen": timezone.now().isoformat()}
    form = TryAgainForm(now if shown else request.POST)
    if not form.is_valid():
        messages.error(request, "That is not a kind of mail that could not be sent. Nothing was sent.")
        return redirect("notices:mail")
    template, seen = form.cleaned_data["template"], form.cleaned_data["seen"]
    found = Notice.objects.visible_to(request.user).to_try_again(template, seen)
    if not shown:
        return _tried_again(request, template, _resend_locked(found, request.user))
    reasons = found.order_by().values("error").annotate(count=Count("pk")).order_by("-count", "error")
    context = {
        "form": form,
        "name": _kind_of(template, found.order_by("-pk").values_list("subject", flat=True).first() or template),
        "count": found.count(),
        "at_once": AGAIN_AT_ONCE,
        "reasons": reasons[:5],
        "one": found.order_by("-pk").values_list("pk", flat=True).first(),
        "is_paused": Pause.objects.current().filter(template=template).exists(),
    }
    return render(request, "notices/resend_many.html", context)


@transaction.atomic
def _resend_locked(found: NoticeQuerySet, person: Person) -> int:
    """Two who press at once wait for each other, and the second finds nothing left."""
    return actions.resend_all(found.order_by("pk").select_for_update(of=("self",))[:AGAIN_AT_ONCE], by=person)


def _tried_again(request: SignedInRequest, template: str, count: int) -> HttpResponse:
    many = "1 mail is" if count == 1 else f"{count} mails are"
    if not count:
        messages.warning(request, "None of these mails waits for a person any more. Nothing was sent twice.")
    elif Pause.objects.current().filter(template=template).exists():
        messages.warning(request, f"{many} put back. What is paused waits with the others of its template.")
    else:
        messages.success(request, f"{many} put back into the queue. Sending begins now.")
    return redirect("notices:mail")


@require_POST
def resume(request: SignedInRequest, pk: int) -> HttpResponse:
    """Send the mail of a paused template again, one of it first."""
    require(request.user, "notices.view_notice")
    pause = get_object_or_404(Pause, pk=pk)
    actions.resume(pause, by=request.user)
    messages.success(
        request, "One of these mails is tried now. If the mail server takes it, the others follow at once."
    )
    return redirect("notices:mail")


@require_POST
def handled(request: SignedInRequest, pk: int) -> HttpResponse:
    found = _notice(request, pk)
    actions.mark_handled(found, by=request.user)
    messages.success(request, "Marked as handled.")
    return redirect("notices:notice", pk=found.pk)


@require_POST
def suppress(request: SignedInRequest, pk: int) -> HttpResponse:
    """The address does not exist any more: nothing is sent to it until somebody says otherwise."""
    found = _notice(request, pk)
    actions.stop_writing_to(found.to, reason=found.error[:200] or "Stopped by staff", by=request.user)
    messages.success(request, f"Nothing more is sent to {found.to}, save sign-in codes that are asked for.")
    return redirect("notices:notice", pk=found.pk)


@require_POST
def write_again(request: SignedInRequest, pk: int) -> HttpResponse:
    found = _notice(request, pk)
    actions.write_again_to(found.to, by=request.user)
    messages.success(request, f"Mail goes to {found.to} again. Press “Try again” to send this one.")
    return redirect("notices:notice", pk=found.pk)


@csrf_exempt  # RFC 8058: the reader's mail program posts this, without a page of ours and without a cookie
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    try:
        address = Signer(salt=UNSUBSCRIBE_SALT).unsign_object(token)
    except (BadSignature, ValueError) as problem:
        raise Http404 from problem
    if request.method == "POST":
        actions.stop_writing_to(address, reason="Asked for no more announcements", by=None, only_bulk=True)
    return render(request, "notices/unsubscribe.html", {"is_done": request.method == "POST"})
