"""Settings of the measured server: the portal's own, with a view that does nothing and a count of queries."""

import os
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

from wwcsc.settings import *  # noqa: F403
from wwcsc.settings import MIDDLEWARE

ROOT_URLCONF = "benchmarks.floor_urls"
MIDDLEWARE = ["benchmarks.floor.CountQueries", *MIDDLEWARE]
ALLOWED_HOSTS = ["127.0.0.1"]
LOGGING_CONFIG = None
STATIC_ROOT = os.environ.get("STATIC_ROOT", "")


class CountQueries:
    """Says in a header how many statements a page cost."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        count = 0

        def counted(execute: Callable[..., Any], *args: Any) -> Any:
            nonlocal count
            count += 1
            return execute(*args)

        with connection.execute_wrapper(counted):
            response = self.get_response(request)
        response["X-Queries"] = str(count)
        return response
