"""What every error means over HTTP: one table from domain errors to status codes, one shape for all answers.

`{"error": {"code", "message", "fields"?}}`: `code` for programs, `message` for people, `fields` for what to mend.
"""

from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from audio import errors as audio
from calls import errors as calls
from crm import errors as crm
from metrics import errors as metrics

log = structlog.get_logger("earshot.errors")

STATUS: dict[type[Exception], HTTPStatus] = {
    audio.UnknownSession: HTTPStatus.NOT_FOUND,
    audio.SoundRemoved: HTTPStatus.GONE,
    audio.UnknownChunk: HTTPStatus.NOT_FOUND,
    audio.SessionConflict: HTTPStatus.CONFLICT,
    audio.ChunksOwed: HTTPStatus.CONFLICT,
    audio.ChunkConflict: HTTPStatus.CONFLICT,
    audio.ChunkBusy: HTTPStatus.CONFLICT,
    audio.ConsentRequired: HTTPStatus.CONFLICT,
    audio.BadGap: HTTPStatus.UNPROCESSABLE_ENTITY,
    audio.BadChunk: HTTPStatus.UNPROCESSABLE_ENTITY,
    audio.EmptyBody: HTTPStatus.UNPROCESSABLE_ENTITY,
    audio.WrongDigest: HTTPStatus.UNPROCESSABLE_ENTITY,
    audio.NoAudio: HTTPStatus.UNPROCESSABLE_ENTITY,
    audio.TooLong: HTTPStatus.UNPROCESSABLE_ENTITY,
    audio.Undecodable: HTTPStatus.UNPROCESSABLE_ENTITY,
    audio.NothingRecorded: HTTPStatus.NOT_FOUND,
    audio.NoSuchRange: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    audio.NotAudio: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    audio.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    audio.TooManyUploads: HTTPStatus.TOO_MANY_REQUESTS,
    audio.RetryableAudioError: HTTPStatus.SERVICE_UNAVAILABLE,
    calls.UnknownCall: HTTPStatus.NOT_FOUND,
    calls.AmbiguousCall: HTTPStatus.CONFLICT,
    calls.UnknownFlag: HTTPStatus.NOT_FOUND,
    calls.UnknownSegment: HTTPStatus.NOT_FOUND,
    calls.UnknownStatus: HTTPStatus.NOT_FOUND,
    calls.StaleVersion: HTTPStatus.CONFLICT,
    calls.CallExists: HTTPStatus.CONFLICT,
    calls.CallTaken: HTTPStatus.CONFLICT,
    calls.DuplicateCalls: HTTPStatus.CONFLICT,
    calls.CallFull: HTTPStatus.CONFLICT,
    calls.CallTooLarge: HTTPStatus.UNPROCESSABLE_ENTITY,
    calls.MalformedCall: HTTPStatus.CONFLICT,
    calls.Faulty: HTTPStatus.UNPROCESSABLE_ENTITY,
    calls.StatusInUse: HTTPStatus.CONFLICT,
    calls.StatusNameTaken: HTTPStatus.CONFLICT,
    calls.UnknownConversation: HTTPStatus.NOT_FOUND,
    calls.RetryableCallError: HTTPStatus.SERVICE_UNAVAILABLE,
    crm.UnknownContact: HTTPStatus.NOT_FOUND,
    crm.ContactTaken: HTTPStatus.CONFLICT,
    crm.UnknownPerson: HTTPStatus.NOT_FOUND,
    crm.UnknownToken: HTTPStatus.NOT_FOUND,
    crm.UsernameTaken: HTTPStatus.CONFLICT,
    crm.CompanyNameTaken: HTTPStatus.CONFLICT,
    crm.LastAdmin: HTTPStatus.CONFLICT,
    crm.CannotSignIn: HTTPStatus.CONFLICT,
    crm.LinkUsedUp: HTTPStatus.CONFLICT,
    crm.TooManyTokens: HTTPStatus.CONFLICT,
    crm.TokensNotAllowed: HTTPStatus.FORBIDDEN,
    crm.TokenLifeOutOfBounds: HTTPStatus.UNPROCESSABLE_ENTITY,
    crm.UnknownSubject: HTTPStatus.NOT_FOUND,
    crm.UnknownErasure: HTTPStatus.NOT_FOUND,
    crm.ErasureOnHold: HTTPStatus.CONFLICT,
    crm.ErasureNotAllowed: HTTPStatus.CONFLICT,
    crm.UnknownHold: HTTPStatus.NOT_FOUND,
    crm.UnknownExport: HTTPStatus.NOT_FOUND,
    crm.ExportNotReady: HTTPStatus.CONFLICT,
    crm.ExportExpired: HTTPStatus.GONE,
    crm.TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    crm.RetryableDeskError: HTTPStatus.SERVICE_UNAVAILABLE,
    metrics.TooManySegments: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    metrics.NoSegments: HTTPStatus.UNPROCESSABLE_ENTITY,
    metrics.BadPersonKey: HTTPStatus.UNPROCESSABLE_ENTITY,
    metrics.ArchiveConflict: HTTPStatus.CONFLICT,
    metrics.UnknownAlert: HTTPStatus.NOT_FOUND,
    metrics.UnknownAlertRule: HTTPStatus.NOT_FOUND,
    metrics.UnknownDestination: HTTPStatus.NOT_FOUND,
    metrics.BadDestination: HTTPStatus.UNPROCESSABLE_ENTITY,
    metrics.DestinationTaken: HTTPStatus.CONFLICT,
    metrics.UnknownDelivery: HTTPStatus.NOT_FOUND,
    metrics.DeliveryBusy: HTTPStatus.CONFLICT,
    metrics.ArchiveDamaged: HTTPStatus.INTERNAL_SERVER_ERROR,
    metrics.TiersDisagree: HTTPStatus.INTERNAL_SERVER_ERROR,
    metrics.BadQuestion: HTTPStatus.UNPROCESSABLE_ENTITY,
    metrics.UnknownUser: HTTPStatus.NOT_FOUND,
    metrics.UnknownDubbingSession: HTTPStatus.NOT_FOUND,
    metrics.DubbingSessionConflict: HTTPStatus.CONFLICT,
    metrics.DubbingSessionEnded: HTTPStatus.CONFLICT,
    metrics.RetryableMetricsError: HTTPStatus.SERVICE_UNAVAILABLE,
}

# The framework's own errors: those that parsed but are wrong are 422 here, not its 400.
_FRAMEWORK_CODES: dict[type[exceptions.APIException], tuple[HTTPStatus, str]] = {
    exceptions.ParseError: (HTTPStatus.BAD_REQUEST, "malformed"),
    exceptions.ValidationError: (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"),
    exceptions.NotAuthenticated: (HTTPStatus.UNAUTHORIZED, "not_authenticated"),
    exceptions.AuthenticationFailed: (HTTPStatus.UNAUTHORIZED, "not_authenticated"),
    exceptions.PermissionDenied: (HTTPStatus.FORBIDDEN, "forbidden"),
    exceptions.NotFound: (HTTPStatus.NOT_FOUND, "not_found"),
    exceptions.MethodNotAllowed: (HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed"),
    exceptions.NotAcceptable: (HTTPStatus.NOT_ACCEPTABLE, "not_acceptable"),
    exceptions.UnsupportedMediaType: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
    exceptions.Throttled: (HTTPStatus.TOO_MANY_REQUESTS, "throttled"),
}
DATABASE_RETRY_SECONDS = 5
# The older endpoints, whose callers look for `success` in every answer.
WITH_SUCCESS = frozenset({"/api/audio/upload-chunk", "/api/audio/session-complete"})


def shape(code: str, message: str, fields: dict[str, Any] | None = None, *, path: str) -> dict[str, Any]:
    """The body of a refusal; `path` is the address that was asked."""
    error = {"code": code, "message": message, **({"fields": fields} if fields else {})}
    return {"success": False, "error": error} if path in WITH_SUCCESS else {"error": error}


def status_of(error: Exception) -> HTTPStatus | None:
    """What the table says of an error or of what it is a kind of; None for what is not in it."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's exception handler: an answer in the one shape, or None for what is a bug (a 500)."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    path = context["request"].path
    if isinstance(error, exceptions.APIException):
        return _framework_answer(error, path)
    if isinstance(error, OperationalError):
        log.warning("database_unavailable", error=type(error).__name__)
        body = shape("database_unavailable", "The database is out of reach for a moment. Try again.", path=path)
        return Response(body, status=503, headers={"Retry-After": str(DATABASE_RETRY_SECONDS)})
    status = status_of(error)
    if status is None:
        return None
    headers = {}
    if retry_after := getattr(error, "retry_after_seconds", None):
        headers["Retry-After"] = str(retry_after)
    if isinstance(error, audio.NoSuchRange):
        headers["Content-Range"] = f"bytes */{error.size}"
    body = shape(error.code, error.message, error.fields, path=path)  # type: ignore[attr-defined]
    return Response(body, status=status, headers=headers)


def _framework_answer(error: exceptions.APIException, path: str) -> Response:
    status, code = next(
        (_FRAMEWORK_CODES[kind] for kind in type(error).__mro__ if kind in _FRAMEWORK_CODES),
        (HTTPStatus(error.status_code), "error"),
    )
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="earshot"'
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    if isinstance(error, exceptions.ValidationError):
        detail = error.detail
        fields = detail if isinstance(detail, dict) else {"body": detail}
        message = "Some of this cannot be right; see the fields."
        return Response(shape(code, message, fields, path=path), status=status)
    return Response(shape(code, str(error.detail), path=path), status=status, headers=headers)
