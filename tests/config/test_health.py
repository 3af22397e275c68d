from concurrent.futures import wait

from calls import store
from config import health


def test_alive_says_so_without_asking_anybody(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_names_every_dependency_with_its_latency(client, transactional_db):
    response = client.get("/readyz")
    assert response.status_code == 200, response.json()
    dependencies = response.json()["dependencies"]
    assert set(dependencies) == {"postgres", "mongodb", "redis", "objects", "archive", "cache"}
    assert all(check["ok"] and check["ms"] >= 0 for check in dependencies.values())


def test_ready_is_503_and_names_what_is_down(client, transactional_db, settings):
    store.close()
    settings.EARSHOT_MONGODB_URL, before = "mongodb://127.0.0.1:9/earshot", settings.EARSHOT_MONGODB_URL
    try:
        response = client.get("/readyz")
    finally:
        store.close()
        settings.EARSHOT_MONGODB_URL = before
        # What was asked of the old address is not to be the answer of the new one.
        wait(health._under_way.values())
    assert response.status_code == 503
    checks = response.json()["dependencies"]
    assert [name for name, check in checks.items() if not check["ok"]] == ["mongodb"]
    assert "127.0.0.1" not in response.content.decode()
