from django.db.models import TextChoices


class Design(TextChoices):
    RCT = "rct", "Randomised controlled trial"
    CLUSTER_RCT = "cluster_rct", "Cluster randomised trial"
    STEPPED_WEDGE = "stepped_wedge", "Stepped-wedge cluster randomised trial"
    QED = "qed", "Quasi-experimental evaluation"
    PILOT = "pilot", "Pilot and feasibility study"
    MIXED = "mixed", "Mixed-methods evaluation"
    PROCESS = "process", "Implementation and process evaluation"
    SELF = "self", "Supported self-evaluation"
    REVIEW = "review", "Systematic or rapid review"
    OTHER = "other", "Other"


TRIALS = (Design.RCT, Design.CLUSTER_RCT, Design.STEPPED_WEDGE)


class Stage(TextChoices):
    SCOPING = "scoping", "Scoping"
    SET_UP = "set_up", "Set-up"
    RECRUITING = "recruiting", "Recruiting"
    IN_THE_FIELD = "in_the_field", "In the field"
    ANALYSIS = "analysis", "Analysis"
    REPORTING = "reporting", "Reporting"
    PUBLISHED = "published", "Published"
    PAUSED = "paused", "Paused"
    STOPPED = "stopped", "Stopped"


OVER = (Stage.PUBLISHED, Stage.STOPPED)
NEEDS_A_PROTOCOL = (Stage.RECRUITING, Stage.IN_THE_FIELD)


class Independence(TextChoices):
    INDEPENDENT = "independent", "Independent evaluator"
    IN_HOUSE = "in_house", "In-house: done by the centre itself"
    SELF = "self", "Self-evaluation by the partner, supported by the centre"
    UNKNOWN = "unknown", "Not known"


class EvaluatorRole(TextChoices):
    LEAD = "lead", "Lead evaluator"
    MEMBER = "member", "Member of the team"


class MilestoneKind(TextChoices):
    PROTOCOL = "protocol", "Protocol published"
    START = "start", "Start"
    RECRUITMENT = "recruitment", "Recruitment ends"
    FIELDWORK = "fieldwork", "Fieldwork ends"
    ANALYSIS = "analysis", "Analysis ends"
    INTERIM = "interim", "Interim report"
    REPORT = "report", "Final report"
    DATA = "data", "Data archived"


class ProtocolStatus(TextChoices):
    DRAFT = "draft", "Draft"
    APPROVED = "approved", "Approved"
    PUBLISHED = "published", "Published"
    SUPERSEDED = "superseded", "Replaced by a later version"


class OutputKind(TextChoices):
    PROTOCOL = "protocol", "Protocol"
    INTERIM = "interim", "Interim report"
    FINAL = "final", "Final report"
    SUMMARY = "summary", "Summary"
    DATA = "data", "Data"


class DutyKind(TextChoices):
    REGISTRATION = "registration", "Registration"
    PROTOCOL = "protocol", "Protocol"
    INTERIM = "interim", "Interim report"
    FINAL = "final", "Final report"
    DATA = "data", "Data archive"


class LateReason(TextChoices):
    SIGN_OFF = "sign_off", "Waiting for sign-off"
    PROCUREMENT = "procurement", "Procurement took longer"
    RESOURCES = "resources", "Too few people or too little money"
    QUALITY = "quality", "More work needed on quality"
    POLICY = "policy", "The policy or programme changed"
    PANDEMIC = "pandemic", "Covid-19"
    OTHER = "other", "Other"


class DutyState(TextChoices):
    """Follows from dates; never stored, so that no clock has to set it."""

    KEPT = "kept", "Done"
    KEPT_LATE = "kept_late", "Done late"
    LATE = "late", "Late"
    DUE = "due", "Due"
    UNDATED = "undated", "No date promised yet"
