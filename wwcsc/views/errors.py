from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page was open too long, or cookies are off. Nothing was saved, and the page says how to go on."""
    return render(request, "errors/403_csrf.html", {"reason": reason}, status=403)
