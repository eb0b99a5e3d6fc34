"""Words about records in every app. They sit on top of all of them.

The portal cannot tell what a post speaks of: whoever approves it sees to it that no embargo ends by it.
"""

from hashlib import sha256

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from newsroom.choices import PostKind, PostStatus
from newsroom.querysets import PostQuerySet
from programmes.models import Programme


@pghistory.track()
class Post(models.Model):
    WORDS = ("title", "kind", "summary", "body", "author_role")
    MOVES = {
        PostStatus.DRAFT: {PostStatus.APPROVED, PostStatus.WITHDRAWN},
        PostStatus.APPROVED: {PostStatus.DRAFT, PostStatus.WITHDRAWN},
    }

    slug = models.SlugField(max_length=120, unique=True)
    kind = models.CharField(max_length=12, choices=PostKind.choices, default=PostKind.NEWS)
    title = models.CharField(max_length=200)
    summary = models.CharField(max_length=300)
    body = models.TextField(help_text="Markdown.")
    author_role = models.CharField(max_length=150, blank=True)
    status = models.CharField(max_length=10, choices=PostStatus.choices, default=PostStatus.DRAFT)
    public_from = models.DateTimeField(null=True, blank=True)
    programmes = models.ManyToManyField(Programme, blank=True, related_name="posts")
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    is_demonstration = models.BooleanField(default=False)

    objects = PostQuerySet.as_manager()

    class Meta:
        ordering = ("-public_from", "-pk")
        constraints = [
            models.CheckConstraint(name="post_known_kind", condition=Q(kind__in=PostKind.values)),
            models.CheckConstraint(name="post_known_status", condition=Q(status__in=PostStatus.values)),
            models.CheckConstraint(
                name="post_approved_has_a_moment", condition=~Q(status="approved") | Q(public_from__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("newsroom:post", args=[self.slug])

    @property
    def mark(self) -> str:
        """Stands for the words, so that a page that was drawn before somebody changed them is noticed."""
        return sha256(repr([str(getattr(self, name)) for name in self.WORDS]).encode()).hexdigest()[:20]
