"""Who may do what in the evidence store."""

from typing import Any

import rules

from evidence_store.models import Entry, Rating
from people.rules import is_communications_staff, is_research_staff


@rules.predicate
def entry_is_visible(person: Any, entry: Entry | None) -> bool:
    return entry is not None and Entry.objects.visible_to(person).filter(pk=entry.pk).exists()


@rules.predicate
def rating_is_visible(person: Any, rating: Rating | None) -> bool:
    return rating is not None and Rating.objects.visible_to(person).filter(pk=rating.pk).exists()


rules.add_perm("evidence_store.view_entry", entry_is_visible)
rules.add_perm("evidence_store.view_rating", rating_is_visible)
rules.add_perm("evidence_store.add_entry", is_research_staff)
rules.add_perm("evidence_store.change_entry", is_research_staff | is_communications_staff)
rules.add_perm("evidence_store.rate_finding", is_research_staff)
rules.add_perm("evidence_store.publish_entry", is_research_staff | is_communications_staff)
rules.add_perm("evidence_store.withdraw_entry", is_research_staff)
