from django.urls import URLPattern

app_name = "evidence_store"
urlpatterns: list[URLPattern] = []
