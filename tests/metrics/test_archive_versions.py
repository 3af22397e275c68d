"""What the archive's door asks of a bucket that keeps versions.

The object store of the tests keeps none, so a small one stands here that does: GET, PUT, DELETE and the listing of
versions, two to a page, as S3's own documentation describes them.
"""

import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from metrics import archive

pytestmark = pytest.mark.usefixtures("transactional_db")
_versions = itertools.count(1)


class VersionedStore(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kept: list  # [name, version, content], newest first; content is None for a delete marker

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.kept.insert(0, (self._name, f"v{next(_versions)}", content))
        self._answer(200)

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "versions" in query:
            return self._answer(200, self._listing(query))
        content = next((content for name, _, content in self.kept if name == self._name), None)
        if content is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        return self._answer(200, content)

    def do_DELETE(self):
        version = parse_qs(urlsplit(self.path).query).get("versionId")
        if version:
            self.kept[:] = [one for one in self.kept if one[1] != version[0]]
        else:
            self.kept.insert(0, (self._name, f"v{next(_versions)}", None))
        self._answer(204)

    def _listing(self, query):
        matching = [one for one in self.kept if one[0].startswith(query["prefix"][0])]
        after = query.get("version-id-marker", [None])[0]
        start = next((place for place, one in enumerate(matching, 1) if one[1] == after), 0)
        page, newest = matching[start : start + 2], {one[0]: one[1] for one in reversed(self.kept)}
        cut = start + 2 < len(matching)
        body = f"<IsTruncated>{str(cut).lower()}</IsTruncated>"
        if cut:
            body += f"<NextKeyMarker>{escape(page[-1][0])}</NextKeyMarker>"
            body += f"<NextVersionIdMarker>{page[-1][1]}</NextVersionIdMarker>"
        for name, version, content in page:
            kind = "DeleteMarker" if content is None else "Version"
            latest = str(newest[name] == version).lower()
            body += f"<{kind}><Key>{escape(name)}</Key><VersionId>{version}</VersionId>"
            body += f"<IsLatest>{latest}</IsLatest></{kind}>"
        return f"<ListVersionsResult>{body}</ListVersionsResult>".encode()

    @property
    def _name(self):
        return unquote(urlsplit(self.path).path).split("/", 2)[2]

    def _answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def kept(settings):
    """The versions that the bucket keeps, newest first."""
    store = type("Store", (VersionedStore,), {"kept": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    there = settings.STORAGES["archive"]
    options = {**there["OPTIONS"], "endpoint_url": f"http://127.0.0.1:{server.server_port}"}
    archive._client.cache_clear()
    settings.STORAGES = {**settings.STORAGES, "archive": {**there, "OPTIONS": options}}
    yield store.kept
    archive._client.cache_clear()
    server.shutdown()
    server.server_close()


def test_erasing_leaves_no_version(kept):
    for content in (b"one", b"two", b"three"):
        archive.write("folder/name", content)
    archive.write("folder/name-of-another", b"other")
    archive.erase("folder/name")
    assert [(name, content) for name, _, content in kept] == [("folder/name-of-another", b"other")]


def test_what_was_hidden_by_somebody_elses_delete_is_erased_too(kept):
    archive.write("folder/name", b"one")
    kept.insert(0, ("folder/name", "v-hidden", None))
    assert archive.read("folder/name") is None
    archive.erase("folder/name")
    assert kept == []


def test_replacing_leaves_nothing_older(kept):
    for content in (b"one", b"two", b"three"):
        archive.write("folder/key", content)
    assert archive.replace("folder/key", b"destroyed") == b"three"
    assert [content for _, _, content in kept] == [b"destroyed"]


def test_replacing_again_finishes_what_was_left_half_done(kept):
    archive.write("folder/key", b"secret")
    # As a process leaves it that dies before it has removed what is older.
    archive.write("folder/key", b"destroyed")
    assert archive.replace("folder/key", b"destroyed") == b"destroyed"
    assert [content for _, _, content in kept] == [b"destroyed"]
