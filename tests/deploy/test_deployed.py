"""What docker-compose.yml starts, started as it says: its commands, its environment, its secrets in files, its checks.

No Docker here: processes of this machine instead of containers, and the tests' own servers instead of the stores. All
else is read from the file, so that what is written there is what is tried.
"""

import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import psycopg
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.composition import SERVICES, VARIABLES, filled, image_environment
from tests.deploy.accounts import Accounts, at
from tests.running import ROOT, free_port
from tests.sound import encode, speech
from tests.waiting import wait_until

PATIENCE_SECONDS = 300
LIFE_FILE = SERVICES["beat"]["environment"]["EARSHOT_LIFE_FILE"]
EVERYWHERE = "0.0.0.0"  # noqa: S104 - in the container
# How a proxy in front passes a request on.
PROXIED = {"Host": VARIABLES["DOMAIN"], "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}


class Site:
    """The services that are started, each with the file that it touches and its log under its name."""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.secrets = directory / "secrets"
        # The tests are where the proxy would be.
        self.variables = {**VARIABLES, "FRONT_NETWORK": "127.0.0.0/8", "S3_ENDPOINT": os.environ["EARSHOT_S3_ENDPOINT"]}
        # As in `.env`.
        own = uuid.uuid4().hex
        self.settings = {"EARSHOT_S3_BUCKET": f"deployed-{own}", "EARSHOT_ARCHIVE_BUCKET": f"kept-{own}"}
        self.processes = {}

    def environment_of(self, name):
        """What the container would have: the image's variables, those of `.env`, the service's own."""
        own = filled(SERVICES[name]["environment"], self.variables)
        image = image_environment()
        # Where this machine's environment and data lie instead of the image's.
        places = {"PATH": os.environ["PATH"], "EARSHOT_DATA": str(self.directory / "data")}
        told = {**image, **places, **self.settings, **own, "EARSHOT_PORT": str(self.port)}
        return {variable: self.here(value, name) for variable, value in told.items()}

    def here(self, word, name):
        """A word of the file with the container's places and port replaced by ours."""
        places = {
            "/run/secrets/": f"{self.secrets}/",
            LIFE_FILE: f"{self.directory}/{name}.alive",
            "127.0.0.1:8000": f"127.0.0.1:{self.port}",
        }
        for place, ours in places.items():
            word = word.replace(place, ours)
        return {"python": sys.executable, "8000": str(self.port), EVERYWHERE: "127.0.0.1"}.get(word, word)

    def words(self, name, words):
        return [self.here(word, name) for word in filled(words, self.variables)]

    def run(self, name, *arguments, variables=None, **options):
        """The service's command to its end, or another one in its place, as `docker compose run` does."""
        command = self.words(name, list(arguments) or SERVICES[name]["command"])
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**self.environment_of(name), **(variables or {})},
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    def start(self, name):
        log = (self.directory / f"{name}.log").open("wb")
        self.processes[name] = subprocess.Popen(
            self.words(name, SERVICES[name]["command"]),
            cwd=ROOT,
            env=self.environment_of(name),
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def is_healthy(self, name):
        """What the service's own check says."""
        how, *words = self.words(name, SERVICES[name]["healthcheck"]["test"])
        command = ["sh", "-c", *words] if how == "CMD-SHELL" else words
        return subprocess.run(command, env=self.environment_of(name), capture_output=True, check=False).returncode == 0

    def said(self, name):
        return (self.directory / f"{name}.log").read_text()

    def client(self, **headers):
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers={**PROXIED, **headers}, timeout=30)


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    with Accounts(tmp_path_factory.mktemp("accounts")) as made:
        yield made


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    """Another Earshot's, with nothing in them."""
    with Accounts(tmp_path_factory.mktemp("restored")) as made:
        yield made


@pytest.fixture(scope="module")
def site(tmp_path_factory, accounts):
    site = Site(tmp_path_factory.mktemp("deployed"))
    subprocess.run(["sh", str(ROOT / "deploy" / "make-secrets.sh"), str(site.secrets)], check=True, capture_output=True)
    # An operator who has servers of their own writes their addresses here.
    named = {
        "database-url": accounts.postgresql,
        "mongodb-url": accounts.mongodb,
        "redis-url": at(os.environ["EARSHOT_REDIS_URL"], path="/15"),
        "cache-url": at(os.environ["EARSHOT_CACHE_URL"], path="/15"),
        "s3-access-key": os.environ["EARSHOT_S3_ACCESS_KEY"],
        "s3-secret-key": os.environ["EARSHOT_S3_SECRET_KEY"],
    }
    for name, secret in named.items():
        (site.secrets / name).unlink()
        (site.secrets / name).write_text(f"{secret}\n")
    # As the image has them from its building.
    (site.directory / "data").mkdir()
    (site.directory / "data" / "static").symlink_to(Path(os.environ["EARSHOT_DATA"]) / "static")
    prepared = site.run("migrate", timeout=PATIENCE_SECONDS)
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    site.prepared = prepared.stdout
    names = ["web", "beat", "analysis", "transcription", "intake"]
    try:
        for name in names:
            site.start(name)
        # Meanwhile, as docs/deployment.md says.
        site.token = first_admin(site)
        for name in names:
            wait_until(lambda name=name: site.is_healthy(name), timeout=PATIENCE_SECONDS, what=f"{name} to be healthy")
        yield site
    finally:
        for process in site.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in site.processes.values():
            process.wait(timeout=60)


def first_admin(site):
    """Make the first company and its admin, and a token of theirs."""
    made = site.run(
        "web", "python", "manage.py", "create_tenant", "Acme", "--admin", "ada", input="correct horse battery\n"
    )
    assert made.returncode == 0, made.stderr
    issued = site.run("web", "python", "manage.py", "issue_token", "ada")
    assert issued.returncode == 0, issued.stderr
    return issued.stdout.strip()


@pytest.fixture
def admin(site):
    with site.client(Authorization=f"Bearer {site.token}") as client:
        yield client


def test_the_job_prepares_every_store_and_leaves_the_images_own_files(site):
    steps = re.findall(r"^step\t(.*)\t", site.prepared, re.MULTILINE)
    assert steps == ["Engines of hearing", "Migrations", "Stores", "Erasures"]


def test_what_is_uploaded_is_heard(site, admin):
    session = admin.post("/api/audio/sessions", json={}).json()
    recording = f"/api/audio/sessions/{session['id']}"
    headers = {"Content-Type": "audio/ogg"}
    sent = admin.put(f"{recording}/chunks/0", content=encode(speech()[: 16_000 * 8]), headers=headers)
    assert sent.status_code == 201, sent.text
    assert admin.post(f"{recording}/complete", json={"total_chunks": 1}).status_code == 200

    def heard():
        return admin.get(f"/api/calls/{session['call_id']}").json()["conversation"]

    segments = wait_until(heard, timeout=PATIENCE_SECONDS, what="the words")
    assert any(segment["text"] for segment in segments)


def test_pages_are_served_with_the_images_static_files_and_cookies_for_https_alone(site):
    with site.client() as client:
        page = client.get("/sign-in/")
        assert page.status_code == 200
        assert all("Secure" in cookie for cookie in page.headers.get_list("set-cookie"))
        assert "max-age" in page.headers["Strict-Transport-Security"]
        (style, *_) = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
        assert client.get(style).status_code == 200


def test_the_web_server_answers_to_its_names_alone(site):
    with site.client() as client:
        assert client.get("/healthz", headers={"Host": "elsewhere.example"}).status_code == 400
        assert client.get("/sign-in/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_prometheus_is_let_in_by_its_token_under_the_services_name(site):
    token = (site.secrets / "metrics-token").read_text().strip()
    with httpx.Client(base_url=f"http://127.0.0.1:{site.port}", headers={"Host": "web:8000"}) as prometheus:
        assert prometheus.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    with site.client() as client:
        assert client.get("/metrics").status_code == 403


def test_the_doctor_finds_nothing_misspelt_and_nothing_unsafe(site):
    program = (
        "import django; django.setup(); from config import doctor; "
        "print(*(f'{finding.state} {finding}' for finding in doctor.check_settings()), sep='\\n')"
    )
    told = site.run("web", "env", "DJANGO_SETTINGS_MODULE=config.settings", "python", "-c", program)
    assert told.stdout.count("\n") == 1, told.stdout + told.stderr
    assert "variables are set, and all can be read" in told.stdout


def test_it_is_root_of_neither_database(accounts, site):
    with psycopg.connect(accounts.postgresql) as there:
        (is_any,) = there.execute(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert not is_any
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            there.execute("SELECT pg_read_file('/etc/passwd')")
    with MongoClient(accounts.mongodb) as there:
        assert "calls" in there.get_default_database().list_collection_names()
        for refused in (
            there["earshot"]["calls"].find_one,
            lambda: there.admin.command("usersInfo"),
            lambda: there.admin.command("setParameter", 1, logLevel=0),
        ):
            with pytest.raises(OperationFailure):
                refused()


def test_it_backs_up_and_restores_as_who_it_is(site, admin, restored, tmp_path):
    call = {"call_id": f"kept-{uuid.uuid4().hex}", "subject": "Kept"}
    assert admin.post("/api/calls", json=call).status_code == 201
    made = site.run("backup", "python", "manage.py", "back_up", str(tmp_path / "backups"), timeout=PATIENCE_SECONDS)
    assert made.returncode == 0, made.stdout + made.stderr
    addresses = {
        "database-url": restored.postgresql,
        "mongodb-url": restored.mongodb,
        "redis-url": at(os.environ["EARSHOT_REDIS_URL"], path="/9"),
    }
    variables = {}
    for name, address in addresses.items():
        (tmp_path / name).write_text(address)
        variables[f"EARSHOT_{name.upper().replace('-', '_')}_FILE"] = str(tmp_path / name)
    words = ["restore", str(tmp_path / "backups"), "--only", "postgresql", "mongodb"]
    back = site.run("backup", "python", "manage.py", *words, variables=variables, timeout=PATIENCE_SECONDS)
    assert back.returncode == 0, back.stdout + back.stderr
    with MongoClient(restored.mongodb) as there:
        assert there.get_default_database()["calls"].count_documents({"call_id": call["call_id"]}) == 1
    with psycopg.connect(restored.postgresql) as there:
        assert there.execute("SELECT username FROM crm_user WHERE username = 'ada'").fetchall() == [("ada",)]


def test_a_worker_that_hangs_is_found_out_by_its_check(site):
    stopped = site.processes["beat"]
    assert site.is_healthy("beat")
    stopped.send_signal(signal.SIGSTOP)
    try:
        touched = site.directory / "beat.alive"
        wait_until(lambda: Path(f"/proc/{stopped.pid}/stat").read_text().split()[2] == "T", what="beat to stop")
        # As after a minute in which it did not go round.
        os.utime(touched, (0, 0))
        assert not site.is_healthy("beat")
    finally:
        stopped.send_signal(signal.SIGCONT)
    wait_until(lambda: site.is_healthy("beat"), what="beat to be healthy again")


def test_no_secret_is_said_by_anybody(site):
    secrets = {(site.secrets / name).read_text().strip() for name in SERVICES["web"]["secrets"]}
    told = "".join(site.said(name) for name in site.processes) + site.prepared
    assert len(told) > 100
    assert not [secret for secret in secrets if secret in told]
