"""Posts: written, approved with a moment, withdrawn. The one who approves need not be the one who wrote."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from audit.actions import record
from lifecycle.actions import RecordChanged, move, one_after_the_other
from newsroom.choices import PostStatus
from newsroom.models import Post
from people.models import Person
from people.rules import require

SENT_TWICE = timedelta(minutes=1)


@transaction.atomic
def write(
    *, title: str, summary: str, body: str, kind: str, author_role: str, by: Person, is_demonstration: bool = False
) -> Post:
    """A draft. The same words sent twice, by a second click or a browser that tries again, are one post."""
    require(by, "newsroom.write_post")
    words = {"title": title, "summary": summary, "body": body, "kind": kind, "author_role": author_role}
    one_after_the_other("newsroom.write")
    just_now = timezone.now() - SENT_TWICE
    if earlier := Post.objects.filter(**words, written_by=by, created_at__gt=just_now).first():
        return earlier
    post = Post.objects.create(slug=_free_slug(title), **words, written_by=by, is_demonstration=is_demonstration)
    record("wrote a post", post, by=by)
    return post


def _free_slug(title: str) -> str:
    stem = slugify(title)[:100] or "post"
    taken = set(Post.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    return next(
        slug
        for number in range(1, len(taken) + 3)
        if (slug := stem if number == 1 else f"{stem}-{number}") not in taken
    )


@transaction.atomic
def change(
    post: Post, *, title: str, summary: str, body: str, kind: str, author_role: str, seen: str, by: Person
) -> None:
    """Change a draft. What is approved goes back to draft first, so that nobody reads words that nobody approved.

    ``seen`` is the mark of the words that the person began from: another's are not overwritten.
    """
    require(by, "newsroom.write_post", post)
    _hold(post)
    if post.status != PostStatus.DRAFT:
        raise ValidationError("Take the post back to draft before you change it. Nothing was changed.")
    if post.mark != seen:
        raise RecordChanged(post)
    post.title, post.summary, post.body, post.kind, post.author_role = title, summary, body, kind, author_role
    post.save(update_fields=["title", "summary", "body", "kind", "author_role"])
    record("changed a post", post, by=by)


def _hold(post: Post) -> None:
    """Nobody else writes it until the end of the transaction, and it is read as it is now."""
    post.refresh_from_db(from_queryset=Post.objects.select_for_update())


@transaction.atomic
def approve(post: Post, *, public_from: datetime, seen: str, by: Person) -> None:
    """Approve the words whose mark is ``seen``, and no others that somebody wrote meanwhile."""
    require(by, "newsroom.approve_post", post)
    _hold(post)
    if post.mark != seen:
        raise RecordChanged(post)
    move(post, PostStatus.APPROVED, by=by, public_from=public_from)


@transaction.atomic
def take_back(post: Post, *, by: Person) -> None:
    require(by, "newsroom.approve_post", post)
    move(post, PostStatus.DRAFT, by=by)


@transaction.atomic
def withdraw(post: Post, *, by: Person) -> None:
    require(by, "newsroom.approve_post", post)
    move(post, PostStatus.WITHDRAWN, by=by)
