"""What lies in Redis by a colleague's id: tickets for sockets, and how many uploads they began this minute.

A ticket names what it was got by. Where that is gone already, with the account, nobody comes in by the ticket, and
whose it was cannot be told: such ones go too.
"""

from audio import live_state
from crm import credentials, tickets
from metrics.erasing import Progress, Subject, untold


def count(subject: Subject) -> int:
    if subject.user_id is None:
        return 0
    return len(_tickets(subject.user_id)) + live_state.has_uploads(subject.user_id)


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    """Raises RetryableDeskError or StateAway while Redis is away."""
    if subject.user_id is None:
        return 0
    # Whoever redeems one at this very moment comes in by nothing.
    erased = sum(tickets.redeem(ticket) is not None for ticket in _tickets(subject.user_id))
    erased += live_state.forget_uploads(subject.user_id)
    progress(erased)
    return erased


def search(subject: Subject) -> int:
    """Tickets have no index: they are looked through one by one either way."""
    if subject.user_id is None:
        return 0
    return len(_tickets(subject.user_id)) + live_state.has_uploads(subject.user_id)


def _tickets(user_id: int) -> list[str]:
    found = []
    for ticket, credential in tickets.waiting():
        owner = credentials.user_behind(credential)
        if owner is None or owner.pk == user_id:
            found.append(ticket)
    return found
