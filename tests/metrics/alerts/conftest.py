import pytest
from django.utils import timezone

from metrics.alerts import destinations, lifecycle, rules
from tests.builders import make_tenant, make_user
from tests.receivers import MailReceiver, WebhookReceiver


@pytest.fixture
def tenant(db):
    """Within a transaction that is rolled back."""
    return make_tenant()


@pytest.fixture
def supervisor(tenant):
    return make_user(tenant, "supervisor")


@pytest.fixture
def stranger(db):
    """A supervisor of another company."""
    return make_user(make_tenant(), "supervisor")


@pytest.fixture
def receiver(settings):
    """A webhook's receiver on this machine, which may be told here."""
    settings.EARSHOT_WEBHOOKS_TO_PRIVATE = True
    receiver = WebhookReceiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def mailbox(settings):
    receiver = MailReceiver()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EARSHOT_EMAIL_URL = f"smtp://127.0.0.1:{receiver.port}"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", receiver.port
    yield receiver
    receiver.stop()


@pytest.fixture
def webhook(tenant, receiver):
    return destinations.create(tenant.pk, kind="webhook", address=receiver.url)


def open_alert(tenant, *, kind="error_count", subject="dubbing", value=12.0):
    return lifecycle.open_new(rules.find(tenant.pk, kind), subject, value, at=timezone.now())
