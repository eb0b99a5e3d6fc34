from django.db.models import TextChoices


class StaffRole(TextChoices):
    """What a member of the centre's staff may do. One person may hold several."""

    PROGRAMMES = "programmes", "Programmes"
    PRACTICE = "practice", "Practice"
    RESEARCH = "research", "Research"
    COMMUNICATIONS = "communications", "Communications"
    ADMINISTRATOR = "administrator", "Administrator"
    AUDITOR = "auditor", "Auditor (reads only)"
