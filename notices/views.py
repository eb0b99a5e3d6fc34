from django.contrib.auth.decorators import login_not_required
from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from notices.actions import stop_writing_to
from notices.delivery import UNSUBSCRIBE_SALT


@csrf_exempt  # RFC 8058: the reader's mail program posts this, without a page of ours and without a cookie
@login_not_required
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    try:
        address = Signer(salt=UNSUBSCRIBE_SALT).unsign_object(token)
    except (BadSignature, ValueError) as problem:
        raise Http404 from problem
    if request.method == "POST":
        stop_writing_to(address, reason="Asked for no more announcements", by=None, only_bulk=True)
    return render(request, "notices/unsubscribe.html", {"is_done": request.method == "POST", "address": address})
