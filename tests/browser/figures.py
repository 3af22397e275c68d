"""What companies have measured, for the tests of pages: written where the stack's own stores are."""

from datetime import UTC, datetime, timedelta

from metrics import recent
from metrics.alerts import kinds, rules
from metrics.models import Alert, AlertKind
from tests.segments import make_group, make_segment_of_work

AT_ONCE = 500


def fill(tenant_id, *, count, hours=2):
    """So many segments of three channels, over the last hours, every twentieth of which failed."""
    now = datetime.now(UTC)
    segments = [
        make_segment_of_work(
            received_at=now - timedelta(seconds=number * 7919 % (hours * 3600)),
            total_ms=400 + number * 37 % 2000,
            error="engine_failed" if number % 20 == 0 else "",
            group=make_group(channel_id=("news", "sport", "קניות")[number % 3], user_id=f"viewer-{number % 4}"),
        )
        for number in range(count)
    ]
    for begin in range(0, count, AT_ONCE):
        recent.write(tenant_id, segments[begin : begin + AT_ONCE])


def let_the_server_ring_for_nobody(tenant_id):
    """What the whole server does, and how fast, is another matter on a machine that is busy with tests."""
    for rule in rules.of(tenant_id):
        if kinds.KINDS[AlertKind(rule.kind)].source is not kinds.Source.SEGMENTS:
            rules.change(tenant_id, rule.kind, {"is_on": False})


def raise_alert(tenant_id):
    now = datetime.now(UTC)
    rule = next(rule for rule in rules.of(tenant_id) if rule.kind == AlertKind.AVG_TOTAL_MS)
    Alert.objects.create(
        tenant_id=tenant_id,
        rule=rule,
        subject="dubbing",
        threshold=2000.0,
        opened_value=2310.0,
        worst_value=4100.0,
        last_value=2310.0,
        opened_at=now - timedelta(minutes=5),
        known_at=now,
    )
