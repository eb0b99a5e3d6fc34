"""The portal's addresses and one more: a view that does nothing, through the same middleware, the floor of every page."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


@login_not_required
def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse("nothing")


urlpatterns = [path("floor/", nothing), path("", include("wwcsc.urls"))]
