import rules

from people.rules import (
    is_administrator,
    is_centre_staff,
    is_communications_staff,
    is_programme_staff,
    is_research_staff,
)

writes_letters = is_programme_staff | is_research_staff | is_communications_staff

rules.add_perm("notices.view_notice", is_centre_staff)
rules.add_perm("notices.release_notice", writes_letters)
rules.add_perm("notices.withdraw_notice", writes_letters)
rules.add_perm("notices.resend_notice", writes_letters)
rules.add_perm("notices.suppress_address", is_programme_staff | is_administrator)
rules.add_perm("notices.resume_template", is_programme_staff | is_administrator)
