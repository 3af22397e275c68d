from django.urls import path

from crm import api, pages
from crm.pages import people, profile, settings, sign_in

_PERSON = "settings/people/<int:person_id>"

urlpatterns = [
    path("", pages.HomePage.as_view(), name="home"),
    path("sign-in/", sign_in.SignInPage.as_view(), name="sign-in"),
    path("sign-out/", sign_in.SignOut.as_view(), name="sign-out"),
    path("welcome/<str:uid>/<str:token>/", sign_in.WelcomePage.as_view(), name="welcome"),
    path("profile/", profile.ProfilePage.as_view(), name="profile-page"),
    path("profile/password/", profile.ChangePassword.as_view(), name="change-password"),
    path("profile/tokens/", profile.MakeToken.as_view(), name="make-token"),
    path("profile/tokens/<int:token_id>/revoke/", profile.RevokeToken.as_view(), name="revoke-token"),
    path("profile/sign-out-everywhere/", profile.SignOutEverywhere.as_view(), name="sign-out-everywhere"),
    path("settings/", settings.SettingsPage.as_view(), name="settings-page"),
    path("settings/people/", people.PeoplePage.as_view(), name="people-page"),
    path("settings/people/new/", people.NewPersonPage.as_view(), name="new-person-page"),
    path(f"{_PERSON}/", people.PersonPage.as_view(), name="person-page"),
    path(f"{_PERSON}/link/", people.MakeSignInLink.as_view(), name="make-sign-in-link"),
    path(f"{_PERSON}/sign-out/", people.SignPersonOut.as_view(), name="sign-person-out"),
    path(f"{_PERSON}/active/", people.SetActive.as_view(), name="set-active"),
    path(f"{_PERSON}/tokens/", people.MakePersonToken.as_view(), name="make-person-token"),
    path(f"{_PERSON}/tokens/<int:token_id>/revoke/", people.RevokePersonToken.as_view(), name="revoke-person-token"),
    path("api/tickets", api.Tickets.as_view(), name="tickets"),
    path("api/tokens", api.TokenList.as_view(), name="token-list"),
    path("api/tokens/<int:token_id>", api.TokenDetail.as_view(), name="token-detail"),
    path("api/crm/users", api.PersonList.as_view(), name="person-list"),
    path("api/crm/users/<int:person_id>", api.PersonDetail.as_view(), name="person-detail"),
    path("api/crm/users/<int:person_id>/sign-in-link", api.PersonSignInLink.as_view(), name="person-sign-in-link"),
    path("api/crm/users/<int:person_id>/sign-out", api.PersonSignOut.as_view(), name="person-sign-out"),
    path("api/crm/settings", api.Settings.as_view(), name="settings"),
]
