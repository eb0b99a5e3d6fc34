from datetime import date

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


DECIDABLE = (CallStatus.ASSESSING, CallStatus.DECIDED)


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
OUT_OF_ASSESSMENT = (ApplicationStatus.WITHDRAWN, ApplicationStatus.INELIGIBLE)
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


# England and Wales. The years that are announced; a day after them is not known to be free.
BANK_HOLIDAYS = {
    date(2026, 12, 25): "Christmas Day",
    date(2026, 12, 28): "Boxing Day, moved",
    date(2027, 1, 1): "New Year's Day",
    date(2027, 3, 26): "Good Friday",
    date(2027, 3, 29): "Easter Monday",
    date(2027, 5, 3): "early May",
    date(2027, 5, 31): "spring",
    date(2027, 8, 30): "summer",
    date(2027, 12, 27): "Christmas Day, moved",
    date(2027, 12, 28): "Boxing Day, moved",
    date(2028, 1, 3): "New Year's Day, moved",
    date(2028, 4, 14): "Good Friday",
    date(2028, 4, 17): "Easter Monday",
    date(2028, 5, 1): "early May",
    date(2028, 5, 29): "spring",
    date(2028, 8, 28): "summer",
    date(2028, 12, 25): "Christmas Day",
    date(2028, 12, 26): "Boxing Day",
}
BANK_HOLIDAYS_KNOWN_UNTIL = date(2028, 12, 31)
