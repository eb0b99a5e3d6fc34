from django.db.models import TextChoices


class CallKind(TextChoices):
    PARTNERS = "partners", "Call for partners"
    EVALUATORS = "evaluators", "Competition for an evaluator"
    PANEL = "panel", "Tranche of the Panel of Evaluators"


class CallStatus(TextChoices):
    """Whether a published call is open follows from its moments, never from a status that a clock must set."""

    DRAFT = "draft", "Being written"
    APPROVED = "approved", "Approved"
    PUBLISHED = "published", "Published"
    ASSESSING = "assessing", "Being assessed"
    DECIDED = "decided", "Decided"
    ANNOUNCED = "announced", "Results sent"
    ARCHIVED = "archived", "Archived"
    CANCELLED = "cancelled", "Cancelled"


class PlacesUnit(TextChoices):
    ORGANISATION = "organisation", "organisations"
    AUTHORITY = "authority", "local authorities"
    SITE = "site", "sites"
    COURT_AREA = "court_area", "court areas"
    SCHOOL = "school", "schools"


class QuestionKind(TextChoices):
    LONG_TEXT = "long_text", "Several paragraphs"
    SHORT_TEXT = "short_text", "One line"
    NUMBER = "number", "A whole number"
    YES_NO = "yes_no", "Yes or no"


class ApplicationStatus(TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Submitted"
    WITHDRAWN = "withdrawn", "Withdrawn"
    INELIGIBLE = "ineligible", "Not eligible"
    ELIGIBLE = "eligible", "Being assessed"
    DECIDED = "decided", "Decided"
    TOLD = "told", "Result sent"
    ACCEPTED = "accepted", "Offer accepted"
    DECLINED = "declined", "Offer declined"


IN_ASSESSMENT = (ApplicationStatus.SUBMITTED, ApplicationStatus.ELIGIBLE, ApplicationStatus.DECIDED)
RESULT_KNOWN_TO_APPLICANT = (ApplicationStatus.TOLD, ApplicationStatus.ACCEPTED, ApplicationStatus.DECLINED)


class AssessmentStatus(TextChoices):
    ASSIGNED = "assigned", "To start"
    STARTED = "started", "Under way"
    SUBMITTED = "submitted", "Scores sent"
    CONFLICTED = "conflicted", "Conflict of interest"
    DECLINED = "declined", "Handed back"


class Outcome(TextChoices):
    OFFER = "offer", "Offer"
    RESERVE = "reserve", "Reserve"
    NO = "no", "No offer"
