"""What a status means to a reader. Colour follows meaning, so the same colour says the same thing everywhere."""

QUIET = "draft drafted idea archived not_started none expired left superseded ineligible told not_submitted optional retired"
ACTIVE = (
    "open active scheduled signed in_the_field in_progress assessing scoring recruiting consulting analysis set_up scoping "
    "reporting sent approved agreed_in_principle contract_issued queued sending announced eligible appointed registered running"
)
GOOD = (
    "done completed complete published accepted received submitted delivered offer offered decided shortlisted moderated "
    "met kept answered closed_well yes verified appointed_panel resolved"
)
WAITING = (
    "due waiting extended held reserve proposed invited in_review changes_asked queried acknowledged pending embargoed "
    "awaiting to_do due_soon with_owner brief_drafted bids_closed eoi_closed paused partly"
)
LATE = "late overdue stopped cancelled bounced dead withdrawn_late error not_kept missed no declined withdrawn suspended suppressed"
SPECIAL = "demonstration new"
CLOSED = "closed ended ended_by_centre lapsed"

MEANINGS: dict[str, str] = {
    status: meaning
    for meaning, words in (
        ("quiet", QUIET),
        ("active", ACTIVE),
        ("good", GOOD),
        ("waiting", WAITING),
        ("late", LATE),
        ("special", SPECIAL),
        ("closed", CLOSED),
    )
    for status in words.split()
}


def meaning_of(status: str) -> str:
    """One of quiet, active, good, waiting, late, special, closed. A status nobody told us about is quiet."""
    return MEANINGS.get(status.lower().replace("-", "_").replace(" ", "_"), "quiet")
