"""Posts of the demonstration: one public, one approved for a later moment, one draft."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from newsroom import actions
from newsroom.choices import PostKind
from newsroom.models import Post
from people.choices import StaffRole
from people.models import Person

PUBLIC = "What a reference group changed in our next call"
LATER = "Three partners join this spring"
DRAFT = "What we got wrong about reporting, and what we do now"


@transaction.atomic
def load() -> None:
    writer = Person.objects.filter(is_demonstration=True, posts__role=StaffRole.COMMUNICATIONS).first()
    if writer is None or Post.objects.filter(title=PUBLIC).exists():
        return
    now = timezone.now()
    public = actions.write(
        title=PUBLIC,
        summary="Principal social workers read the draft criteria. Two of six changed before the call opened.",
        body="We asked before we wrote.\n\n## What changed\n\n- The weight of readiness went down, because it favoured large authorities.\n"
        "- A question about families’ own views was added.\n\nThis post is made up for the demonstration.",
        kind=PostKind.BLOG,
        author_role="Programme manager",
        by=writer,
        is_demonstration=True,
    )
    actions.approve(public, public_from=now - timedelta(days=12), seen=public.mark, by=writer)
    later = actions.write(
        title=LATER,
        summary="Under embargo: nobody outside the centre can see this before its moment.",
        body="The names appear here when the announcement is made.\n\nThis post is made up for the demonstration.",
        kind=PostKind.ANNOUNCEMENT,
        author_role="Communications",
        by=writer,
        is_demonstration=True,
    )
    actions.approve(later, public_from=now + timedelta(days=21), seen=later.mark, by=writer)
    actions.write(
        title=DRAFT,
        summary="Partners told us that reports came at the wrong time of the year.",
        body="Made up for the demonstration.",
        kind=PostKind.BLOG,
        author_role="Executive Director",
        by=writer,
        is_demonstration=True,
    )
