from django.urls import URLPattern, path

from notices import views

app_name = "notices"
urlpatterns: list[URLPattern] = [
    path("mail/stop/<str:token>/", views.unsubscribe, name="unsubscribe"),
    path("staff/mail/", views.mail, name="mail"),
    path("staff/mail/release/", views.release_many, name="release_many"),
    path("staff/mail/again/", views.resend_many, name="resend_many"),
    path("staff/mail/pauses/<int:pk>/resume/", views.resume, name="resume"),
    path("staff/mail/<int:pk>/", views.notice, name="notice"),
    path("staff/mail/<int:pk>/html/", views.notice_html, name="notice_html"),
    path("staff/mail/<int:pk>/release/", views.release, name="release"),
    path("staff/mail/<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("staff/mail/<int:pk>/resend/", views.resend, name="resend"),
    path("staff/mail/<int:pk>/handled/", views.handled, name="handled"),
    path("staff/mail/<int:pk>/suppress/", views.suppress, name="suppress"),
    path("staff/mail/<int:pk>/write-again/", views.write_again, name="write_again"),
]
