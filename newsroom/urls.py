from django.urls import path

from newsroom import views

app_name = "newsroom"
urlpatterns = [
    path("news/", views.news, name="news"),
    path("news/<slug:slug>/", views.post, name="post"),
    path("feed/", views.feed, name="feed"),
    path("staff/news/", views.staff_posts, name="staff_posts"),
    path("staff/news/write/", views.write, name="write_post"),
    path("staff/news/<slug:slug>/change/", views.change, name="change_post"),
    path("staff/news/<slug:slug>/approve/", views.approve, name="approve_post"),
    path("staff/news/<slug:slug>/take-back/", views.take_back, name="take_back_post"),
    path("staff/news/<slug:slug>/withdraw/", views.withdraw, name="withdraw_post"),
]
