"""What the archive's door asks of Google Cloud Storage, by a small store that answers as Google documents it.

Google's own servers are not asked: what they do besides is not known here.
"""

import re

import pytest

from metrics import archive
from metrics.errors import ArchiveConflict
from tests.object_store import VersionedStore, in_place_of_the_archive

pytestmark = pytest.mark.usefixtures("transactional_db")


class StoreOfGoogle(VersionedStore):
    """Numbers its versions as generations, and refuses the checksums that Amazon's driver adds by itself."""

    def do_PUT(self):  # noqa: N802 - as the library calls it
        asked = {name.lower(): value for name, value in self.headers.items()}
        self.asked.append(asked)
        if any("checksum" in name for name in asked) or "aws-chunked" in asked.get("content-encoding", ""):
            return self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        return super().do_PUT()

    def _listing(self, query):
        return re.sub(rb"<VersionId>(.*?)</VersionId>", rb"<Generation>\1</Generation>", super()._listing(query))


@pytest.fixture
def store(settings):
    store = type("Store", (StoreOfGoogle,), {"kept": [], "asked": []})
    with in_place_of_the_archive(settings, store):
        yield store


def test_what_is_written_is_signed_with_its_content_and_has_no_checksum_besides(store):
    archive.write("folder/name", b"one")
    assert archive.read("folder/name") == b"one"
    (asked,) = store.asked
    assert re.fullmatch(r"[0-9a-f]{64}", asked["x-amz-content-sha256"])
    assert "x-amz-storage-class" not in asked


def test_the_class_of_an_object_is_said_where_one_is_asked_for(store):
    archive.write("folder/name", b"one", storage_class="NEARLINE")
    assert store.asked[0]["x-amz-storage-class"] == "NEARLINE"


def test_replacing_is_fine_in_a_bucket_without_versions(store):
    archive.write("folder/key", b"secret")
    store.kept.clear()
    assert archive.replace("folder/key", b"destroyed") is None
    assert archive.read("folder/key") == b"destroyed"


def test_a_bucket_that_keeps_versions_is_told_where_they_cannot_be_erased(store):
    archive.write("folder/key", b"secret")
    with pytest.raises(ArchiveConflict, match="keeps versions"):
        archive.replace("folder/key", b"destroyed")
