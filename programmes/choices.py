from django.db.models import TextChoices


class Precision(TextChoices):
    """How exactly a date is known. The day stored is the first day of the period."""

    DAY = "day", "Day"
    MONTH = "month", "Month"
    SEASON = "season", "Season"
    YEAR = "year", "Year"


class ProgrammeKind(TextChoices):
    PROGRAMME = "programme", "Programme"
    WAVE = "wave", "Partnership wave"
    INITIATIVE = "initiative", "Initiative"
    PRODUCT = "product", "Product"


class ProgrammeStatus(TextChoices):
    EXPLORING = "exploring", "Being explored"
    ANNOUNCED = "announced", "Announced"
    ACTIVE = "active", "Under way"
    COMPLETED = "completed", "Completed"
    STOPPED = "stopped", "Stopped"


class ProgrammeRole(TextChoices):
    FUNDER = "funder", "Funder"
    DELIVERY = "delivery", "Delivery partner"
    DEVELOPER = "developer", "Developer of the model"
    EVALUATOR = "evaluator", "Evaluator"
    SUPPORT = "support", "Support"
    RESEARCH = "research", "Research partner"


class PartnershipRole(TextChoices):
    PARTNER = "partner", "Partner"
    CO_DESIGN = "co_design", "Co-designs and tests tools"
    EVIDENCE = "evidence", "Generates new evidence"
    REFERENCE = "reference", "Reference partner"
    TRAILBLAZER = "trailblazer", "Trailblazer"
    TRIAL = "trial", "Takes part in the trial"
    DEVELOPER = "developer", "Developed the model"


class PartnershipStatus(TextChoices):
    PROPOSED = "proposed", "Offer accepted"
    AGREED = "agreed", "Agreed in principle"
    ISSUED = "issued", "Agreement issued"
    SIGNED = "signed", "Agreement signed"
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    WITHDRAWN = "withdrawn", "Partner withdrew"
    ENDED = "ended", "Ended by the centre"


RUNNING = (
    PartnershipStatus.PROPOSED,
    PartnershipStatus.AGREED,
    PartnershipStatus.ISSUED,
    PartnershipStatus.SIGNED,
    PartnershipStatus.ACTIVE,
    PartnershipStatus.PAUSED,
)
LEFT = (PartnershipStatus.WITHDRAWN, PartnershipStatus.ENDED)


class ObligationKind(TextChoices):
    AGREEMENT = "agreement", "Sign the agreement"
    DATA_SHARING = "data_sharing", "Sign the data sharing agreement"
    IMPACT_ASSESSMENT = "impact_assessment", "Data protection impact assessment"
    PROGRESS_REPORT = "progress_report", "Progress report"
    FINAL_REPORT = "final_report", "End-of-project report"
    RETURN = "return", "Data return"
    FACT_CHECK = "fact_check", "Fact-check of a draft report"
    OTHER = "other", "Other"


REPORTS = (ObligationKind.PROGRESS_REPORT, ObligationKind.FINAL_REPORT)


class ObligationStatus(TextChoices):
    OWED = "owed", "To do"
    RECEIVED = "received", "Received"
    QUERIED = "queried", "Question asked"
    ACCEPTED = "accepted", "Accepted"
    WAIVED = "waived", "Not needed any more"


OUTSTANDING = (ObligationStatus.OWED, ObligationStatus.QUERIED)
