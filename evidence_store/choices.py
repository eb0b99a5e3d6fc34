from django.db.models import TextChoices


class Axis(TextChoices):
    EFFECT = "effect", "Overall effect"
    STRENGTH = "strength", "Strength of evidence"


class EntryStatus(TextChoices):
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    SUPERSEDED = "superseded", "Replaced"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Polarity(TextChoices):
    """Which way is good, so that green never means harm."""

    HIGHER = "higher", "More is better"
    LOWER = "lower", "Less is better"
    NEUTRAL = "neutral", "Neither"
