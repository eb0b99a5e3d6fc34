from django.db.models import TextChoices


class OrganisationKind(TextChoices):
    LOCAL_AUTHORITY = "local_authority", "Local authority"
    CHILDRENS_TRUST = "childrens_trust", "Children's trust"
    CHARITY = "charity", "Charity"
    ADOPTION_AGENCY = "adoption_agency", "Voluntary adoption agency"
    CONSORTIUM = "consortium", "Consortium"
    COMBINED_AUTHORITY = "combined_authority", "Combined authority"
    DELIVERY = "delivery", "Delivery partner"
    UNIVERSITY = "university", "University or research institute"
    RESEARCH = "research", "Research organisation"
    GOVERNMENT = "government", "Government department"
    INSPECTORATE = "inspectorate", "Inspectorate"
    PROFESSIONAL_BODY = "professional_body", "Professional or representative body"
    WHAT_WORKS_CENTRE = "what_works_centre", "What Works centre"
    CENTRE = "centre", "The centre itself"
    OTHER = "other", "Other"


APPLICANT_KINDS = (
    OrganisationKind.LOCAL_AUTHORITY,
    OrganisationKind.CHILDRENS_TRUST,
    OrganisationKind.CHARITY,
    OrganisationKind.ADOPTION_AGENCY,
    OrganisationKind.CONSORTIUM,
    OrganisationKind.COMBINED_AUTHORITY,
)


class Region(TextChoices):
    NORTH_EAST = "E12000001", "North East"
    NORTH_WEST = "E12000002", "North West"
    YORKSHIRE = "E12000003", "Yorkshire and the Humber"
    EAST_MIDLANDS = "E12000004", "East Midlands"
    WEST_MIDLANDS = "E12000005", "West Midlands"
    EAST = "E12000006", "East of England"
    LONDON = "E12000007", "London"
    SOUTH_EAST = "E12000008", "South East"
    SOUTH_WEST = "E12000009", "South West"


class AuthorityType(TextChoices):
    COUNTY = "county", "County council"
    UNITARY = "unitary", "Unitary authority"
    METROPOLITAN = "metropolitan", "Metropolitan district"
    LONDON_BOROUGH = "london_borough", "London borough"
    SUI_GENERIS = "sui_generis", "City of London or Isles of Scilly"


class NameKind(TextChoices):
    SHORT = "short", "Short name"
    OFFICIAL = "official", "Official name"
    ALIAS = "alias", "Also known as"


class CodeScheme(TextChoices):
    ONS = "ons", "ONS code"
    DFE = "dfe", "DfE number"


class Grade(TextChoices):
    """Ofsted's words; ILACS gave an overall grade until April 2026."""

    OUTSTANDING = "outstanding", "Outstanding"
    GOOD = "good", "Good"
    REQUIRES_IMPROVEMENT = "requires_improvement", "Requires improvement to be good"
    INADEQUATE = "inadequate", "Inadequate"
    NOT_JUDGED = "not_judged", "Not judged"


class MembershipRole(TextChoices):
    """What a person may do for their organisation. A lead may also do all that the others may."""

    LEAD = "lead", "Lead (submits, signs, invites)"
    EDITOR = "editor", "Editor (writes applications and reports)"
    DATA = "data", "Data (writes returns)"
    READER = "reader", "Reader"


class InvitationPurpose(TextChoices):
    MEMBER = "member", "Join an organisation"
    STAFF = "staff", "Join the centre's staff"
    ASSESSOR = "assessor", "Assess applications"


class AgreementKind(TextChoices):
    MEMORANDUM = "memorandum", "Memorandum of understanding"
    CONTRACT = "contract", "Contract"
    DATA_SHARING = "data_sharing", "Data sharing agreement"


class AgreementStatus(TextChoices):
    DRAFTED = "drafted", "Being drafted"
    ISSUED = "issued", "Sent for signature"
    SIGNED = "signed", "Signed"
    ENDED = "ended", "Ended"


class GroupKind(TextChoices):
    ADVISORY = "advisory", "Advisory group"
    PANEL = "panel", "Panel of suppliers"
    GOVERNANCE = "governance", "Governance"
    NETWORK = "network", "Network"
    OTHER = "other", "Other"
