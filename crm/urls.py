from django.urls import path

from crm import pages
from crm.api import audit as audit_api
from crm.api import board, call_contacts, contacts, dashboard, erasures, holds, statuses, tickets, tokens
from crm.api import calls as calls_api
from crm.api import people as people_api
from crm.api import person_exports as person_exports_api
from crm.api import retention as retention_api
from crm.api import settings as settings_api
from crm.pages import alerts as alert_pages
from crm.pages import audit as audit_pages
from crm.pages import board as board_pages
from crm.pages import calls, live, people, profile, settings, sign_in
from crm.pages import contacts as contact_pages
from crm.pages import dashboard as dashboard_pages
from crm.pages import erasures as erasure_pages
from crm.pages import holds as hold_pages
from crm.pages import person_exports as person_export_pages
from crm.pages import retention as retention_pages
from crm.pages import statuses as status_pages

_PERSON = "settings/people/<int:person_id>"
_CONTACT = "contacts/<int:contact_id>"
_STATUS = "settings/statuses/<int:status_id>"
_DESTINATION = "settings/alerts/destinations/<int:destination_id>"
_EXPORT = "<uuid:export_id>"
_ERASURE = "privacy/<uuid:request_id>"
_ERASURE_API = "api/privacy/erasures/<uuid:request_id>"
_USER = "api/crm/users/<int:person_id>"

urlpatterns = [
    path("", pages.HomePage.as_view(), name="home"),
    path("board/", board_pages.BoardPage.as_view(), name="board-page"),
    path("sign-in/", sign_in.SignInPage.as_view(), name="sign-in"),
    path("sign-out/", sign_in.SignOut.as_view(), name="sign-out"),
    path("welcome/<str:uid>/<str:token>/", sign_in.WelcomePage.as_view(), name="welcome"),
    path("profile/", profile.ProfilePage.as_view(), name="profile-page"),
    path("profile/password/", profile.ChangePassword.as_view(), name="change-password"),
    path("profile/tokens/", profile.MakeToken.as_view(), name="make-token"),
    path("profile/tokens/<int:token_id>/revoke/", profile.RevokeToken.as_view(), name="revoke-token"),
    path("profile/sign-out-everywhere/", profile.SignOutEverywhere.as_view(), name="sign-out-everywhere"),
    path("live/", live.LivePage.as_view(), name="live-page"),
    path("dashboard/", dashboard_pages.DashboardPage.as_view(), name="dashboard-page"),
    path("calls/<str:call_id>/", calls.CallPage.as_view(), name="call-page"),
    path("settings/", settings.SettingsPage.as_view(), name="settings-page"),
    path("settings/people/", people.PeoplePage.as_view(), name="people-page"),
    path("settings/people/new/", people.NewPersonPage.as_view(), name="new-person-page"),
    path(f"{_PERSON}/", people.PersonPage.as_view(), name="person-page"),
    path(f"{_PERSON}/link/", people.MakeSignInLink.as_view(), name="make-sign-in-link"),
    path(f"{_PERSON}/sign-out/", people.SignPersonOut.as_view(), name="sign-person-out"),
    path(f"{_PERSON}/active/", people.SetActive.as_view(), name="set-active"),
    path(f"{_PERSON}/tokens/", people.MakePersonToken.as_view(), name="make-person-token"),
    path(f"{_PERSON}/tokens/<int:token_id>/revoke/", people.RevokePersonToken.as_view(), name="revoke-person-token"),
    path("contacts/", contact_pages.ContactsPage.as_view(), name="contacts-page"),
    path("contacts/new/", contact_pages.NewContactPage.as_view(), name="new-contact-page"),
    path(f"{_CONTACT}/", contact_pages.ContactPage.as_view(), name="contact-page"),
    path(f"{_CONTACT}/edit/", contact_pages.EditContactPage.as_view(), name="edit-contact-page"),
    path(f"{_CONTACT}/remove/", contact_pages.RemoveContact.as_view(), name="remove-contact"),
    path("settings/statuses/", status_pages.StatusesPage.as_view(), name="statuses-page"),
    path("settings/statuses/order/", status_pages.OrderStatuses.as_view(), name="order-statuses"),
    path("settings/statuses/new/", status_pages.NewStatusPage.as_view(), name="new-status-page"),
    path(f"{_STATUS}/", status_pages.StatusPage.as_view(), name="status-page"),
    path(f"{_STATUS}/remove/", status_pages.RemoveStatus.as_view(), name="remove-status"),
    path("settings/alerts/", alert_pages.AlertsPage.as_view(), name="alerts-page"),
    path("settings/alerts/history/", alert_pages.AlertHistoryPage.as_view(), name="alert-history-page"),
    path(
        "settings/alerts/<int:alert_id>/acknowledge/",
        alert_pages.AcknowledgeAlert.as_view(),
        name="acknowledge-alert-page",
    ),
    path("settings/alerts/<int:alert_id>/close/", alert_pages.CloseAlert.as_view(), name="close-alert-page"),
    path("settings/alerts/rules/<str:kind>/", alert_pages.AlertRulePage.as_view(), name="alert-rule-page"),
    path("settings/alerts/destinations/", alert_pages.AddDestination.as_view(), name="add-destination"),
    path(f"{_DESTINATION}/", alert_pages.DestinationPage.as_view(), name="destination-page"),
    path(f"{_DESTINATION}/sent/", alert_pages.SentPage.as_view(), name="sent-page"),
    path(f"{_DESTINATION}/secret/", alert_pages.MakeDestinationSecret.as_view(), name="make-destination-secret"),
    path(f"{_DESTINATION}/test/", alert_pages.SendTest.as_view(), name="test-destination"),
    path(f"{_DESTINATION}/on/", alert_pages.SwitchDestination.as_view(), name="switch-destination"),
    path(f"{_DESTINATION}/remove/", alert_pages.RemoveDestination.as_view(), name="remove-destination"),
    path(
        "settings/alerts/deliveries/<int:delivery_id>/send/",
        alert_pages.SendDeliveryAgain.as_view(),
        name="send-delivery",
    ),
    path("privacy/audit/", audit_pages.AuditPage.as_view(), name="audit-page"),
    path("privacy/audit/verify/", audit_pages.VerifyAudit.as_view(), name="verify-audit"),
    path("privacy/exports/", person_export_pages.PersonExportsPage.as_view(), name="person-exports-page"),
    path("privacy/exports/new/", person_export_pages.NewPersonExportPage.as_view(), name="new-person-export-page"),
    path(
        f"privacy/exports/{_EXPORT}/remove/",
        person_export_pages.RemovePersonExport.as_view(),
        name="remove-person-export",
    ),
    path("privacy/retention/", retention_pages.RetentionPage.as_view(), name="retention-page"),
    path("privacy/retention/change/", retention_pages.ChangeRetention.as_view(), name="change-retention-page"),
    path("privacy/", erasure_pages.ErasuresPage.as_view(), name="privacy-page"),
    path("privacy/new/", erasure_pages.NewErasurePage.as_view(), name="new-erasure-page"),
    path("privacy/new/preview/", erasure_pages.PreviewErasurePage.as_view(), name="preview-erasure-page"),
    path("privacy/holds/", hold_pages.HoldsPage.as_view(), name="holds-page"),
    path("privacy/holds/new/", hold_pages.NewHoldPage.as_view(), name="new-hold-page"),
    path("privacy/holds/<int:hold_id>/lift/", hold_pages.LiftHold.as_view(), name="lift-hold-page"),
    path(f"{_ERASURE}/", erasure_pages.ErasurePage.as_view(), name="erasure-page"),
    path(f"{_ERASURE}/standing/", erasure_pages.ErasureStandingPage.as_view(), name="erasure-standing"),
    path(f"{_ERASURE}/certificate/", erasure_pages.CertificatePage.as_view(), name="certificate-page"),
    path(f"{_ERASURE}/cancel/", erasure_pages.CancelErasure.as_view(), name="cancel-erasure-page"),
    path(f"{_ERASURE}/approve/", erasure_pages.ApproveErasure.as_view(), name="approve-erasure-page"),
    path(f"{_ERASURE}/run-again/", erasure_pages.RunErasureAgain.as_view(), name="run-erasure-again-page"),
    path("api/privacy/erasures", erasures.ErasureList.as_view(), name="erasure-list"),
    path(_ERASURE_API, erasures.ErasureDetail.as_view(), name="erasure-detail"),
    path(f"{_ERASURE_API}/certificate", erasures.ErasureCertificate.as_view(), name="erasure-certificate"),
    path(f"{_ERASURE_API}/cancel", erasures.CancelErasure.as_view(), name="cancel-erasure"),
    path(f"{_ERASURE_API}/approve", erasures.ApproveErasure.as_view(), name="approve-erasure"),
    path(f"{_ERASURE_API}/run-again", erasures.RunErasureAgain.as_view(), name="run-erasure-again"),
    path("api/privacy/certificate-key", erasures.CertificateKey.as_view(), name="certificate-key"),
    path("api/privacy/holds", holds.HoldList.as_view(), name="hold-list"),
    path("api/privacy/holds/<int:hold_id>", holds.HoldDetail.as_view(), name="hold-detail"),
    path("api/privacy/holds/<int:hold_id>/lift", holds.LiftHold.as_view(), name="lift-hold"),
    path("crm/board", board.Board.as_view(), name="board"),
    path("crm/calls/get-grouped-by-status", board.GroupedByStatus.as_view(), name="grouped-by-status"),
    path("api/privacy/retention", retention_api.Retention.as_view(), name="retention"),
    path("api/audit", audit_api.AuditLog.as_view(), name="audit"),
    path("api/audit/export", audit_api.AuditExport.as_view(), name="audit-export"),
    path("api/audit/verification", audit_api.AuditVerification.as_view(), name="audit-verification"),
    path("api/tickets", tickets.Tickets.as_view(), name="tickets"),
    path("api/tokens", tokens.TokenList.as_view(), name="token-list"),
    path("api/tokens/<int:token_id>", tokens.TokenDetail.as_view(), name="token-detail"),
    path("api/crm/users", people_api.PersonList.as_view(), name="person-list"),
    path(_USER, people_api.PersonDetail.as_view(), name="person-detail"),
    path(f"{_USER}/sign-in-link", people_api.PersonSignInLink.as_view(), name="person-sign-in-link"),
    path(f"{_USER}/sign-out", people_api.PersonSignOut.as_view(), name="person-sign-out"),
    path("api/privacy/exports", person_exports_api.PersonExportList.as_view(), name="person-export-list"),
    path(
        f"api/privacy/exports/{_EXPORT}", person_exports_api.PersonExportDetail.as_view(), name="person-export-detail"
    ),
    path(
        f"api/privacy/exports/{_EXPORT}/file",
        person_exports_api.PersonExportFile.as_view(),
        name="person-export-file",
    ),
    path("api/crm/settings", settings_api.Settings.as_view(), name="settings"),
    path("api/crm/dashboard", dashboard.Dashboard.as_view(), name="dashboard"),
    path("api/crm/calls/<str:call_id>", calls_api.CallView.as_view(), name="call-view"),
    path("api/crm/statuses", statuses.StatusList.as_view(), name="status-list"),
    path("api/crm/statuses/<int:status_id>", statuses.StatusDetail.as_view(), name="status-detail"),
    path("api/crm/calls/<str:call_id>/contact", call_contacts.CallContact.as_view(), name="call-contact"),
    path("api/crm/contacts", contacts.ContactList.as_view(), name="contact-list"),
    path("api/crm/contacts/<int:contact_id>", contacts.ContactDetail.as_view(), name="contact-detail"),
]
