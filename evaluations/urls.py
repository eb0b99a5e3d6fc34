from django.urls import path

from evaluations.views import public, staff

app_name = "evaluations"
urlpatterns = [
    path("evaluations/promises/", public.promises, name="promises"),
    path("staff/evaluations/", staff.board, name="board"),
    path("staff/evaluations/new/", staff.new, name="new"),
    path("staff/evaluations/new/<int:partnership>/", staff.new, name="new_from_partnership"),
    path("staff/evaluations/<int:pk>/", staff.manage, name="manage"),
    path("staff/evaluations/<int:pk>/edit/", staff.edit, name="edit"),
    path("staff/evaluations/<int:pk>/move/", staff.move, name="move"),
    path("staff/evaluations/<int:pk>/publish/", staff.publish, name="publish"),
    path("staff/evaluations/<int:pk>/protocol/", staff.protocol, name="protocol"),
    path("staff/evaluations/protocols/<int:pk>/<slug:verb>/", staff.move_protocol, name="move_protocol"),
    path("staff/evaluations/<int:pk>/<slug:kind>/add/", staff.part, name="add_part"),
    path("staff/evaluations/<int:pk>/<slug:kind>/<int:part>/", staff.part, name="part"),
]
