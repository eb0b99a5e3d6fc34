"""People who exist only in the demonstration, with a role each. Their addresses are in a domain that can never receive mail."""

from datetime import date
from typing import Any

from django.db import transaction

from partners.choices import MembershipRole
from partners.models import Membership, Organisation
from people.choices import StaffRole
from people.models import Person, Post

PASSWORD = "demonstration-2019"  # noqa: S105 - printed on the sign-in page of every demonstration
HERE_SINCE = date(2025, 9, 1)

# Address before the @, name, job title, staff role, what to try.
STAFF = (
    (
        "programmes",
        "Ruth Adeyemi",
        "Programme manager",
        StaffRole.PROGRAMMES,
        "Open a call, read the board, release letters, chase reports",
    ),
    (
        "research",
        "Tomasz Wrona",
        "Senior researcher",
        StaffRole.RESEARCH,
        "Register an evaluation, publish a protocol, rate the evidence",
    ),
    (
        "communications",
        "Grace Liu",
        "Communications manager",
        StaffRole.COMMUNICATIONS,
        "Announce a partnership under embargo, write news",
    ),
    (
        "administrator",
        "Sam Okafor",
        "Portal administrator",
        StaffRole.ADMINISTRATOR,
        "Manage staff and people, read the mail, open the back room",
    ),
)

# Address, name, job title, organisation, role, what to try.
PARTNERS = (
    (
        "lead.barnsley",
        "Helen Marsh",
        "Head of service, children in care",
        "barnsley",
        MembershipRole.LEAD,
        "See what is due, submit an application, invite colleagues",
    ),
    (
        "editor.barnsley",
        "Dev Patel",
        "Service development officer",
        "barnsley",
        MembershipRole.EDITOR,
        "Draft an application with the lead",
    ),
    (
        "data.barnsley",
        "Ewa Nowak",
        "Performance and data analyst",
        "barnsley",
        MembershipRole.DATA,
        "Prepare a data return",
    ),
    (
        "lead.warrington",
        "Colin Pryce",
        "Assistant director, children’s services",
        "warrington",
        MembershipRole.LEAD,
        "Answer an offer, sign an agreement",
    ),
    (
        "editor.warrington",
        "Farah Aziz",
        "Practice improvement lead",
        "warrington",
        MembershipRole.EDITOR,
        "Write a progress report",
    ),
    ("data.warrington", "Joe Lister", "Data manager", "warrington", MembershipRole.DATA, ""),
    (
        "lead.greenwich",
        "Naomi Osei",
        "Principal social worker",
        "greenwich",
        MembershipRole.LEAD,
        "Apply to an open call",
    ),
    ("editor.greenwich", "Piotr Zielinski", "Programme officer", "greenwich", MembershipRole.EDITOR, ""),
    ("data.greenwich", "Mary Doyle", "Research and insight officer", "greenwich", MembershipRole.DATA, ""),
    (
        "lead.wigan",
        "Anita Rao",
        "Service director, early help",
        "wigan",
        MembershipRole.LEAD,
        "See a partnership that owes a report",
    ),
    ("editor.wigan", "Owen Hughes", "Team manager", "wigan", MembershipRole.EDITOR, ""),
    ("data.wigan", "Leila Haddad", "Business intelligence analyst", "wigan", MembershipRole.DATA, ""),
    (
        "lead.childrens-society",
        "Marcus Bell",
        "Head of practice",
        "the-childrens-society",
        MembershipRole.LEAD,
        "See the portal as a charity that works with authorities",
    ),
)

# Address, name, job title.
ASSESSORS = (
    ("assessor.one", "Beatrice Lowe", "Former director of children’s services"),
    ("assessor.two", "Imran Shah", "Professor of social work"),
    ("assessor.three", "Katie Flynn", "Care-experienced adviser"),
)
TO_ASSESS = "Score applications, blind to the other assessor until both are in"


def _address(name: str) -> str:
    return f"{name}@demo.example"


def _shown_on_the_sign_in_page() -> list[dict[str, str]]:
    rows = [(f"Staff: {StaffRole(role).label.lower()}", address, hint) for address, _, _, role, hint in STAFF]
    rows += [
        (
            f"Partner: {MembershipRole(role).label.partition(' (')[0].lower()}, {slug.replace('-', ' ').title()}",
            address,
            hint,
        )
        for address, _, _, slug, role, hint in PARTNERS
        if hint
    ]
    rows += [(f"Assessor {number}", address, TO_ASSESS) for number, (address, _, _) in enumerate(ASSESSORS, start=1)]
    return [
        {"role": role, "email": _address(address), "password": PASSWORD, "try": hint} for role, address, hint in rows
    ]


SIGN_INS = _shown_on_the_sign_in_page()


@transaction.atomic
def load() -> None:
    """Everybody above, once. A second run leaves passwords and roles as people have changed them."""
    for address, name, job_title, role, _ in STAFF:
        person, is_new = _person(address, name, job_title, is_staff=role == StaffRole.ADMINISTRATOR)
        if is_new:
            Post.objects.create(person=person, role=role, starts_on=HERE_SINCE)
    for address, name, job_title, slug, belongs_as, _ in PARTNERS:
        person, is_new = _person(address, name, job_title)
        if is_new:
            Membership.objects.create(
                person=person, organisation=_organisation(slug), role=belongs_as, starts_on=HERE_SINCE
            )
    for address, name, job_title in ASSESSORS:
        _person(address, name, job_title)


def _person(address: str, name: str, job_title: str, *, is_staff: bool = False) -> tuple[Any, bool]:
    email = _address(address)
    already = Person.objects.filter(email=email).first()
    if already is not None:
        return already, False
    told: dict[str, Any] = {"name": name, "job_title": job_title, "is_demonstration": True}
    # Somebody has to open every record in the back room, and there is no other way in.
    person: Any = Person.objects.create_user(email, PASSWORD, is_staff=is_staff, is_superuser=is_staff, **told)
    person.emailaddress_set.create(email=email, verified=True, primary=True)
    return person, True


def _organisation(slug: str) -> Organisation:
    organisation = Organisation.objects.filter(slug=slug).first()
    if organisation is None:
        raise LookupError(f"There is no organisation “{slug}”. Load the facts first: manage.py load_facts")
    return organisation
