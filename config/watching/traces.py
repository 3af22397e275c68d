"""How long what takes, and within what: spans of requests, tasks and questions to servers, by OTLP over HTTP."""

from collections.abc import Sequence
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status

# In the names of today's conventions and of yesterday's, which the instrumentations still use. No address is among
# them, since one may hold a ticket, a search or a sign-in link, and no statement: the route and the kind will do.
KEPT: Final = frozenset(
    {
        "http.method",
        "http.request.method",
        "http.route",
        "http.status_code",
        "http.response.status_code",
        "db.system",
        "db.system.name",
        "db.mongodb.collection",
        "rpc.system",
        "rpc.service",
        "rpc.method",
        "celery.action",
        "celery.state",
        "celery.task_name",
        "messaging.destination",
        "error.type",
    }
)
# The instrumentations name these after a route, a task or an operation of a driver; PostgreSQL's are the first word
# of a statement. Any other may hold what somebody typed.
_NAMED_BY_US: Final = frozenset({"http.route", "celery.task_name", "db.system", "db.system.name", "rpc.method"})


class Discreet(SpanExporter):
    """Hands spans on with what is in the list above and nothing else: neither messages of errors nor statements."""

    def __init__(self, onward: SpanExporter) -> None:
        self.onward = onward

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self.onward.export([kept_of(span) for span in spans])

    def shutdown(self) -> None:
        self.onward.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.onward.force_flush(timeout_millis)


def kept_of(span: ReadableSpan) -> ReadableSpan:
    """What leaves of a span: its place in the trace, its times, whether it failed, and the attributes in the list."""
    attributes = {name: value for name, value in (span.attributes or {}).items() if name in KEPT}
    is_ours = not _NAMED_BY_US.isdisjoint(attributes)
    return ReadableSpan(
        name=span.name if is_ours else span.kind.name.lower(),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def start(endpoint: str, process: str) -> None:
    """`endpoint` is the collector's address, such as http://collector.example:4318."""
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"earshot-{process}"}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(Discreet(exporter)))
    trace.set_tracer_provider(provider)
    for instrumentor in (
        DjangoInstrumentor(),
        CeleryInstrumentor(),  # type: ignore[no-untyped-call]
        PsycopgInstrumentor(),
        PymongoInstrumentor(),
        RedisInstrumentor(),
        BotocoreInstrumentor(),  # type: ignore[no-untyped-call]
    ):
        instrumentor.instrument(tracer_provider=provider)
