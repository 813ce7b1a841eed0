"""A primary and a read replica as real servers: what is written to one is read from the other, and only read."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing

import pytest
from click.testing import CliRunner
from conftest import BAKERY
from pangeo_forge_federation.replication.process import CHILD_LOCK
from pangeo_forge_federation.server.serve_command import serve_command
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, is_replicated
from server_process import running_server, wait_for
from test_serve import is_alive

BODY = {"recipe_id": "r", "feedstock_id": "f-feedstock", "commit": "c", "status": "queued"}


def ask(url, method="GET", body=None, token=None, **headers):
    """(status, headers, answer) of a request, on a connection of its own."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def run(*command):
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, litestream):
    return tmp_path_factory.mktemp("replica")


@pytest.fixture(scope="module")
def primary(folder):
    """A primary that answers a write when it is in the store."""
    arguments = ("--replicate", f"file://{folder}/store")
    with running_server(folder / "primary", *arguments, FEDERATION_ACKNOWLEDGE="replica") as server:
        yield server


@pytest.fixture(scope="module")
def token(primary, folder):
    """A token, made beside the running server: in the store when it is printed."""
    done = run("scripts/tokens.py", "create", "--bakery", BAKERY, "--data", str(folder / "primary"))
    assert done.returncode == 0 and "alone" not in done.stderr, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def replica(primary, token, folder):
    arguments = ("--replica-of", f"file://{folder}/store")
    with running_server(folder / "copy", *arguments, FEDERATION_PRIMARY_URL=primary.url) as server:
        yield server


def post(primary, token, **changes):
    status, headers, body = ask(f"{primary.url}/recipe_runs", "POST", {**BODY, **changes}, token)
    assert status == 201, body
    assert headers["Federation-Acknowledged"] == "replica"
    return json.loads(body)


def test_what_is_written_to_the_primary_is_read_from_the_replica(primary, replica, token):
    run = post(primary, token)
    path = f"/recipe_runs/{run['id']}"
    wait_for(lambda: ask(replica.url + path)[0] == 200)
    # byte for byte, so that a proxy may ask either
    assert ask(replica.url + path)[2] == ask(primary.url + path)[2]
    # each change is seen by the connections and the cache that have read what was before, in the list and in the page
    for message in ("one", "two", "three"):
        status, headers, _ = ask(primary.url + path, "PATCH", {"message": message}, token)
        assert (status, headers["Federation-Acknowledged"]) == (200, "replica")
        wait_for(lambda: message in ask(replica.url + path)[2])  # noqa: B023
        assert message in ask(f"{replica.url}/recipe_runs")[2]
        assert message in ask(f"{replica.url}/federation/recipe_runs/{run['id']}")[2]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/recipe_runs", "GET, HEAD, OPTIONS"),
        ("PATCH", "/recipe_runs/1", "GET, HEAD, OPTIONS"),
        ("POST", "/datasets", "GET, HEAD, OPTIONS"),
        ("POST", "/webhooks/github", "OPTIONS"),
    ],
)
@pytest.mark.parametrize("with_token", [True, False])
def test_a_write_is_sent_to_the_primary(primary, replica, token, method, path, allow, with_token):
    status, headers, body = ask(replica.url + path, method, BODY, token if with_token else None)
    problem = json.loads(body)
    assert (status, headers["Allow"]) == (405, allow)
    assert headers["Content-Type"] == "application/problem+json"
    assert primary.url in problem["detail"]


@pytest.mark.parametrize("path", ["/recipe_runs", "/", "/federation/recipe_runs", "/health"])
@pytest.mark.parametrize("sent", ["the token", "pfk_1_nonsense"])
def test_a_read_with_a_token_is_sent_to_the_primary(primary, replica, token, path, sent):
    status, headers, body = ask(replica.url + path, token=token if sent == "the token" else sent)
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Bearer")
    assert primary.url in json.loads(body)["detail"]


@pytest.mark.slow
def test_it_has_no_tokens_and_nothing_is_written_to_it(replica, folder):
    assert ask(f"{replica.url}/tokens.json")[0] == 404
    assert not database_path(folder / "copy", "tokens").exists()
    for command in (
        ["scripts/tokens.py", "create", "--admin"],
        ["scripts/sync.py", "--from", "tests/fixtures/federation"],
        ["-m", "pangeo_forge_federation.server.serve_command", "--port", "0"],
    ):
        done = run(*command, "--data", str(folder / "copy"))
        assert done.returncode != 0
        assert done.stderr and "Traceback" not in done.stderr


def test_health_and_footer_say_how_replication_stands(primary, replica, token):
    wait_for(lambda: json.loads(ask(f"{primary.url}/health")[2])["replication"] == "ok")
    post(primary, token)
    before = json.loads(ask(f"{primary.url}/health")[2])
    assert before["role"] == "primary"
    assert before["replicated_seconds_ago"] < 10
    after = wait_for(
        lambda: (
            (
                health := json.loads(ask(f"{replica.url}/health")[2]),
                health["position"] >= before["position"] and health["replicated_up_to"] > before["replicated_up_to"],
            )[1]
            and health
        )
    )
    assert (after["role"], after["replication"]) == ("replica", "ok")
    for server in (primary, replica):
        assert "<time" in ask(f"{server.url}/")[2].partition("<footer")[2]
    # Litestream's own tables are nobody's to read
    assert "litestream" not in ask(f"{replica.url}/federation")[2]


@pytest.mark.slow
def test_a_store_that_is_away(primary, replica, token, folder):
    """The write is told to come again, and is there once; the replica goes on with what it has."""
    store = folder / "store"
    store.rename(folder / "away")
    store.write_text("in its place")
    try:
        key = {"Idempotency_Key": "once"}
        status, headers, body = ask(f"{primary.url}/recipe_runs", "POST", BODY, token, **key)
        assert status == 503
        assert (headers["Federation-Acknowledged"], headers["Retry-After"]) == ("disk", "5")
        assert "Idempotency-Key" in json.loads(body)["detail"]
        assert ask(f"{replica.url}/recipe_runs")[0] == 200
    finally:
        store.unlink()
        (folder / "away").rename(store)
    status, headers, body = wait_for(
        lambda: (
            (
                answer := ask(f"{primary.url}/recipe_runs", "POST", BODY, token, **key),
                answer[0] == 201,
            )[1]
            and answer
        )
    )
    assert headers["Federation-Acknowledged"] == "replica"
    assert headers["Idempotency-Replayed"] == "true"
    wait_for(lambda: ask(f"{replica.url}/recipe_runs/{json.loads(body)['id']}")[0] == 200)


@pytest.mark.slow
def test_its_copy_is_no_folder_for_another(folder, replica, primary):
    done = run(
        "-m", "pangeo_forge_federation.server.serve_command", "--port", "0", "--data", str(folder / "primary"),
        "--replica-of", f"file://{folder}/store",
    )  # fmt: skip
    assert done.returncode == 1
    assert str(folder / "primary") in done.stderr
    done = run(
        "-m", "pangeo_forge_federation.server.serve_command", "--port", "0", "--data", str(folder / "new"),
        "--replica-of", f"file://{folder}/nothing",
    )  # fmt: skip
    assert done.returncode == 1
    assert f"file://{folder}/nothing" in done.stderr
    # and the folder is nobody's
    assert not (folder / "new" / ".read-replica").exists()
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_it_ends_with_its_follower_and_starts_anew(primary, token, folder):
    arguments = ("--replica-of", f"file://{folder}/store")
    copy = folder / "second"
    with running_server(copy, *arguments) as server:
        os.kill(int((copy / CHILD_LOCK).read_text()), signal.SIGKILL)
        assert server.process.wait(20) == 1
    recorded = post(primary, token, message="meanwhile")
    with running_server(copy, *arguments) as server:
        wait_for(lambda: ask(f"{server.url}/recipe_runs/{recorded['id']}")[0] == 200)
        with closing(sqlite3.connect(database_path(copy, FEDERATION))) as connection:
            assert connection.execute("pragma journal_mode").fetchone() == ("delete",)
    # where the store is lost, the copy may be the last
    done = run(
        "-m",
        "pangeo_forge_federation.server.serve_command",
        "--data",
        str(copy),
        "--replica-of",
        f"file://{folder}/lost",
    )
    assert done.returncode == 1
    assert str(database_path(copy, FEDERATION)) in done.stderr
    with closing(sqlite3.connect(database_path(copy, FEDERATION))) as connection:
        assert connection.execute("select id from recipe_runs order by id desc").fetchone() == (recorded["id"],)


@pytest.mark.slow
def test_without_replication_nothing_of_it_is_loaded(data):
    code = (
        "import sys; from pathlib import Path; from pangeo_forge_federation.server.application import make_datasette; "
        "make_datasette(Path(sys.argv[1])).app(); import pangeo_forge_federation.server.serve_command; "
        "print([name for name in sys.modules if name.startswith('pangeo_forge_federation.replication')])"
    )
    done = run("-c", code, str(data))
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        ([], {"FEDERATION_ACKNOWLEDGE": "replica"}, "--replicate"),
        ([], {"FEDERATION_ACKNOWLEDGE": "tape"}, "FEDERATION_ACKNOWLEDGE"),
        (["--replicate", "ftp://a/b"], {}, "ftp://a/b"),
        (["--replicate", "s3://a/b?secret-key=x"], {}, "secret-key"),
        (["--replica-of", "file:///a", "--replicate", "file:///b"], {}, "--replicate"),
        (["--replica-of", "file:///a", "--sync-every", "1h"], {}, "--sync-every"),
        (["--demo", "--replicate", "file:///b"], {}, "demo"),
    ],
)
def test_what_cannot_be_served_is_one_line(data, monkeypatch, arguments, environment, named):
    # in this process, whose signals it may not keep
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    done = CliRunner(env=environment).invoke(serve_command, ["--port", "0", "--data", str(data), *arguments])
    assert done.exit_code in (1, 2)
    assert named in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_killed_server_leaves_nothing_that_the_next_one_trips_over(tmp_path, litestream):
    """Its Litestream lives on; the next server ends it, whether it replicates or not."""
    store = f"file://{tmp_path}/store"
    left = []
    for arguments in (["--replicate", store], ["--replicate", store], []):
        with running_server(tmp_path / "data", *arguments) as server:
            assert not any(is_alive(pid) for pid in left)
            if arguments:
                left = [int((tmp_path / "data" / CHILD_LOCK).read_text())]
                server.process.kill()
                server.process.wait()
            else:
                assert not is_replicated(tmp_path / "data")
                with closing(connect(database_path(tmp_path / "data", FEDERATION))) as connection:
                    assert connection.execute("pragma wal_autocheckpoint").fetchone()[0] == 1000
