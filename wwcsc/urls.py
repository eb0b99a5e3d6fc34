"""Every address of the portal. Apps list whole paths, so that the public, workspace and staff areas can be read here and there."""

from django.contrib import admin
from django.urls import include, path

from wwcsc.views.health import healthz
from wwcsc.views.start import start

admin.site.site_header = "WWCSC portal: back room"
admin.site.site_title = "WWCSC portal"
admin.site.index_title = "Records"
admin.site.site_url = "/"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("start/", start, name="start"),
    path("", include("partners.urls")),
    path("", include("programmes.urls")),
    path("", include("calls.urls")),
    path("", include("evaluations.urls")),
    path("", include("evidence_store.urls")),
    path("", include("newsroom.urls")),
    path("", include("notices.urls")),
    path("account/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
