from django.urls import URLPattern, path

from partners.views import people

app_name = "partners"
urlpatterns: list[URLPattern] = [
    path("invitations/<str:token>/", people.invitation, name="invitation"),
    # a partner's own people
    path("workspace/people/", people.our_people, name="our_people"),
    path("workspace/people/<slug:slug>/invite/", people.invite, name="invite"),
    path("workspace/people/memberships/<int:pk>/", people.membership, name="membership"),
    path("workspace/people/memberships/<int:pk>/end/", people.end, name="end_membership"),
    path("workspace/people/invitations/<int:pk>/again/", people.invite_again, name="invite_again"),
    path("workspace/people/invitations/<int:pk>/withdraw/", people.withdraw, name="withdraw_invitation"),
    # everybody, for staff
    path("staff/people/", people.staff_people, name="staff_people"),
    path("staff/people/invite/", people.staff_invite, name="staff_invite"),
    path("staff/people/invitations/", people.staff_invitations, name="staff_invitations"),
    path("staff/people/<int:pk>/", people.person, name="person"),
    path("staff/people/<int:pk>/roles/", people.give_role, name="give_role"),
    path("staff/people/roles/<int:pk>/end/", people.end_role, name="end_role"),
    path("staff/people/<int:pk>/close/", people.close_account, name="close_account"),
    path("staff/people/<int:pk>/open/", people.open_account, name="open_account"),
]
