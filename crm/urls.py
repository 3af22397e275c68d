from django.urls import path

from crm import api, pages

urlpatterns = [
    path("", pages.HomePage.as_view(), name="home"),
    path("sign-in/", pages.SignInPage.as_view(), name="sign-in"),
    path("sign-out/", pages.SignOutPage.as_view(), name="sign-out"),
    path("api/tickets", api.Tickets.as_view(), name="tickets"),
]
