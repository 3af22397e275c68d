"""The one door to whom alerts are told: webhooks of others, and the mail server.

A webhook's request goes to an address that was looked at before (`addresses.py`): the name is resolved once, and it is
to that address that the connection is made. No redirect is followed, no proxy taken, and of the answer no more is read
than its status.
"""

import asyncio
import base64
import hmac
import smtplib
import ssl
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from email.utils import parseaddr

import httpx
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend

from metrics import addresses
from metrics.addresses import PrivateAddress, UnknownHost
from metrics.models import DeliveryError

# For each of connecting, sending and waiting.
QUIET_SECONDS = 4.0
# For all of it, from asking for the addresses on: an answer that comes drop by drop is none.
DEADLINE_SECONDS = 10.0
# Of a host with several addresses, so many are tried.
MOST_ADDRESSES = 4
_DEFAULT_PORTS = {"http": 80, "https": 443}
# The first that fits.
_ERRORS: Sequence[tuple[tuple[type[Exception], ...], DeliveryError]] = (
    ((PrivateAddress,), DeliveryError.PRIVATE_ADDRESS),
    ((UnknownHost, UnicodeError), DeliveryError.UNKNOWN_HOST),
    ((TimeoutError, httpx.TimeoutException), DeliveryError.TIMED_OUT),
    ((httpx.NetworkError, OSError, smtplib.SMTPException), DeliveryError.UNREACHABLE),
    ((httpx.HTTPError, httpx.InvalidURL, KeyError), DeliveryError.NOT_HTTP),
)
_EXPECTED = tuple(kind for kinds, _ in _ERRORS for kind in kinds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: nothing wrong, or why it came to nothing. `status_code` is HTTP's or SMTP's."""

    error: DeliveryError | None = None
    status_code: int | None = None

    @property
    def is_delivered(self) -> bool:
        return self.error is None


def post(url: str, *, body: bytes, secret: str, message_id: str, timestamp: int) -> Outcome:
    """Send a message to a webhook, signed as the Standard Webhooks say. Never raises."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Earshot",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message_id=message_id, timestamp=timestamp, body=body),
    }
    try:
        target = httpx.URL(url)
        port = target.port or _DEFAULT_PORTS[target.scheme]
        status = asyncio.run(_post(target, port, headers, body))
    except _EXPECTED as failed:
        return Outcome(_error_of(failed))
    if 200 <= status < 300:
        return Outcome(status_code=status)
    return Outcome(DeliveryError.REDIRECTED if 300 <= status < 400 else DeliveryError.REFUSED, status)


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA-256 of id, time and body under the secret, in base64."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def mail(to: str, *, subject: str, text: str, message_id: str) -> Outcome:
    """Hand a message to the mail server. Never raises."""
    if not mail_is_on():
        return Outcome(DeliveryError.MAIL_OFF)
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    # The same at every attempt, so that mail programs know what they have had already.
    headers = {"Message-ID": f"<{message_id}@{domain}>", "Auto-Submitted": "auto-generated"}
    message = EmailMessage(subject, text, to=[to], headers=headers, connection=get_connection())
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as refused:
        code, _ = next(iter(refused.recipients.values()))
        return Outcome(DeliveryError.REFUSED, code)
    except smtplib.SMTPResponseException as refused:
        return Outcome(DeliveryError.REFUSED, refused.smtp_code if refused.smtp_code > 0 else None)
    except _EXPECTED as failed:
        return Outcome(_error_of(failed))
    return Outcome()


def mail_is_on() -> bool:
    return bool(settings.EARSHOT_EMAIL_URL)


def ping() -> None:
    """Ask the mail server whether it is there; nothing where none is set up. Raises OSError, SMTPException."""
    if mail_is_on():
        connection = get_connection()
        if isinstance(connection, EmailBackend):
            connection.open()
            connection.close()


async def _post(url: httpx.URL, port: int, headers: Mapping[str, str], body: bytes) -> int:
    """The status of the answer of the first of the addresses that takes a connection."""
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        httpx.AsyncClient(timeout=QUIET_SECONDS, trust_env=False, follow_redirects=False) as client,
    ):
        *others, last = (await _resolved(url.host, port))[:MOST_ADDRESSES]
        for address in others:
            try:
                return await _post_to(client, url, address, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await _post_to(client, url, last, headers, body)


async def _resolved(host: str, port: int) -> list[str]:
    """In a thread that nobody waits for once it is too late: the system's resolver knows no deadline of ours."""
    answer: Future[list[str]] = Future()
    answer.set_running_or_notify_cancel()

    def resolve() -> None:
        try:
            answer.set_result(addresses.resolve(host, port, to_private=settings.EARSHOT_WEBHOOKS_TO_PRIVATE))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=resolve, name="resolving", daemon=True).start()
    return await asyncio.wrap_future(answer)


async def _post_to(
    client: httpx.AsyncClient, url: httpx.URL, address: str, headers: Mapping[str, str], body: bytes
) -> int:
    """The address is asked as the URL's host: in the header Host, and for its certificate."""
    async with client.stream(
        "POST",
        url.copy_with(host=address),
        content=body,
        headers={**headers, "Host": url.netloc.decode()},
        extensions={"sni_hostname": url.raw_host.decode()},
    ) as answer:
        return answer.status_code


def _error_of(failed: BaseException) -> DeliveryError:
    if _is_about_trust(failed):
        return DeliveryError.NOT_TRUSTED
    return next(error for kinds, error in _ERRORS if isinstance(failed, kinds))


def _is_about_trust(failed: BaseException | None) -> bool:
    """Drivers wrap what TLS says, and each in its own way."""
    while failed is not None:
        if isinstance(failed, ssl.SSLError):
            return True
        failed = failed.__cause__ or failed.__context__
    return False
