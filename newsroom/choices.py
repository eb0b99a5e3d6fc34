from django.db.models import TextChoices


class PostKind(TextChoices):
    NEWS = "news", "News"
    BLOG = "blog", "Blog"
    ANNOUNCEMENT = "announcement", "Announcement"


class PostStatus(TextChoices):
    DRAFT = "draft", "Draft"
    APPROVED = "approved", "Approved"
    WITHDRAWN = "withdrawn", "Withdrawn"
