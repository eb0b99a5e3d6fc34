"""Where a person lands after signing in: the area in which their work is."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from people.requests import SignedInRequest


@require_safe
def start(request: SignedInRequest) -> HttpResponse:
    person = request.user
    if person.is_centre_staff:
        return redirect("staff_work")
    if person.memberships.current().exists():
        return redirect("workspace")
    if person.assessments.exists():
        return redirect("calls:assess")
    return redirect("home")
