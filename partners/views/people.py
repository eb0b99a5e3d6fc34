"""Pages about people: a partner's own, everybody's for staff, and the one that an invitation leads to."""

from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from partners.actions import people as actions
from partners.actions.people import InvitationRefused, MembershipRefused
from partners.choices import InvitationPurpose, MembershipRole
from partners.forms.people import AcceptForm, FindPeopleForm, InviteForm, RoleForm, StaffInviteForm, StaffRoleForm
from partners.models import Invitation, Membership, Organisation
from people import actions as accounts
from people.actions import AccountRefused
from people.models import Person, Post
from people.requests import SignedInRequest
from people.rules import Refused, require

SIGN_IN_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
get_or_post = require_http_methods(["GET", "HEAD", "POST"])

# --- an invitation is taken up -------------------------------------------------------------------------------------------


@login_not_required
@never_cache
@get_or_post
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Looking changes nothing, because mail gateways look at every link. Only the button accepts."""
    found = actions.invitation_with(token)
    if found is None:
        return render(request, "partners/people/invitation_closed.html", {"why": "unknown"}, status=404)
    if not found.is_open():
        return _closed_invitation(request, found)
    if isinstance(request.user, Person):
        return _accept_as(request, request.user, found)
    account = Person.objects.filter(email__iexact=found.email).first()
    if account is not None:
        return render(request, "partners/people/invitation_sign_in.html", {"invitation": found, "account": account})
    return _accept_as_new_person(request, found)


def _closed_invitation(request: HttpRequest, found: Invitation) -> HttpResponse:
    if found.accepted_by_id is not None and found.accepted_by_id == request.user.pk:
        messages.info(request, "You accepted this invitation already.")
        return redirect("start")
    why = "used" if found.accepted_at else "withdrawn" if found.withdrawn_at else "expired"
    return render(request, "partners/people/invitation_closed.html", {"invitation": found, "why": why}, status=410)


def _accept_as(request: HttpRequest, person: Person, found: Invitation) -> HttpResponse:
    if not actions.is_addressed_to(found, person):
        return render(request, "partners/people/invitation_wrong_person.html", {"invitation": found}, status=403)
    if request.method == "POST":
        try:
            actions.accept(found, by=person)
        except InvitationRefused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(
                request, f"Welcome. You now belong to {found.organisation}." if found.organisation else "Welcome."
            )
        return redirect("start")
    return render(request, "partners/people/invitation_accept.html", {"invitation": found})


def _accept_as_new_person(request: HttpRequest, found: Invitation) -> HttpResponse:
    form = AcceptForm(request.POST if request.method == "POST" else None, email=found.email)
    if request.method == "POST" and form.is_valid():
        try:
            newcomer = actions.accept_as_new_person(found, **form.cleaned_data)
        except InvitationRefused as refused:
            messages.error(request, str(refused))
            return redirect(request.path)
        login(request, newcomer, backend=SIGN_IN_BACKEND)
        messages.success(request, "Welcome. Your account is ready, and your e-mail address is confirmed.")
        return redirect("start")
    return render(request, "partners/people/invitation_new_person.html", {"invitation": found, "form": form})


# --- a partner's own people ----------------------------------------------------------------------------------------------


@require_safe
def our_people(request: SignedInRequest) -> HttpResponse:
    mine = list(request.user.memberships.current().select_related("organisation").order_by("organisation__name"))
    members = Membership.objects.visible_to(request.user).select_related("person").order_by("role", "person__name")
    open_invitations = Invitation.objects.visible_to(request.user).open().select_related("invited_by")
    sections: list[dict[str, Any]] = [
        {
            "organisation": membership.organisation,
            "is_lead": membership.role == MembershipRole.LEAD,
            "members": [],
            "former": [],
            "invitations": [],
        }
        for membership in mine
    ]
    by_organisation = {section["organisation"].pk: section for section in sections}
    current = set(Membership.objects.current().filter(organisation__in=by_organisation).values_list("pk", flat=True))
    for member in members.filter(organisation__in=by_organisation):
        by_organisation[member.organisation_id]["members" if member.pk in current else "former"].append(member)
    for waiting in open_invitations.filter(organisation__in=by_organisation):
        by_organisation[waiting.organisation_id]["invitations"].append(waiting)
    return render(request, "partners/people/our_people.html", {"sections": sections})


@get_or_post
def invite(request: SignedInRequest, slug: str) -> HttpResponse:
    organisation = get_object_or_404(_organisations_seen_by(request.user), slug=slug)
    require(request.user, "partners.invite_member", organisation)
    form = InviteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            sent = actions.invite_member(organisation, by=request.user, **form.cleaned_data)
        except InvitationRefused as refused:
            form.add_error("email", str(refused))
        else:
            messages.success(request, f"The invitation is on its way to {sent.email}. It works for seven days.")
            return redirect(_back_from(request))
    return render(
        request,
        "partners/people/invite.html",
        {"form": form, "organisation": organisation, "back": _back_from(request)},
    )


def _organisations_seen_by(person: Person) -> QuerySet[Organisation]:
    return Organisation.objects.all() if person.is_centre_staff else Organisation.objects.of(person)


def _back_from(request: SignedInRequest) -> str:
    return "partners:staff_invitations" if request.user.is_centre_staff else "partners:our_people"


def _current_membership(request: SignedInRequest, pk: int) -> Membership:
    seen = Membership.objects.visible_to(request.user).current().select_related("person", "organisation")
    return get_object_or_404(seen, pk=pk)


@get_or_post
def membership(request: SignedInRequest, pk: int) -> HttpResponse:
    """Change what a colleague may do."""
    found = _current_membership(request, pk)
    require(request.user, "partners.change_membership", found)
    form = RoleForm(request.POST if request.method == "POST" else None, initial={"role": found.role})
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_role(found, role=form.cleaned_data["role"], by=request.user)
        except MembershipRefused as refused:
            form.add_error("role", str(refused))
        else:
            messages.success(
                request, f"{found.person} now has the role “{MembershipRole(form.cleaned_data['role']).label}”."
            )
            return _back_to_person(request, found)
    return render(request, "partners/people/membership.html", {"form": form, "membership": found})


@get_or_post
def end(request: SignedInRequest, pk: int) -> HttpResponse:
    found = _current_membership(request, pk)
    is_own = found.person_id == request.user.pk
    if not is_own:
        require(request.user, "partners.change_membership", found)
    if request.method == "POST":
        try:
            actions.end_membership(found, by=request.user)
        except MembershipRefused as refused:
            messages.error(request, str(refused))
            return redirect("partners:end_membership", pk=found.pk)
        if is_own:
            return redirect("home")
        messages.success(request, f"{found.person} has left {found.organisation} and is signed out everywhere.")
        return _back_to_person(request, found)
    return render(request, "partners/people/end.html", {"membership": found, "is_own": is_own})


def _back_to_person(request: SignedInRequest, found: Membership) -> HttpResponse:
    if request.user.is_centre_staff:
        return redirect("partners:person", pk=found.person_id)
    return redirect("partners:our_people")


def _seen_invitation(request: SignedInRequest, pk: int) -> Invitation:
    seen = Invitation.objects.visible_to(request.user).select_related("organisation")
    found = get_object_or_404(seen, pk=pk)
    require(request.user, actions.permission_to_invite(found), found)
    return found


@require_POST
def invite_again(request: SignedInRequest, pk: int) -> HttpResponse:
    found = _seen_invitation(request, pk)
    try:
        actions.invite_again(found, by=request.user)
    except InvitationRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"A new link is on its way to {found.email}. The old one works no more.")
    return redirect(_back_from(request))


@get_or_post
def withdraw(request: SignedInRequest, pk: int) -> HttpResponse:
    found = _seen_invitation(request, pk)
    if request.method == "POST":
        actions.withdraw(found, by=request.user)
        messages.success(request, f"The invitation to {found.email} is withdrawn. Its link works no more.")
        return redirect(_back_from(request))
    return render(request, "partners/people/withdraw.html", {"invitation": found, "back": _back_from(request)})


# --- everybody, for staff --------------------------------------------------------------------------------------------------


@require_safe
def staff_people(request: SignedInRequest) -> HttpResponse:
    require(request.user, "people.view_person")
    form = FindPeopleForm(request.GET or None)
    people = Person.objects.all()
    if form.is_valid():
        people = _found(people, form.cleaned_data["q"], form.cleaned_data["kind"])
    people = people.for_list().prefetch_related(
        Prefetch(
            "memberships", Membership.objects.current().select_related("organisation"), to_attr="current_memberships"
        )
    )
    page = Paginator(people, 50).get_page(request.GET.get("page"))
    context = {"page": page, "form": form, "may_invite": bool(purposes_of(request.user))}
    return render(request, "partners/people/staff_people.html", context)


def _found(people: QuerySet[Person], words: str, kind: str) -> QuerySet[Person]:
    held = Membership.objects.current().values("person")
    if words:
        there = Membership.objects.current().filter(organisation__name__icontains=words).values("person")
        people = people.filter(
            Q(name__icontains=words) | Q(job_title__icontains=words) | Q(email__icontains=words) | Q(pk__in=there)
        )
    if kind == "closed":
        return people.filter(is_active=False)
    staff = Person.objects.staff().values("pk")
    chosen = {"staff": Q(pk__in=staff), "partners": Q(pk__in=held), "others": ~Q(pk__in=staff) & ~Q(pk__in=held)}
    return people.filter(chosen[kind], is_active=True) if kind else people


@get_or_post
def staff_invite(request: SignedInRequest) -> HttpResponse:
    purposes = purposes_of(request.user)
    if not purposes:
        raise Refused(request.user, "partners.invite_assessor")
    form = StaffInviteForm(
        request.POST if request.method == "POST" else None,
        purposes=purposes,
        initial={"purpose": purposes[0], "role": MembershipRole.LEAD},
    )
    if request.method == "POST" and form.is_valid():
        try:
            sent = _invite_by_staff(form.cleaned_data, by=request.user)
        except InvitationRefused as refused:
            form.add_error("email", str(refused))
        else:
            messages.success(request, f"The invitation is on its way to {sent.email}. It works for seven days.")
            return redirect("partners:staff_invitations")
    return render(request, "partners/people/staff_invite.html", {"form": form})


def purposes_of(person: Person) -> list[str]:
    """What this member of staff may invite people for."""
    return [one for one in InvitationPurpose.values if person.has_perm(f"partners.invite_{one}")]


def _invite_by_staff(asked: dict, *, by: Person) -> Invitation:
    if asked["purpose"] == InvitationPurpose.STAFF:
        return actions.invite_staff(email=asked["email"], staff_role=asked["staff_role"], by=by)
    if asked["purpose"] == InvitationPurpose.ASSESSOR:
        return actions.invite_assessor(email=asked["email"], by=by)
    return actions.invite_member(asked["organisation"], email=asked["email"], role=asked["role"], by=by)


@require_safe
def staff_invitations(request: SignedInRequest) -> HttpResponse:
    require(request.user, "people.view_person")
    sent = Invitation.objects.visible_to(request.user).select_related("organisation", "invited_by", "accepted_by")
    page = Paginator(sent, 50).get_page(request.GET.get("page"))
    return render(
        request,
        "partners/people/staff_invitations.html",
        {"page": page, "now": timezone.now(), "may_invite": bool(purposes_of(request.user))},
    )


@require_safe
def person(request: SignedInRequest, pk: int) -> HttpResponse:
    require(request.user, "people.view_person")
    found = get_object_or_404(Person, pk=pk)
    return render(request, "partners/people/person.html", _about(found, request.user, StaffRoleForm()))


def _about(found: Person, reader: Person, form: StaffRoleForm) -> dict:
    memberships = found.memberships.select_related("organisation").order_by("-starts_on", "-pk")
    current = set(found.memberships.current().values_list("pk", flat=True))
    return {
        "found": found,
        "form": form,
        "posts": found.posts.order_by("-starts_on", "-pk"),
        "current": [held for held in memberships if held.pk in current],
        "former": [held for held in memberships if held.pk not in current],
        "sessions": UserSession.objects.filter(user=found).count(),
        "may_manage_staff": reader.has_perm("people.manage_staff", found),
        "may_change_memberships": reader.has_perm("partners.leave_without_a_lead", found),
    }


@require_POST
def give_role(request: SignedInRequest, pk: int) -> HttpResponse:
    require(request.user, "people.manage_staff")
    found = get_object_or_404(Person, pk=pk)
    form = StaffRoleForm(request.POST)
    if not form.is_valid():
        return render(request, "partners/people/person.html", _about(found, request.user, form), status=422)
    post = accounts.give_staff_role(found, form.cleaned_data["role"], by=request.user)
    messages.success(request, f"{found} has the staff role “{post.get_role_display()}”.")
    return redirect("partners:person", pk=found.pk)


@require_POST
def end_role(request: SignedInRequest, pk: int) -> HttpResponse:
    require(request.user, "people.manage_staff")
    post = get_object_or_404(Post.objects.select_related("person"), pk=pk)
    try:
        accounts.end_staff_role(post, by=request.user)
    except AccountRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(
            request, f"The role “{post.get_role_display()}” of {post.person} has ended, and they are signed out."
        )
    return redirect("partners:person", pk=post.person_id)


@get_or_post
def close_account(request: SignedInRequest, pk: int) -> HttpResponse:
    require(request.user, "people.manage_staff")
    found = get_object_or_404(Person, pk=pk)
    if request.method == "POST":
        try:
            accounts.disable(found, by=request.user)
        except AccountRefused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, f"The account of {found} is closed. They are signed out everywhere.")
        return redirect("partners:person", pk=found.pk)
    return render(request, "partners/people/close_account.html", {"found": found})


@require_POST
def open_account(request: SignedInRequest, pk: int) -> HttpResponse:
    require(request.user, "people.manage_staff")
    found = get_object_or_404(Person, pk=pk)
    accounts.enable(found, by=request.user)
    messages.success(request, f"The account of {found} is open again.")
    return redirect("partners:person", pk=found.pk)
