from django.urls import path

from crm import pages
from crm.api import contacts, tickets

urlpatterns = [
    path("", pages.HomePage.as_view(), name="home"),
    path("sign-in/", pages.SignInPage.as_view(), name="sign-in"),
    path("sign-out/", pages.SignOutPage.as_view(), name="sign-out"),
    path("api/tickets", tickets.Tickets.as_view(), name="tickets"),
    path("api/crm/contacts", contacts.ContactList.as_view(), name="contact-list"),
    path("api/crm/contacts/<int:contact_id>", contacts.ContactDetail.as_view(), name="contact-detail"),
]
