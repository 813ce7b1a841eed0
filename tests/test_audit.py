"""The audit log: each write that came with a token, accepted or refused, and when a token was last used."""

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from conftest import BAKERY, OTHER_BAKERY
from pangeo_forge_federation.access import audit
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path
from server_process import running_server


@pytest.fixture
def log(datasette, data):
    """A function that gives the audit log, oldest first, once all that was to be written is."""

    async def read(*columns):
        await ensure_services(datasette).audit._writer.write(lambda connection: None)
        reader = connect(database_path(data, TOKENS))
        try:
            return [tuple(row) for row in reader.execute(f"select {', '.join(columns)} from audit_log order by id")]
        finally:
            reader.close()

    return read


@pytest.fixture
def last_used(datasette, data):
    async def read():
        await ensure_services(datasette).audit._writer.write(lambda connection: None)
        reader = connect(database_path(data, TOKENS))
        try:
            return [row[0] for row in reader.execute("select last_used_at from tokens order by id")]
        finally:
            reader.close()

    return read


def script(data, *arguments):
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "tokens.py", *arguments, "--data", data],
        capture_output=True,
        text=True,
        timeout=60,
    )


async def test_accepted_and_refused_writes_are_logged(send, run_body, make_token, log):
    admin = make_token(None)
    await send("POST", "/recipe_runs", run_body(external_id="7"))
    await send("POST", "/recipe_runs", run_body(external_id="7"))
    await send("POST", "/recipe_runs", b"{")
    await send("POST", "/recipe_runs", run_body(bakery_id=OTHER_BAKERY))
    await send("PATCH", "/recipe_runs?external_id=7", {"message": "x"})
    await send("PATCH", "/recipe_runs/1", {}, If_Match='"9-ab"')
    await send("PATCH", "/recipe_runs/99", {}, token=admin)
    await send("POST", "/datasets", {"url": "gs://b/a"})
    await send("PATCH", "/datasets/1", {"title": "x"}, Content_Type="text/plain")
    await send("POST", "/recipe_runs", {"status": 7}, token=admin)
    await send("POST", "/bakeries", {})
    assert await log("token_id", "method", "path", "status") == [
        (1, "POST", "/recipe_runs", 201),
        (1, "POST", "/recipe_runs", 409),
        (1, "POST", "/recipe_runs", 400),
        (1, "POST", "/recipe_runs", 403),
        (1, "PATCH", "/recipe_runs?external_id=7", 200),
        (1, "PATCH", "/recipe_runs/1", 412),
        (2, "PATCH", "/recipe_runs/99", 404),
        (1, "POST", "/datasets", 201),
        (1, "PATCH", "/datasets/1", 415),
        (2, "POST", "/recipe_runs", 422),
        (1, "POST", "/bakeries", 405),
    ]
    at = [row[0] for row in await log("at")]
    assert at == sorted(at)


async def test_what_nobody_is_known_to_have_sent_and_what_reads_is_not_logged(datasette, headers, run_body, log):
    for sent in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer pfk_1_" + "x" * 43}):
        assert (await datasette.client.post("/recipe_runs", json=run_body(), headers=sent)).status_code == 401
    for method in ("GET", "HEAD", "OPTIONS"):
        await datasette.client.request(method, "/recipe_runs", headers=headers)
    assert await log("*") == []


async def test_a_write_that_could_not_be_stored_is_logged(datasette, send, run_body, data, log):
    await send("POST", "/recipe_runs", run_body())
    await ensure_services(datasette).writer.write(lambda connection: connection.execute("pragma busy_timeout = 10"))
    other = connect(database_path(data, "federation"))
    other.execute("begin immediate")
    assert (await send("POST", "/recipe_runs", run_body())).status_code == 503
    other.close()
    assert await log("status") == [(201,), (503,)]


async def test_the_log_in_trouble_stops_no_write(datasette, send, run_body, data, log):
    await ensure_services(datasette).audit._writer.write(
        lambda connection: connection.execute("pragma busy_timeout = 10")
    )
    other = connect(database_path(data, TOKENS))
    other.execute("begin immediate")
    assert (await send("POST", "/recipe_runs", run_body())).status_code == 201
    await asyncio.sleep(0.2)
    other.close()
    assert (await send("POST", "/recipe_runs", run_body())).status_code == 201
    # a line may be lost, and those after it are written
    assert (await log("status"))[-1] == (201,)


async def test_no_secret_is_logged(send, run_body, headers, log, data):
    await send("POST", "/recipe_runs", run_body(message="between us"))
    written = repr(await log("*"))
    assert headers["Authorization"].split("_")[-1] not in written
    assert "between us" not in written


async def test_a_long_path_is_cut(send, log):
    await send("PATCH", f"/recipe_runs?external_id={'x' * 5000}", {})
    assert [len(row[0]) for row in await log("path")] == [500]


async def test_the_log_has_a_bound(send, log, monkeypatch):
    monkeypatch.setattr(audit, "KEPT_ROWS", 10)
    monkeypatch.setattr(audit, "TRIMMED_EVERY", 5)
    for _ in range(34):
        await send("PATCH", "/recipe_runs/1", {})
    ids = [row[0] for row in await log("id")]
    # the newest are there, and never many more than may be
    assert ids == list(range(21, 35))


async def test_a_tokens_last_use_is_noted_once_a_minute(datasette, send, headers, make_token, last_used, monkeypatch):
    token = make_token()
    assert await last_used() == [None, None]
    # reading is a use as well
    assert (await datasette.client.get("/recipe_runs", headers=headers)).status_code == 200
    first, never = await last_used()
    assert first is not None and never is None
    await datasette.client.get("/recipe_runs", headers=headers)
    await send("PATCH", "/recipe_runs/1", {})
    assert await last_used() == [first, None]
    await send("PATCH", "/recipe_runs/1", {}, token=token)
    assert (await last_used())[1] is not None
    monkeypatch.setattr(audit, "LAST_USED_SECONDS", 0)
    await send("PATCH", "/recipe_runs/1", {})
    assert (await last_used())[0] > first


def post(url, token, body, **headers):
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    request = urllib.request.Request(f"{url}/recipe_runs", json.dumps(body).encode(), sent)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_a_server_writes_it_and_the_script_prints_it(data, make_token, run_body):
    token, admin = make_token(), make_token(None)
    with running_server(data) as server:
        # whoever says that he is somebody else is still himself
        assert (
            post(server.url, token, run_body(), **{"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.8"}) == 201
        )
        assert post(server.url, admin, run_body()) == 422
        assert post(server.url, token, {}) == 422
    done = script(data, "audit")
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["at", "token", "bakery", "client", "status", "method", "path"]
    assert [line.split()[1:] for line in lines] == [
        ["1", BAKERY, "127.0.0.1", "422", "POST", "/recipe_runs"],
        ["2", "(admin)", "127.0.0.1", "422", "POST", "/recipe_runs"],
        ["1", BAKERY, "127.0.0.1", "201", "POST", "/recipe_runs"],
    ]
    assert "192.0.2" not in done.stdout
    assert [line.split()[1] for line in script(data, "audit", "--token", "2").stdout.splitlines()[1:]] == ["2"]
    assert len(script(data, "audit", "--limit", "1").stdout.splitlines()) == 2
    assert script(data, "audit", "--limit", "0").returncode == 2
    assert lines[0][:10] in script(data, "list").stdout


@pytest.mark.slow
def test_a_proxy_that_is_trusted_tells_the_client(data, make_token, run_body):
    token = make_token()
    with running_server(data, FEDERATION_TRUSTED_PROXIES="127.0.0.1") as server:
        assert post(server.url, token, run_body(), **{"X-Forwarded-For": "192.0.2.7"}) == 201
    assert script(data, "audit").stdout.splitlines()[1].split()[3] == "192.0.2.7"


def test_an_empty_log(data):
    assert len(script(data, "audit").stdout.splitlines()) == 1
