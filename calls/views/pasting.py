"""For pages on which people paste from word processors."""

from collections.abc import Callable

from django.http import HttpResponse


def takes_pasted_text(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Its forms tidy what cannot be stored, so the request is not refused for it: a refusal would lose a page of work."""
    view.tidies_its_text = True  # type: ignore[attr-defined]
    return view
