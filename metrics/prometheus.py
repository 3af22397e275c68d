"""What was measured, as Prometheus reads it: the gauges, the counters, how long operations took. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from metrics import gauges as gauges_door
from metrics.counters import KNOWN
from metrics.gauges import Gauge
from metrics.histograms import BOUNDS, Histogram
from metrics.timings import Summary

# Operations are fixed names; were one ever made of ids, this is as far as it would get.
MOST_OPERATIONS = 1000
_BOUNDS = [repr(float(bound)) for bound in BOUNDS]


def page(
    gauges: Sequence[Gauge],
    operations: Sequence[Summary],
    counts: Mapping[str, int],
    histograms: Sequence[Histogram] = (),
) -> bytes:
    """The text of `/metrics`; `counts` are those of `counters.all_told`. Times are in seconds.

    A gauge `intake.queued` is called `earshot_intake_queued`, a counter `embedding.cache_hits`
    `earshot_embedding_cache_hits_total`.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(
        _Told(
            [
                *_of_gauges(gauges),
                *_of_operations(operations[:MOST_OPERATIONS]),
                *_of_histograms(histograms[:MOST_OPERATIONS]),
                *_of_counts(counts),
            ]
        )
    )
    return bytes(generate_latest(registry))


class _Told(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _of_gauges(gauges: Sequence[Gauge]) -> Iterator[Metric]:
    by_name: dict[str, list[Gauge]] = {}
    for gauge in gauges:
        by_name.setdefault(gauge.name, []).append(gauge)
    for name, several in sorted(by_name.items()):
        labels = sorted({label for gauge in several for label in gauge.labels})
        words = gauges_door.KNOWN.get(name, f"{name}, when it was last told")
        family = GaugeMetricFamily(name_of(name), words, labels=labels)
        for gauge in several:
            family.add_metric([gauge.labels.get(label, "") for label in labels], gauge.value)
        yield family
    # The time goes beside the value: one that nobody tells any more is to be noticed, and not to vanish.
    told = GaugeMetricFamily(
        "earshot_gauge_told_timestamp_seconds", "When a gauge was last told, in seconds since 1970", labels=["gauge"]
    )
    for name, several in sorted(by_name.items()):
        told.add_metric([name], max(gauge.at for gauge in several))
    yield told


def _of_operations(operations: Sequence[Summary]) -> Iterator[Metric]:
    seconds = GaugeMetricFamily(
        "earshot_operation_seconds",
        "How long an operation took over the last 24 hours, by quantile",
        labels=["operation", "quantile"],
    )
    count = GaugeMetricFamily(
        "earshot_operation_count", "How often over the last 24 hours", labels=["operation", "outcome"]
    )
    for one in operations:
        for quantile, milliseconds in (("0.5", one.p50_ms), ("0.95", one.p95_ms), ("0.99", one.p99_ms)):
            seconds.add_metric([one.operation, quantile], milliseconds / 1000)
        count.add_metric([one.operation, "success"], one.count - one.failures)
        count.add_metric([one.operation, "failure"], one.failures)
    yield seconds
    yield count


def _of_counts(counts: Mapping[str, int]) -> Iterator[Metric]:
    for name, count in sorted(counts.items()):
        if name in KNOWN:
            yield CounterMetricFamily(name_of(name), KNOWN[name], value=float(count))


def _of_histograms(histograms: Sequence[Histogram]) -> Iterator[Metric]:
    seconds = HistogramMetricFamily(
        "earshot_operation_duration_seconds", "How long an operation took, since ever", labels=["operation"]
    )
    failures = CounterMetricFamily(
        "earshot_operation_failures", "How often an operation failed, since ever", labels=["operation"]
    )
    for one in histograms:
        buckets = [*zip(_BOUNDS, map(float, one.counts), strict=True), ("+Inf", float(one.count))]
        seconds.add_metric([one.operation], buckets, one.seconds)
        failures.add_metric([one.operation], one.failures)
    yield seconds
    yield failures


def name_of(told: str) -> str:
    """What Prometheus calls a gauge, or a counter that goes without its `_total`."""
    return f"earshot_{told.replace('.', '_')}"
