"""Who may write, publish, change and read a call."""

from typing import Any

import rules
from django.utils import timezone

from calls.choices import CallStatus
from calls.models import Call
from calls.querysets import SEEN_BY_THE_PUBLIC
from people.rules import is_centre_staff, is_programme_staff, is_signed_in


@rules.predicate
def is_public(_person: Any, call: Call | None) -> bool:
    return (
        call is not None
        and call.status in SEEN_BY_THE_PUBLIC
        and call.public_from is not None
        and call.public_from <= timezone.now()
    )


@rules.predicate
def is_being_written(_person: Any, call: Call | None) -> bool:
    """Without a call in hand the question is whether this person writes calls at all."""
    return call is None or call.status == CallStatus.DRAFT


rules.add_perm("calls.view_call", is_centre_staff | is_public)
rules.add_perm("calls.write_call", is_programme_staff & is_being_written)
rules.add_perm("calls.run_call", is_programme_staff)
rules.add_perm("calls.answer_enquiry", is_programme_staff)
rules.add_perm("calls.ask_enquiry", is_signed_in & is_public)
rules.add_perm("calls.follow_call", is_signed_in & is_public)
