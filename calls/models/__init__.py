"""The rows of calls in PostgreSQL: a company's statuses and rules, and what search finds calls by.

The calls themselves are in MongoDB.
"""

from calls.models.policies import RedactionPolicy
from calls.models.search import IndexedCall, IndexedCallQuerySet, IndexedSegment, IndexedSegmentQuerySet
from calls.models.statuses import CallStatus, CallStatusQuerySet

__all__ = [
    "CallStatus",
    "CallStatusQuerySet",
    "IndexedCall",
    "IndexedCallQuerySet",
    "IndexedSegment",
    "IndexedSegmentQuerySet",
    "RedactionPolicy",
]
