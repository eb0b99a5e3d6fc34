from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from partners.choices import InvitationPurpose, MembershipRole
from partners.models import Organisation
from people.choices import StaffRole
from people.models import Person

ROLE_HELP = "A lead submits, signs and invites. An editor writes applications and reports. Data writes returns. A reader only reads."


class InviteForm(forms.Form):
    """A colleague of one organisation."""

    email = forms.EmailField(
        label="E-mail address", max_length=254, help_text="Their work address. The invitation is sent there."
    )
    role = forms.ChoiceField(label="What may they do?", choices=MembershipRole.choices, widget=forms.RadioSelect)


class RoleForm(forms.Form):
    role = forms.ChoiceField(label="What may they do?", choices=MembershipRole.choices, widget=forms.RadioSelect)


class StaffInviteForm(forms.Form):
    """Anybody, by staff: a colleague, an assessor, or somebody who acts for an organisation."""

    purpose = forms.ChoiceField(label="What for?", choices=InvitationPurpose.choices, widget=forms.RadioSelect)
    email = forms.EmailField(label="E-mail address", max_length=254, help_text="The invitation is sent there.")
    organisation = forms.ModelChoiceField(
        label="Organisation",
        queryset=Organisation.objects.none(),
        required=False,
        empty_label="Choose one",
        help_text="Only for somebody who joins an organisation.",
    )
    role = forms.ChoiceField(
        label="Role in the organisation",
        choices=[("", "Choose one"), *MembershipRole.choices],
        required=False,
        help_text=ROLE_HELP,
    )
    staff_role = forms.ChoiceField(
        label="Staff role",
        choices=[("", "Choose one"), *StaffRole.choices],
        required=False,
        help_text="Only for our own staff.",
    )

    def __init__(self, *args: Any, purposes: Collection[str], **kwargs: Any) -> None:
        """``purposes`` are those for which this person may invite; no other is offered."""
        super().__init__(*args, **kwargs)
        offered = [choice for choice in InvitationPurpose.choices if choice[0] in purposes]
        self.fields["purpose"].choices = offered  # type: ignore[attr-defined]
        self.fields["organisation"].queryset = Organisation.objects.able_to_apply().order_by("name")  # type: ignore[attr-defined]
        for name, purpose in (("organisation", "member"), ("role", "member"), ("staff_role", "staff")):
            if purpose not in purposes:
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        needed: dict[str, tuple[str, ...]] = {
            InvitationPurpose.MEMBER: ("organisation", "role"),
            InvitationPurpose.STAFF: ("staff_role",),
        }
        for name in needed.get(str(cleaned.get("purpose")), ()):
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, f"Choose the {str(self.fields[name].label).lower()}.")
        return cleaned


class StaffRoleForm(forms.Form):
    role = forms.ChoiceField(label="Staff role", choices=StaffRole.choices)


class AcceptForm(forms.Form):
    """What a new person tells us when they take up an invitation."""

    job_title = forms.CharField(
        label="Your role",
        max_length=150,
        help_text="As your organisation calls it, such as Head of service, children in care.",
    )
    name = forms.CharField(label="Your name", max_length=150)
    password = forms.CharField(
        label="Choose a password",
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. Three or four words that belong to no sentence work well. You can also sign in with a code by e-mail.",
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        self.email = email
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("password"):
            try:
                validate_password(cleaned["password"], Person(email=self.email, name=cleaned.get("name", "")))
            except ValidationError as problem:
                self.add_error("password", problem)
        return cleaned


class FindPeopleForm(forms.Form):
    KINDS = (
        ("", "Everybody"),
        ("staff", "Staff"),
        ("partners", "People of partners"),
        ("others", "Assessors and others"),
        ("closed", "Closed accounts"),
    )

    q = forms.CharField(label="Name, role, address or organisation", required=False, max_length=150)
    kind = forms.ChoiceField(label="Who", choices=KINDS, required=False)
