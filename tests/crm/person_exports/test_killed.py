"""A worker that is killed outright, in the worst moment: all is sent, and nothing of it is to be seen yet."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.db import connection

from audio import blobs
from crm.models import PersonExport
from crm.person_exports import files, making, requests
from metrics import locks
from tests.person_exports import ask, objects, opened
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
MAKE = (
    "import sys, uuid, django; django.setup(); "
    "from crm.person_exports import making; making.make(uuid.UUID(sys.argv[1]))"
)


def address_of_the_database():
    database = urlsplit(os.environ["EARSHOT_DATABASE_URL"])
    return urlunsplit(database._replace(path=f"/{connection.settings_dict['NAME']}"))


def somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return cursor.fetchone()[0]


def test_killed_before_it_is_seen_it_leaves_nothing_and_is_made_anew(officer, ada, call, tmp_path):
    """It comes no further than the moment in which it would be ready: somebody is being forgotten just then."""
    export = ask(officer, contact_id=ada.pk)
    told = {"EARSHOT_DATABASE_URL": address_of_the_database(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    with locks.held_alone(f"forgotten/crm/{officer.tenant_id}"):
        process = subprocess.Popen(
            [sys.executable, "-c", MAKE, str(export.pk)],
            cwd=ROOT,
            env={**os.environ, **told, "TMPDIR": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(somebody_waits_for_a_lock, what="all of it to be sent")
        process.send_signal(signal.SIGKILL)
        process.wait()
    export.refresh_from_db()
    # How many calls are in it is told now and then only.
    assert (export.state, objects()) == ("running", [])
    assert not list(tmp_path.glob("export-*"))
    PersonExport.objects.filter(pk=export.pk).update(claimed_at=export.claimed_at - requests.LEASE)
    # PostgreSQL takes a moment to see that whoever held the turn is dead.
    wait_until(lambda: making.make(export.pk), what="the turn")
    archive = opened(export)
    assert (archive.row.state, objects()) == ("ready", [files.key_of(archive.row)])
    # What it had sent is forgotten by the store, once beat says so.
    assert blobs.give_up_all(files.ROOT) == 1
