"""The look that is taken again and again: every rule of every company against the figures of now."""

from collections.abc import Sequence

import structlog
from django.utils import timezone

from metrics.alerts import evaluation, lifecycle, rules
from metrics.alerts.evaluation import Ongoing, Verdict
from metrics.alerts.readings import Reading, Readings
from metrics.models import Alert, AlertRule, Resolution

log = structlog.get_logger("earshot.alerts")

# Companies whose rules are read at a time.
_AT_ONCE = 100


def watch(tenant_ids: Sequence[int]) -> int:
    """Look at these companies' figures; how many alerts that opened or resolved.

    Several may look at once: one that another has opened or resolved meanwhile is left as it is.
    """
    readings = Readings()
    changed = 0
    for first in range(0, len(tenant_ids), _AT_ONCE):
        theirs = tenant_ids[first : first + _AT_ONCE]
        rules.make_missing(theirs)
        ongoing = {
            (alert.rule_id, alert.subject): alert
            for alert in Alert.objects.filter(tenant__in=theirs).ongoing().select_related("rule")
        }
        for rule in AlertRule.objects.filter(tenant__in=theirs, is_on=True).order_by("pk"):
            changed += sum(
                _settle(rule, reading, ongoing.get((rule.pk, reading.subject))) for reading in readings.of(rule)
            )
    return changed


def _settle(rule: AlertRule, reading: Reading, alert: Alert | None) -> bool:
    now = timezone.now()
    ongoing = Ongoing(alert.known_at) if alert else None
    verdict = evaluation.judge(reading.value, threshold=rule.threshold, ongoing=ongoing, now=now)
    if verdict == Verdict.OPEN and reading.value is not None:
        return lifecycle.open_new(rule, reading.subject, reading.value, at=now) is not None
    if alert is None:
        return False
    if verdict == Verdict.KEEP and reading.value is not None:
        lifecycle.keep(alert, reading.value, at=now)
    elif verdict == Verdict.RESOLVE:
        return lifecycle.resolve(alert, Resolution.OVER, at=now, value=reading.value)
    elif verdict == Verdict.EXPIRE:
        return lifecycle.resolve(alert, Resolution.NO_FIGURES, at=now)
    return False
