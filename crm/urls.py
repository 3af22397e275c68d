from django.urls import path

from crm import pages
from crm.api import contacts, tickets, tokens
from crm.api import people as people_api
from crm.api import settings as settings_api
from crm.pages import people, profile, settings, sign_in

_PERSON = "settings/people/<int:person_id>"
_USER = "api/crm/users/<int:person_id>"

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
    path("api/tickets", tickets.Tickets.as_view(), name="tickets"),
    path("api/tokens", tokens.TokenList.as_view(), name="token-list"),
    path("api/tokens/<int:token_id>", tokens.TokenDetail.as_view(), name="token-detail"),
    path("api/crm/users", people_api.PersonList.as_view(), name="person-list"),
    path(_USER, people_api.PersonDetail.as_view(), name="person-detail"),
    path(f"{_USER}/sign-in-link", people_api.PersonSignInLink.as_view(), name="person-sign-in-link"),
    path(f"{_USER}/sign-out", people_api.PersonSignOut.as_view(), name="person-sign-out"),
    path("api/crm/settings", settings_api.Settings.as_view(), name="settings"),
    path("api/crm/contacts", contacts.ContactList.as_view(), name="contact-list"),
    path("api/crm/contacts/<int:contact_id>", contacts.ContactDetail.as_view(), name="contact-detail"),
]
