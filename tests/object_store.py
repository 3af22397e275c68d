"""A small object store that keeps versions, as that of the tests does not, and that a test can look into.

GET, PUT, DELETE of one and of several, a listing of names, and one of versions, two to a page, as S3's own
documentation describes them.
"""

import itertools
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from audio import blobs
from metrics import archive

_versions = itertools.count(1)


class VersionedStore(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    takes_several = True
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

    def do_POST(self):
        """Several at once: `?delete`, each perhaps with a version."""
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if not self.takes_several:
            return self._answer(501, b"<Error><Code>NotImplemented</Code></Error>")
        for one in re.findall("<Object>(.*?)</Object>", asked):
            name, version = (re.search(f"<{tag}>(.*?)</{tag}>", one) for tag in ("Key", "VersionId"))
            if version:
                self.kept[:] = [kept for kept in self.kept if kept[1] != version[1]]
            else:
                self.kept.insert(0, (unescape(name[1]), f"v{next(_versions)}", None))
        return self._answer(200, b"<DeleteResult></DeleteResult>")

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


def in_place_of_the_archive(settings, store):
    """The class of a store that has `kept` of its own answers as the archive."""
    return _in_place_of("archive", archive._client, settings, store)


def in_place_of_the_recordings(settings, store):
    """The same for the store of recordings."""
    return _in_place_of("recordings", blobs._client, settings, store)


@contextmanager
def _in_place_of(alias, client, settings, store):
    server = ThreadingHTTPServer(("127.0.0.1", 0), store)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    there = settings.STORAGES[alias]
    options = {**there["OPTIONS"], "endpoint_url": f"http://127.0.0.1:{server.server_port}"}
    client.cache_clear()
    settings.STORAGES = {**settings.STORAGES, alias: {**there, "OPTIONS": options}}
    try:
        yield
    finally:
        client.cache_clear()
        server.shutdown()
        server.server_close()
