"""What the doctor asks of erasures: whether they are in time, and whether every store has obeyed the ledger."""

from collections.abc import Iterator

from calls.errors import RetryableCallError
from config.findings import Check, Finding, error, ok, skipped, warning
from crm.erasure import ledger, marks, reminding
from crm.models import ErasureRequest, ErasureState
from metrics.errors import RetryableMetricsError


def check_erasures() -> Iterator[Finding]:
    still_open = ErasureRequest.objects.open()
    if overdue := reminding.overdue().count():
        yield error(f"{overdue} should have been complete by now", "See /privacy/ for what they wait for.")
    if failed := still_open.filter(state=ErasureState.FAILED).count():
        yield warning(f"{failed} could not be completed yet", "See /privacy/ for what stood in the way.")
    if not overdue and not failed:
        yield ok(f"{still_open.count()} are open, all in time")


def check_ledger() -> Iterator[Finding]:
    """What lacks a mark came back from a backup, and somebody may have to be forgotten there again."""
    try:
        names = ledger.names()
        under_way = {ledger.name_of(request) for request in ErasureRequest.objects.open()}
        owed = len(names - marks.everywhere() - under_way)
    except (RetryableMetricsError, RetryableCallError) as away:
        yield skipped(f"not looked at: {away.message}")
        return
    if owed:
        yield warning(f"{owed} of {len(names)} entries were not obeyed by every store", "manage.py replay_erasures")
    else:
        yield ok(f"all {len(names)} entries were obeyed by every store")


CHECKS: dict[str, Check] = {"Erasures": check_erasures, "Ledger of erasures": check_ledger}
