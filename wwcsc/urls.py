"""Every address of the portal. Apps list whole paths, so that the public, workspace and staff areas can be read here and there."""

from django.contrib import admin
from django.urls import include, path

from wwcsc.views.about_data import about_data
from wwcsc.views.caught_mail import caught_mail, caught_message, caught_message_html
from wwcsc.views.health import healthz
from wwcsc.views.home import about, accessibility, home, licences, privacy
from wwcsc.views.public_partners import partner, partners
from wwcsc.views.public_programmes import programme, programmes
from wwcsc.views.register import evaluation, register, register_csv
from wwcsc.views.staff_work import staff_work
from wwcsc.views.start import start
from wwcsc.views.style_guide import style_guide
from wwcsc.views.workspace import workspace

admin.site.site_header = "WWCSC portal: back room"
admin.site.site_title = "WWCSC portal"
admin.site.index_title = "Records"
admin.site.site_url = "/"

urlpatterns = [
    path("", home, name="home"),
    path("about/", about, name="about"),
    path("about/data/", about_data, name="about_data"),
    path("about/accessibility/", accessibility, name="accessibility"),
    path("about/privacy/", privacy, name="privacy"),
    path("about/licences/", licences, name="licences"),
    path("about/style-guide/", style_guide, name="style_guide"),
    path("workspace/", workspace, name="workspace"),
    path("staff/", staff_work, name="staff_work"),
    path("staff/mail/caught/", caught_mail, name="caught_mail"),
    path("staff/mail/caught/<str:name>/", caught_message, name="caught_message"),
    path("staff/mail/caught/<str:name>/html/", caught_message_html, name="caught_message_html"),
    path("healthz", healthz, name="healthz"),
    path("start/", start, name="start"),
    path("partners/", partners, name="partners"),
    path("partners/<slug:slug>/", partner, name="partner"),
    path("programmes/", programmes, name="programmes"),
    path("programmes/<slug:slug>/", programme, name="programme"),
    path("", include("partners.urls")),
    path("", include("programmes.urls")),
    path("", include("calls.urls")),
    path("", include("evaluations.urls")),
    path("evaluations/", register, name="evaluations"),
    path("evaluations/data.csv", register_csv, name="evaluations_csv"),
    path("evaluations/<slug:slug>/", evaluation, name="evaluation"),
    path("", include("evidence_store.urls")),
    path("", include("newsroom.urls")),
    path("", include("notices.urls")),
    path("", include("people.urls")),
    path("account/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
