from django.urls import path, re_path

from evidence_store.views import machine, public, staff

app_name = "evidence_store"
urlpatterns = [
    path("evidence/", public.search_page, name="search"),
    path("evidence/how-we-rate/", public.how_we_rate, name="how_we_rate"),
    path("evidence/feed/", machine.feed, name="feed"),
    path("evidence/data.csv", machine.data_csv, name="data_csv"),
    path("evidence/data.json", machine.data_json, name="data_json"),
    # Addresses of the store that came before this one.
    re_path(r"^evidence/evidence-store/intervention/(?P<slug>[-\w]+)/?$", public.former_address, name="former_entry"),
    re_path(r"^interventions/(?P<number>\d{1,9})/?$", public.former_address, name="former_number"),
    path("evidence/<slug:slug>/", public.entry, name="entry"),
    path("evidence/<slug:slug>/citation.<slug:form>", machine.citation, name="citation"),
    path("staff/evidence/", staff.board, name="board"),
    path("staff/evidence/new/", staff.new, name="new"),
    path("staff/evidence/outcomes/new/", staff.new_outcome, name="new_outcome"),
    path("staff/evidence/<int:pk>/", staff.manage, name="manage"),
    path("staff/evidence/<int:pk>/edit/", staff.edit, name="edit"),
    path("staff/evidence/<int:pk>/address/", staff.rename, name="rename"),
    path("staff/evidence/<int:pk>/finding/", staff.add_finding, name="add_finding"),
    path("staff/evidence/<int:pk>/publish/", staff.publish, name="publish"),
    path("staff/evidence/<int:pk>/replace/", staff.supersede, name="supersede"),
    path("staff/evidence/<int:pk>/withdraw/", staff.withdraw, name="withdraw"),
    path("staff/evidence/findings/<int:pk>/rate/", staff.rate, name="rate"),
    path("staff/evidence/ratings/<int:pk>/release/", staff.release, name="release"),
]
