from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from evidence_store.actions.search_index import reindex_all
from evidence_store.models import Entry, Rating

# Longer than any stretch for which the clock may stand still; writing a document twice harms nobody.
LOOK_BACK = timedelta(days=2)


@shared_task
def reindex_what_became_public() -> int:
    """Ratings whose moment has come make their entries findable by outcome and review."""
    ratings = Rating.objects.became_public_since(timezone.now() - LOOK_BACK)
    return reindex_all(Entry.objects.filter(pk__in=ratings.values("finding__entry")))
