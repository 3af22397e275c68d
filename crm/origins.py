"""Which page a browser's request comes from: one of ours, or another site's that makes it send our cookie."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def is_own(origin: str, *, host: str) -> bool:
    """Whether `origin`, as in the header of that name, was served by `host`, which must be one we answer to."""
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS) and urlsplit(origin).netloc == host


def is_from_own_page(*, fetch_site: str, origin: str, host: str) -> bool:
    """Whether the browser vouches for it, by `Sec-Fetch-Site` or `Origin`. Who sends neither is no browser of today."""
    return fetch_site == "same-origin" or (not fetch_site and is_own(origin, host=host))


def is_from_elsewhere(*, fetch_site: str, origin: str, host: str) -> bool:
    """Whether the browser says that another site's page made it send this."""
    if fetch_site:
        return fetch_site not in {"same-origin", "none"}
    return bool(origin) and not is_own(origin, host=host)
