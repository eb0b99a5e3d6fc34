"""Posts: written, approved with a moment, withdrawn. The one who approves need not be the one who wrote."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from audit.actions import record
from lifecycle.actions import move
from newsroom.choices import PostStatus
from newsroom.models import Post
from people.models import Person
from people.rules import require


@transaction.atomic
def write(
    *, title: str, summary: str, body: str, kind: str, author_role: str, by: Person, is_demonstration: bool = False
) -> Post:
    require(by, "newsroom.write_post")
    post = Post.objects.create(
        slug=_free_slug(title),
        title=title,
        summary=summary,
        body=body,
        kind=kind,
        author_role=author_role,
        written_by=by,
        is_demonstration=is_demonstration,
    )
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
def change(post: Post, *, title: str, summary: str, body: str, kind: str, author_role: str, by: Person) -> None:
    """Change a draft. What is approved goes back to draft first, so that nobody reads words that nobody approved."""
    require(by, "newsroom.write_post", post)
    if post.status != PostStatus.DRAFT:
        raise ValidationError("Take the post back to draft before you change it. Nothing was changed.")
    post.title, post.summary, post.body, post.kind, post.author_role = title, summary, body, kind, author_role
    post.save(update_fields=["title", "summary", "body", "kind", "author_role"])
    record("changed a post", post, by=by)


@transaction.atomic
def approve(post: Post, *, public_from: datetime, by: Person) -> None:
    require(by, "newsroom.approve_post", post)
    move(post, PostStatus.APPROVED, by=by, public_from=public_from)


@transaction.atomic
def take_back(post: Post, *, by: Person) -> None:
    require(by, "newsroom.approve_post", post)
    move(post, PostStatus.DRAFT, by=by)


@transaction.atomic
def withdraw(post: Post, *, by: Person) -> None:
    require(by, "newsroom.approve_post", post)
    move(post, PostStatus.WITHDRAWN, by=by)
