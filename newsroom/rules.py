import rules

from people.rules import is_centre_staff, is_communications_staff, is_programme_staff

rules.add_perm("newsroom.see_drafts", is_centre_staff)
rules.add_perm("newsroom.write_post", is_communications_staff | is_programme_staff)
rules.add_perm("newsroom.approve_post", is_communications_staff)
