"""Fetches a Whisper model, once: `make models`. The only thing in hearing that ever asks a network for a model.

1. The hub says which files the model has at one revision, how long they are and what they hash to.
2. They are fetched beside the directory, in one whose name tells the revision; what a cut has left there is gone on
   with. Each is compared with its hash.
3. The model is loaded and hears a second of sound.
4. `earshot-model.json` is written, with where it is from and the SHA-256 of each file, and all of it becomes the
   directory in one step: there is never half a model in it.
"""

import fnmatch
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.faster_whisper_engine import FILES, RECORD, VOCABULARY, FasterWhisperTranscriber
from audio.analysis.transcription import Passage
from audio.analysis.voice_activity import Region
from audio.errors import EngineUnavailable, ModelNotFetched

HUB = "https://huggingface.co"
# The smallest that is of use on spontaneous speech in many languages: 484 MB. Its revision of 2023, which has not
# changed since, is named so that everybody gets the same bytes.
DEFAULT = "Systran/faster-whisper-small"
REVISIONS = {DEFAULT: "536b0662742c02347bc0e980a01041f333bce120"}
NEWEST = "main"
BY_HAND = "by hand"
WANTED = (*FILES, VOCABULARY, "preprocessor_config.json")

# Where there is no network this is how long it takes to find out.
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
LARGEST_LISTING_BYTES = 2**20
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of the hub's: SHA-256 of its bytes where it is a large one, else Git's own SHA-1, in hexadecimal."""

    name: str
    size: int
    sha256: str
    git_sha1: str

    def hashes(self, path: Path) -> bool:
        if self.sha256:
            return digest_of(path) == self.sha256
        body = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest() == self.git_sha1


def fetch(directory: Path, *, model: str = DEFAULT, revision: str = "", hub: str = HUB, say: Say) -> None:
    """Make `directory` hold the model, unless it does. Raises ModelNotFetched, saying what is in the way.

    A model that `fetch` has put there itself gives way to another; anything else is left alone.
    """
    revision = revision or REVISIONS.get(model, NEWEST)
    record = read_record(directory)
    is_by_hand = record.get("from") == BY_HAND
    if is_by_hand or (record.get("model") == model and revision in {record.get("asked"), record.get("revision")}):
        verify(directory)
        say(f"{record['model']} is in {directory} already, and can be used.")
        return
    if directory.exists() and not record and (not directory.is_dir() or any(directory.iterdir())):
        _take_over(directory, say)
        return
    with _plain_failures(hub, model, directory), httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client:
        commit, files = listing(client, hub=hub, model=model, revision=revision)
        partial = directory.with_name(f"{directory.name}.{commit[:12]}.partial")
        _make_room(directory.parent, partial, files)
        say(f"Fetching {model}, {sum(file.size for file in files) / 1e6:.0f} MB, from {hub}")
        for file in files:
            _get(client, f"{hub}/{model}/resolve/{commit}/{file.name}", file, partial / file.name)
            say(f"  {file.name}, {file.size / 1e6:.1f} MB")
    verify(partial)
    _write_record(partial, model=model, asked=revision, revision=commit, source=hub)
    _put_in_place(partial, directory)
    say(f"{model} is in {directory}. It is used from the next start on.")


def verify(directory: Path) -> None:
    """Load the model and have it hear a second of noise. Raises ModelNotFetched when it cannot."""
    engine = FasterWhisperTranscriber(directory)
    noise = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE).astype(np.float32)
    try:
        engine.health()
        engine.load()
        engine.run(Passage(noise, (Region(0.0, 1.0),)))
    except EngineUnavailable as unavailable:
        raise ModelNotFetched(unavailable.message) from unavailable


def listing(client: httpx.Client, *, hub: str, model: str, revision: str) -> tuple[str, list[RemoteFile]]:
    """The commit that `revision` names, and those of its files that a transcriber needs."""
    with client.stream("GET", f"{hub}/api/models/{model}/revision/{revision}", params={"blobs": "true"}) as response:
        if response.status_code in {401, 403, 404}:
            raise ModelNotFetched(
                f"{hub} has no model {model} at {revision} that everybody may fetch ({response.status_code})."
            )
        response.raise_for_status()
        body = b""
        for piece in response.iter_bytes():
            body += piece
            if len(body) > LARGEST_LISTING_BYTES:
                raise ValueError("an endless list")
    told = json.loads(body)
    commit = _hexadecimal(told["sha"])
    files = [_remote_file(entry) for entry in told["siblings"] if _is_wanted(entry["rfilename"])]
    names = [file.name for file in files]
    if absent := [name for name in (*FILES, VOCABULARY) if not fnmatch.filter(names, name)]:
        raise ModelNotFetched(
            f"{model} is no Whisper model in CTranslate2's format: it has no {', '.join(absent)}. "
            "Models of that kind are those of Systran, as Systran/faster-whisper-small."
        )
    return commit, files


def read_record(directory: Path) -> dict[str, Any]:
    """What `fetch` has written down of a model; empty when there is no such thing."""
    try:
        record = json.loads((directory / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def digest_of(path: Path) -> str:
    """SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _take_over(directory: Path, say: Say) -> None:
    """A model that somebody has put there by hand is tried and written down as it is."""
    try:
        verify(directory)
    except ModelNotFetched as failed:
        raise ModelNotFetched(
            f"{directory} holds what `make models` has not put there, and it cannot be used. Move it away, or set "
            f"EARSHOT_WHISPER_MODEL to another directory. {failed.message}"
        ) from failed
    _write_record(directory, model=directory.name, asked="", revision="", source=BY_HAND)
    say(f"The model in {directory} was put there by hand, and can be used. To have another fetched, move it away.")


def _write_record(directory: Path, *, model: str, asked: str, revision: str, source: str) -> None:
    digests = {path.name: digest_of(path) for path in sorted(directory.iterdir()) if _is_wanted(path.name)}
    told = {"model": model, "asked": asked, "revision": revision, "from": source, "files": digests}
    (directory / RECORD).write_text(json.dumps(told, indent=2) + "\n")


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    large = entry.get("lfs") or {}
    sha256 = _hexadecimal(large["sha256"]) if large else ""
    return RemoteFile(entry["rfilename"], int(entry["size"]), sha256, "" if sha256 else _hexadecimal(entry["blobId"]))


def _is_wanted(name: str) -> bool:
    return "/" not in name and any(fnmatch.fnmatch(name, wanted) for wanted in WANTED)


def _hexadecimal(text: str) -> str:
    # It becomes part of a path and of an address.
    int(text, 16)
    return text.lower()


def _make_room(parent: Path, partial: Path, files: list[RemoteFile]) -> None:
    parent.mkdir(parents=True, exist_ok=True)
    here = sum(path.stat().st_size for path in partial.iterdir()) if partial.is_dir() else 0
    needed, free = sum(file.size for file in files) - here, shutil.disk_usage(parent).free
    if needed > free:
        raise ModelNotFetched(f"The model needs {needed / 1e6:.0f} MB more, and {parent} has {free / 1e6:.0f} MB free.")
    partial.mkdir(exist_ok=True)


def _get(client: httpx.Client, url: str, file: RemoteFile, path: Path) -> None:
    """Fetch a file, or what is still missing of it."""
    here = path.stat().st_size if path.is_file() else 0
    if here < file.size:
        headers = {"Range": f"bytes={here}-"} if here else {}
        # As it is stored: a length and a range are of those bytes.
        with client.stream("GET", url, headers={**headers, "Accept-Encoding": "identity"}) as response:
            response.raise_for_status()
            # A server that does not know ranges begins at the beginning.
            with path.open("ab" if response.status_code == httpx.codes.PARTIAL_CONTENT else "wb") as target:
                for piece in response.iter_raw():
                    target.write(piece)
                    if target.tell() > file.size:
                        break
    if path.stat().st_size != file.size or not file.hashes(path):
        path.unlink()
        raise ModelNotFetched(f"{file.name} has come damaged. Run `make models` again: it is fetched anew.")


def _put_in_place(partial: Path, directory: Path) -> None:
    old = directory.with_name(f"{directory.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if directory.exists():
        directory.rename(old)
    partial.rename(directory)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _plain_failures(hub: str, model: str, directory: Path) -> Iterator[None]:
    by_hand = (
        f"Without a network, fetch model.bin, config.json, tokenizer.json and vocabulary.* of {HUB}/{model} on "
        f"another machine, and put them into {directory}; or name a mirror in HF_ENDPOINT."
    )
    try:
        yield
    except httpx.HTTPStatusError as refused:
        raise ModelNotFetched(f"{hub} answered {refused.response.status_code}. {by_hand}") from refused
    except (httpx.TransportError, httpx.InvalidURL) as failed:
        kind = type(failed).__name__
        raise ModelNotFetched(
            f"{hub} cannot be reached, or not for long enough ({kind}). {_kept(directory)}{by_hand}"
        ) from failed
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as failed:
        raise ModelNotFetched(f"{hub} answers nothing that a model hub would. {by_hand}") from failed
    except OSError as failed:
        raise ModelNotFetched(f"The model cannot be written beside {directory}: {failed.strerror}.") from failed


def _kept(directory: Path) -> str:
    has_begun = any(directory.parent.glob(f"{directory.name}.*.partial"))
    return "What has come so far is kept, and `make models` goes on with it. " if has_begun else ""
