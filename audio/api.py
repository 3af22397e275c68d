import hashlib
import uuid
from datetime import timedelta
from itertools import chain
from typing import Any, ClassVar, cast

import orjson
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from audio import (
    byte_ranges,
    chunks,
    consents,
    containers,
    gaps,
    headers,
    listening,
    peaks,
    progress,
    sessions,
    upload_rate,
    upload_tokens,
)
from audio.errors import BadChunk, UnknownChunk
from audio.headers import Declared
from audio.models import AudioChunk, AudioSession
from audio.playback import Recording
from audio.serializers import (
    ChunkFormSerializer,
    ChunkSerializer,
    DoneSerializer,
    GapSerializer,
    NewConsentSerializer,
    NewSessionSerializer,
    PeaksQuerySerializer,
    PlayedQuerySerializer,
    RetrySerializer,
    SessionCompleteSerializer,
    SessionInListSerializer,
    SessionSerializer,
    StoredChunkSerializer,
    TotalChunksSerializer,
    UploadTokenSerializer,
    WaveformSerializer,
    told_of,
)
from audio.states import VerdictState
from audio.upload_tokens import UploadToken

_CHUNK_HEADERS = [
    OpenApiParameter("Content-Digest", str, "header", description="RFC 9530, `sha-256=:…:`"),
    OpenApiParameter("X-Start-Time", float, "header", description="Seconds from the start of the recording"),
    OpenApiParameter("X-Sample-Range", str, "header", description="`first-last/rate`"),
    OpenApiParameter("X-Captured-At", OpenApiTypes.DATETIME, "header"),
]
_JSON_PARSERS: Any = api_settings.DEFAULT_PARSER_CLASSES
_INDEX = OpenApiParameter("index", int, "path", description="From 0")


class SessionList(GenericAPIView[AudioSession]):
    capabilities: ClassVar = {"GET": "recordings.read", "POST": "recordings.write"}
    audits: ClassVar = {"GET": "recording.listed", "POST": "recording.started"}
    serializer_class = SessionSerializer
    queryset = AudioSession.objects.none()

    @extend_schema(operation_id="list_sessions", responses=SessionInListSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The recordings that you may see, newest first."""
        page = self.paginate_queryset(AudioSession.objects.visible_to(request.user))
        return self.get_paginated_response(SessionInListSerializer(page, many=True).data)

    @extend_schema(
        operation_id="start_session",
        request=NewSessionSerializer,
        responses={201: SessionSerializer, 200: SessionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Begin a recording: 201, or 200 with the session that has this id already."""
        given = NewSessionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = dict(given.validated_data)
        session, is_new = sessions.start(request.user, session_id=wanted.pop("id", None), **wanted)
        return Response(
            SessionSerializer(session).data, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        )


class SessionDetail(APIView):
    capabilities: ClassVar = {"GET": "recordings.read"}
    audits: ClassVar = {"GET": "recording.read"}
    takes_upload_token = True

    @extend_schema(responses=SessionSerializer)
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        return Response(SessionSerializer(sessions.find(request.user, session_id)).data)


class SessionComplete(APIView):
    capabilities: ClassVar = {"POST": "recordings.write"}
    audits: ClassVar = {"POST": "recording.completed"}
    done_all_the_same = frozenset({"chunks_owed"})  # The total is kept, and the session ends by itself.
    takes_upload_token = True

    @extend_schema(request=TotalChunksSerializer, responses=SessionSerializer)
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        """Say how many chunks there are: 200, or 409 naming those `owed`; the session then ends by itself."""
        session = sessions.find(request.user, session_id)
        given = TotalChunksSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(SessionSerializer(sessions.complete(session, **given.validated_data)).data)


class SessionGaps(APIView):
    capabilities: ClassVar = {"POST": "recordings.write"}
    audits: ClassVar = {"POST": "recording.gap_declared"}
    takes_upload_token = True

    @extend_schema(request=GapSerializer, responses=SessionSerializer)
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        """Say that a stretch has no sound and why; the same start and cause again sets its end."""
        session = sessions.find(request.user, session_id)
        given = GapSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(SessionSerializer(gaps.declare(session, **given.validated_data)).data)


class SessionConsent(APIView):
    capabilities: ClassVar = {"POST": "recordings.write"}
    audits: ClassVar = {"POST": "recording.consent_recorded"}
    takes_upload_token = True

    @extend_schema(request=NewConsentSerializer, responses=SessionSerializer)
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        """Put on record who agreed to be recorded, or did not, and to which words."""
        session = sessions.find(request.user, session_id)
        given = NewConsentSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        consents.record(session, **given.validated_data)
        return Response(SessionSerializer(session).data)


class SessionUploadToken(APIView):
    capabilities: ClassVar = {"POST": "recordings.write"}
    audits = None  # A running recorder renews it every few minutes; who began the recording is written down.
    is_upload = True
    takes_upload_token = True
    renews_upload_token = True

    @extend_schema(request=None, responses=UploadTokenSerializer)
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        """A token for this recording alone, good for a quarter of an hour; by itself it is renewed for a day."""
        session = sessions.find(request.user, session_id)
        former = request.auth if isinstance(request.auth, UploadToken) else None
        token = upload_tokens.issue(request.user, session, first_issued_at=former.first_issued_at if former else None)
        sessions.note_life(session)
        return Response(UploadTokenSerializer(token).data)


class SessionAudio(APIView):
    capabilities: ClassVar = {"GET": "recordings.read"}
    audits: ClassVar = {"GET": ("recording.played", "recording.originals_played")}
    # A player asks again and again while it plays.
    same_act_for = timedelta(minutes=10)

    @extend_schema(
        parameters=[
            PlayedQuerySerializer,
            OpenApiParameter("Range", str, "header", description="One range of bytes; several are answered with all"),
            OpenApiParameter("If-Range", str, "header", description="The entity tag that the range is meant for"),
            OpenApiParameter("If-None-Match", str, "header"),
            OpenApiParameter("download", str, description="Have it saved to a file instead of played"),
        ],
        responses={(200, "audio/wav"): OpenApiTypes.BINARY, (206, "audio/wav"): OpenApiTypes.BINARY, 304: None},
    )
    def get(self, request: Request, session_id: uuid.UUID) -> HttpResponseBase:
        """All of the recording as one file: 16-bit WAV at 16 kHz, gaps silent and marked, any range of its bytes.

        What is masked in the transcript is silent and marked, too, as far as the recording has been transcribed.
        """
        given = PlayedQuerySerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        if given.validated_data["originals"]:
            if not cast("Any", request.user).may("recordings.hear_originals"):
                raise PermissionDenied("Your role does not include hearing what is masked.")
            request._request.act = "recording.originals_played"  # type: ignore[attr-defined]
        session = sessions.find(request.user, session_id)
        recording = Recording.of(session, **given.validated_data)
        facts = {"ETag": recording.etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
        if _is_known(recording.etag, request.headers.get("If-None-Match", "")):
            return HttpResponse(status=status.HTTP_304_NOT_MODIFIED, headers=facts)
        name = f"recording-{str(session.pk)[:8]}.wav"
        facts["Content-Disposition"] = str(content_disposition_header("download" in request.query_params, name))
        wanted = None
        if request.method == "GET" and request.headers.get("If-Range", recording.etag) == recording.etag:
            wanted = byte_ranges.asked(request.headers.get("Range"), recording.size)
        code = status.HTTP_200_OK if wanted is None else status.HTTP_206_PARTIAL_CONTENT
        if wanted is None:
            wanted = range(recording.size)
        else:
            facts["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{recording.size}"
        facts["Content-Length"] = str(len(wanted))
        content_type = containers.WAV.content_type
        if request.method == "HEAD":
            return HttpResponse(status=code, headers=facts, content_type=content_type)
        pieces = recording.bytes_between(wanted.start, wanted.stop)
        # The first piece now, while a store that is out of reach can still be answered for.
        pieces = chain([next(pieces, b"")], pieces)
        return StreamingHttpResponse(
            listening.in_threads(pieces) if isinstance(request._request, ASGIRequest) else pieces,
            status=code,
            headers=facts,
            content_type=content_type,
        )

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002
        # What players say that they accept is sound; a refusal is told in JSON all the same.
        return super().perform_content_negotiation(request, force=True)


class SessionPeaks(APIView):
    capabilities: ClassVar = {"GET": "recordings.read"}
    audits: ClassVar = {"GET": "recording.read"}
    # Who looks closer asks again and again.
    same_act_for = timedelta(minutes=10)

    @extend_schema(
        parameters=[PeaksQuerySerializer, OpenApiParameter("If-None-Match", str, "header")],
        responses={200: WaveformSerializer, 304: None},
    )
    def get(self, request: Request, session_id: uuid.UUID) -> HttpResponseBase:
        """What the waveform is drawn from: how loud each channel is, of all of the recording or a stretch of it."""
        session = sessions.find(request.user, session_id)
        given = PeaksQuerySerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        waveform = peaks.of(session, **given.validated_data)
        body = orjson.dumps(waveform)
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        # Whoever has it asks whether it is so still, since late chunks change it; what is being made is not kept.
        is_kept = session.verdict_state == VerdictState.COMPLETE and not waveform["is_being_made"]
        facts = {"ETag": etag, "Cache-Control": "private, no-cache" if is_kept else "private, no-store"}
        if _is_known(etag, request.headers.get("If-None-Match", "")):
            return HttpResponse(status=status.HTTP_304_NOT_MODIFIED, headers=facts)
        return HttpResponse(body, headers=facts, content_type="application/json")


class ChunkList(GenericAPIView[AudioChunk]):
    capabilities: ClassVar = {"GET": "recordings.read"}
    audits: ClassVar = {"GET": "recording.read"}
    takes_upload_token = True
    serializer_class = ChunkSerializer
    queryset = AudioChunk.objects.none()

    @extend_schema(operation_id="list_chunks", responses=ChunkSerializer(many=True))
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        """The chunks of a recording with their states, newest first."""
        session = sessions.find(request.user, session_id)
        page = self.paginate_queryset(session.chunks.stored())
        return self.get_paginated_response(ChunkSerializer(page, many=True).data)


class ChunkDetail(APIView):
    capabilities: ClassVar = {"PUT": "recordings.write"}
    audits = None  # That the recording was started is written down; its chunks are no acts of their own.
    is_upload = True
    takes_upload_token = True

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[*_CHUNK_HEADERS, _INDEX],
        responses={201: ChunkSerializer, 200: ChunkSerializer},
    )
    def put(self, request: Request, session_id: uuid.UUID, index: str) -> Response:
        """Store a chunk: 201; 200 when the same bytes are there already; 409 when other bytes are."""
        upload_rate.admit(request.user)
        session = sessions.find(request.user, session_id)
        chunk, is_new = chunks.accept(
            session,
            index=_whole_number(index),
            # The body as it is: what it holds is told by its content, not by its type.
            body=request.body,
            declared=headers.declared(request.headers),
        )
        return Response(told_of(chunk), status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


class UploadChunk(APIView):
    """The older way to send a chunk: a form."""

    capabilities: ClassVar = {"POST": "recordings.write"}
    audits = None  # As for the chunks that are put.
    is_upload = True
    parser_classes = (MultiPartParser,)

    @extend_schema(request=ChunkFormSerializer, responses=StoredChunkSerializer)
    def post(self, request: Request) -> Response:
        """Store a chunk: `audio_chunk`, `session_id`, `chunk_index`, `start_time`."""
        upload_rate.admit(request.user)
        given = ChunkFormSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        form = given.validated_data
        chunk, _ = chunks.accept(
            sessions.find(request.user, form["session_id"]),
            index=form["chunk_index"],
            body=form["audio_chunk"].read(),
            declared=Declared(start_time=form.get("start_time")),
        )
        stored = {
            "success": True,
            "chunk_index": chunk.chunk_index,
            "s3_key": chunk.s3_key,
            "duration": chunk.duration_seconds,
        }
        return Response(stored)


class CompleteSession(APIView):
    """The older way to say that a recording is complete."""

    capabilities: ClassVar = {"POST": "recordings.write"}
    audits: ClassVar = {"POST": "recording.completed"}
    done_all_the_same = frozenset({"chunks_owed"})
    is_upload = True
    parser_classes = (*_JSON_PARSERS, FormParser, MultiPartParser)

    @extend_schema(request=SessionCompleteSerializer, responses=DoneSerializer)
    def post(self, request: Request) -> Response:
        """Say how many chunks there are: 200, or 409 naming those `owed`; the session then ends by itself."""
        given = SessionCompleteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        session = sessions.find(request.user, given.validated_data["session_id"])
        # The audit log tells what was completed, which the address does not.
        request._request.about = {"session_id": session.pk}  # type: ignore[attr-defined]
        sessions.complete(session, total_chunks=given.validated_data["total_chunks"])
        return Response({"success": True, "message": "All chunks are here. The recording is being finished."})


class ChunkRetry(APIView):
    capabilities: ClassVar = {"POST": "recordings.retry"}
    audits: ClassVar = {"POST": "recording.analysed_again"}

    @extend_schema(request=RetrySerializer, parameters=[_INDEX], responses=ChunkSerializer)
    def post(self, request: Request, session_id: uuid.UUID, index: str) -> Response:
        """Have a chunk analysed again: from the start, or from a stage on."""
        given = RetrySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        session = sessions.find(request.user, session_id)
        chunk = chunks.find(session, _whole_number(index))
        if chunk is None:
            raise UnknownChunk(f"Chunk {index} of this session is not stored.")
        progress.try_again(chunk, stage=given.validated_data.get("stage"))
        chunk.refresh_from_db()
        return Response(told_of(chunk))


def _is_known(etag: str, known: str) -> bool:
    """Whether the entity tag is among those of an If-None-Match header."""
    return any(one == "*" or one.removeprefix("W/") == etag for one in parse_etags(known))


def _whole_number(index: str) -> int:
    if not (index.isascii() and index.isdigit() and len(index) < 10):
        raise BadChunk("A chunk's index is a whole number from 0.", fields={"index": [index[:32]]})
    return int(index)
