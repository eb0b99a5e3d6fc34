from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from people import actions
from people.forms import DetailsForm
from people.models import Person
from people.requests import SignedInRequest


@require_http_methods(["GET", "HEAD", "POST"])
def details(request: SignedInRequest) -> HttpResponse:
    # A copy, because a form writes what was typed onto its record even when it is refused.
    person = Person.objects.get(pk=request.user.pk)
    form = DetailsForm(request.POST if request.method == "POST" else None, instance=person)
    if request.method == "POST" and form.is_valid():
        actions.change_details(request.user, by=request.user, **form.cleaned_data)
        messages.success(request, "Your details are saved.")
        return redirect("people:details")
    return render(request, "people/details.html", {"form": form})
