from django.urls import URLPattern, path

from notices import views

app_name = "notices"
urlpatterns: list[URLPattern] = [
    path("mail/stop/<str:token>/", views.unsubscribe, name="unsubscribe"),
]
