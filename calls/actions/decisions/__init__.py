"""What is decided, held back, told all at once, and answered. Decided and told are two facts."""

from calls.actions.decisions.deciding import (
    decide,
    decide_not_eligible,
    finish_deciding,
    open_matters,
    return_to_deciding,
    take_decision_back,
    withdraw_decision,
)
from calls.actions.decisions.letters import (
    release_letters,
    renew_all_letters,
    renew_letters,
    set_respond_by,
    waiting_to_be_told,
)
from calls.actions.decisions.offers import (
    accept_offer,
    decline_offer,
    extend_offer,
    preview_promotion,
    promote,
    record_decline,
)
from calls.choices import DECIDABLE

__all__ = [
    "DECIDABLE",
    "accept_offer",
    "decide",
    "decide_not_eligible",
    "decline_offer",
    "extend_offer",
    "finish_deciding",
    "open_matters",
    "preview_promotion",
    "promote",
    "record_decline",
    "release_letters",
    "renew_all_letters",
    "renew_letters",
    "return_to_deciding",
    "set_respond_by",
    "take_decision_back",
    "waiting_to_be_told",
    "withdraw_decision",
]
