from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import condition, require_POST, require_safe

from lifecycle.actions import RecordChanged
from newsroom import actions
from newsroom.feed import fingerprint, items
from newsroom.forms import ApproveForm, PostForm
from newsroom.models import Post
from people.requests import SignedInRequest
from people.rules import require

ON_A_PAGE = 25


@login_not_required
@require_safe
def news(request: HttpRequest) -> HttpResponse:
    posts = Post.objects.visible_to(AnonymousUser()).order_by("-public_from", "-pk")
    return render(
        request, "newsroom/news.html", {"page": Paginator(posts, ON_A_PAGE).get_page(request.GET.get("page"))}
    )


@login_not_required
@require_safe
def post(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Post.objects.visible_to(request.user), slug=slug)
    context = {
        "post": found,
        "may_write": request.user.has_perm("newsroom.write_post", found),
        "may_approve": request.user.has_perm("newsroom.approve_post", found),
    }
    return render(request, "newsroom/post.html", context)


def _etag(request: HttpRequest) -> str:
    request.feed_items = items()  # type: ignore[attr-defined]
    return f'"{fingerprint(request.feed_items)}"'  # type: ignore[attr-defined]


@login_not_required
@require_safe
@condition(etag_func=_etag)
def feed(request: HttpRequest) -> HttpResponse:
    """Atom: everything that became public, newest first."""
    found = request.feed_items  # type: ignore[attr-defined]
    atom = Atom1Feed(
        title="What became public: WWCSC portal",
        link=settings.PORTAL_ADDRESS + "/",
        description="Posts, partners, calls, evaluations and ratings as they become public.",
        feed_url=settings.PORTAL_ADDRESS + request.path,
        feed_guid=f"tag:{settings.MAIL_DOMAIN},2026:feed",
        author_name="The centre",
    )
    for item in found:
        atom.add_item(
            title=f"Demonstration: {item.title}" if item.is_demonstration else item.title,
            link=item.address,
            description=item.summary,
            pubdate=item.at,
            updateddate=item.at,
            unique_id=f"tag:{settings.MAIL_DOMAIN},2026:{item.key}",
        )
    response = HttpResponse(content_type="application/atom+xml; charset=utf-8")
    atom.write(response, "utf-8")
    return response


@require_safe
def staff_posts(request: SignedInRequest) -> HttpResponse:
    require(request.user, "newsroom.see_drafts")
    posts = Post.objects.visible_to(request.user).order_by("-created_at", "-pk")
    return render(
        request, "newsroom/staff_posts.html", {"page": Paginator(posts, ON_A_PAGE).get_page(request.GET.get("page"))}
    )


def write(request: SignedInRequest) -> HttpResponse:
    require(request.user, "newsroom.write_post")
    form = PostForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        words = {name: form.cleaned_data[name] for name in Post.WORDS}
        written = actions.write(**words, by=request.user)
        messages.success(request, "Saved as a draft. Nobody outside the centre can see it.")
        return redirect(written)
    return render(request, "newsroom/write.html", {"form": form, "title": "Write a post"})


def _show_what_changed(form: Form, post: Post) -> None:
    """What was typed comes back. The page is a fresh one: sending it again is a decision."""
    sent: Any = form.data.copy()  # type: ignore[attr-defined]
    sent["seen"] = post.mark
    form.data = sent
    form.add_error(
        None, "Somebody else changed this post after you opened the page. Look at it as it is now, then send again."
    )


def change(request: SignedInRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Post.objects.visible_to(request.user), slug=slug)
    require(request.user, "newsroom.write_post", found)
    begun_from = {name: getattr(found, name) for name in Post.WORDS} | {"seen": found.mark}
    form = PostForm(request.POST or None, initial=begun_from)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change(found, **form.cleaned_data, by=request.user)
        except ValidationError as refused:
            form.add_error(None, refused)
        except RecordChanged:
            _show_what_changed(form, found)
        else:
            messages.success(request, "Saved.")
            return redirect(found)
    return render(request, "newsroom/write.html", {"form": form, "title": "Change the post", "post": found})


def approve(request: SignedInRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Post.objects.visible_to(request.user), slug=slug)
    require(request.user, "newsroom.approve_post", found)
    form = ApproveForm(request.POST or None, initial={"seen": found.mark})
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        try:
            actions.approve(found, public_from=typed["moment"], seen=typed["seen"], by=request.user)
        except RecordChanged:
            _show_what_changed(form, found)
        else:
            messages.success(request, "Approved. It is public from the moment you set.")
            return redirect(found)
    context = {"form": form, "title": "Approve the post", "post": found, "is_approved_as": found}
    return render(request, "newsroom/write.html", context)


@require_POST
def take_back(request: SignedInRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Post.objects.visible_to(request.user), slug=slug)
    actions.take_back(found, by=request.user)
    messages.success(request, "It is a draft again, and not public.")
    return redirect(found)


@require_POST
def withdraw(request: SignedInRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Post.objects.visible_to(request.user), slug=slug)
    actions.withdraw(found, by=request.user)
    messages.success(request, "Withdrawn. It is not public any more.")
    return redirect(found)
