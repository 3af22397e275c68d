"""A small object store that keeps versions, as that of the tests does not, and that a test can look into.

GET, PUT, DELETE, a listing of names, and one of versions, two to a page, as S3's own documentation describes them.
"""

import itertools
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from metrics import archive

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
        if "list-type" in query:
            return self._answer(200, self._names(query["prefix"][0]))
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

    def _names(self, prefix):
        newest = {name: content for name, _, content in reversed(self.kept) if name.startswith(prefix)}
        there = sorted(name for name, content in newest.items() if content is not None)
        body = "".join(f"<Contents><Key>{escape(name)}</Key></Contents>" for name in there)
        return f"<ListBucketResult>{body}</ListBucketResult>".encode()

    @property
    def _name(self):
        return unquote(urlsplit(self.path).path).removeprefix("/").partition("/")[2]

    def _answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@contextmanager
def in_place_of_the_archive(settings, store):
    """The class of a store that has `kept` of its own answers as the archive."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    there = settings.STORAGES["archive"]
    options = {**there["OPTIONS"], "endpoint_url": f"http://127.0.0.1:{server.server_port}"}
    archive._client.cache_clear()
    settings.STORAGES = {**settings.STORAGES, "archive": {**there, "OPTIONS": options}}
    try:
        yield
    finally:
        archive._client.cache_clear()
        server.shutdown()
        server.server_close()
