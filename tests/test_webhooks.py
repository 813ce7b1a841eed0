"""GitHub's webhooks: signed bytes, written down, synced as the repository is now."""

import asyncio
import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from conftest import started
from database_rows import rows
from fake_github import FakeGitHub
from pangeo_forge_federation.api.health import read_last_sync
from pangeo_forge_federation.storage.database import transaction
from server_process import running_server, wait_for
from werkzeug import Response

SECRET = "it is a secret"
ICE = "pangeo-forge/ice-feedstock"
META = "title: {}\nrecipes:\n  - id: daily\n    object: recipe:daily\n"
DELIVERIES = "select delivery_id, repository, finished_at is not null, error from webhook_deliveries"
# no usual re-encoding gives these bytes
RAW = (
    '{"ref": "refs/heads/main",  "score": 1.0, "path": "feedstock\\/meta.yaml", "esc": "\\u00e9", "note": "Plaça 😊",'
    '"repository": {"full_name": "pangeo-forge/ice-feedstock","default_branch": "main"}}'
).encode()


@pytest.fixture
def github(httpserver):
    fake = FakeGitHub(httpserver)
    fake.add("pangeo-forge/bakery-database", "north.bakery:\n  region: gcp.europe\n", "bakeries.yaml")
    fake.add(ICE, META.format("Ice"))
    return fake


@pytest.fixture
def configured(github, monkeypatch):
    for name, value in {**github.environment, "GITHUB_TOKEN": "x", "GITHUB_WEBHOOK_SECRET": SECRET}.items():
        monkeypatch.setenv(name, value)


@pytest_asyncio.fixture
async def server(configured, data):
    """A Datasette that was made with a secret."""
    async with started(data) as made:
        yield made


def push(repository=ICE, ref="refs/heads/main", **more):
    return {"ref": ref, "repository": {"full_name": repository, "default_branch": "main"}, **more}


def signed(body, event="push", delivery="d-1", **more):
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": f"sha256={digest}",
        **more,
    }


@pytest.fixture
def deliver(server):
    async def send(payload, event="push", delivery="d-1", **more):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = signed(body, event, delivery, **more)
        return await server.client.post("/webhooks/github", content=body, headers=headers)

    return send


@pytest.fixture
def synced(connection):
    """A function that waits until all deliveries are finished, and gives what is kept of them."""

    async def wait():
        for _ in range(200):
            kept = rows(connection, DELIVERIES)
            if all(each[2] for each in kept):
                return kept
            await asyncio.sleep(0.05)
        raise AssertionError(kept)

    return wait


def titles(connection):
    return rows(connection, "select id, title from feedstocks where removed_at is null order by id")


async def test_without_a_secret_there_is_no_webhook(datasette):
    response = await datasette.client.post("/webhooks/github", content=RAW, headers=signed(RAW))
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


async def test_a_push_is_synced(deliver, synced, connection, github):
    response = await deliver(RAW)
    assert (response.status_code, response.json()) == (202, {"repository": ICE})
    assert await synced() == [("d-1", ICE, 1, None)]
    assert titles(connection) == [("ice-feedstock", "Ice")]
    assert rows(connection, "select source, scope, added from sync_runs") == [("github", "named", 1)]
    # of the other repositories it says nothing
    assert read_last_sync(connection) is None


@pytest.mark.parametrize(
    "change",
    [
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": None},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"X-Hub-Signature-256": lambda value: value.upper()},
        {"X-Hub-Signature-256": lambda value: value.replace("sha256=", "")},
        {"X-Hub-Signature-256": lambda value: value + " "},
        {"X-Hub-Signature-256": lambda value: value[:-1]},
        {"X-Hub-Signature-256": None, "X-Hub-Signature": "sha1=" + "0" * 40},
    ],
)
async def test_every_other_signature_is_401(server, github, stored, change):
    headers = signed(RAW)
    for name, value in change.items():
        if value is None:
            del headers[name]
        else:
            headers[name] = value(headers[name]) if callable(value) else value
    before = stored()
    response = await server.client.post("/webhooks/github", content=RAW, headers=headers)
    # white space around a header's value is no part of it
    trimmed = headers.get("X-Hub-Signature-256", "").strip() == signed(RAW)["X-Hub-Signature-256"]
    assert response.status_code in ((202, 401) if trimmed else (401,))
    if response.status_code == 401:
        assert response.headers["content-type"] == "application/problem+json"
        assert (stored(), github.requests) == (before, [])


async def test_a_signature_that_is_sent_twice_is_401(server, github):
    headers = signed(RAW)
    twice = [*headers.items(), ("X-Hub-Signature-256", headers["X-Hub-Signature-256"])]
    assert (await server.client.post("/webhooks/github", content=RAW, headers=twice)).status_code == 401
    assert github.requests == []


async def test_one_byte_that_differs_is_401(server, github):
    body = RAW.replace(b"1.0", b"1.1")
    assert (await server.client.post("/webhooks/github", content=body, headers=signed(RAW))).status_code == 401
    assert github.requests == []


async def test_a_form_is_read_too(deliver, synced, connection):
    body = urlencode({"payload": RAW.decode()}).encode()
    response = await deliver(body, **{"Content-Type": "application/x-www-form-urlencoded"})
    assert response.json() == {"repository": ICE}
    await synced()
    assert titles(connection) == [("ice-feedstock", "Ice")]


async def test_a_ping_is_200(deliver):
    assert (await deliver({"zen": "Keep it logically awesome."}, "ping")).status_code == 200


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("push", push(ref="refs/heads/other")),
        ("push", push(ref="refs/tags/main")),
        ("issues", push(action="opened")),
        ("star", {}),
        ("repository", push(action="publicized")),
    ],
)
async def test_what_is_nothing_to_us_is_202(deliver, github, stored, event, payload):
    before = stored()
    response = await deliver(payload, event)
    assert (response.status_code, response.json()) == (202, {"repository": None})
    assert (stored(), github.requests) == (before, [])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b"{}", b'{"repository": {"full_name": 1}}', b'{"repository": {"full_name": "../x"}}'],
)
async def test_a_payload_that_cannot_be_read_is_400(deliver, body):
    assert (await deliver(body)).status_code == 400


async def test_other_types_and_missing_ids(deliver, server):
    assert (await deliver(RAW, **{"Content-Type": "text/plain"})).status_code == 415
    assert (await deliver(RAW, delivery="")).status_code == 400
    assert (await deliver(RAW, delivery="x" * 501)).status_code == 400
    assert (await server.client.get("/webhooks/github")).status_code == 405


async def test_a_delivery_that_was_finished_is_ignored_and_a_failed_one_tried_again(
    deliver, synced, github, connection
):
    await deliver(push())
    await synced()
    asked = len(github.requests)
    assert (await deliver(push())).json() == {"repository": None}
    await synced()
    assert len(github.requests) == asked
    github.faults.append(lambda request: Response("{}", 401))
    await deliver(push(), delivery="d-2")
    kept = await synced()
    assert kept[1][3]
    github.faults.clear()
    assert (await deliver(push(), delivery="d-2")).json() == {"repository": ICE}
    assert [each[3] for each in await synced()] == [None, None]


async def test_a_repository_is_followed(deliver, synced, github, connection):
    ice = github.find(ICE)
    await deliver(push())
    await synced()
    github.rename(ice, "pangeo-forge/sea-ice")
    ice.archived = True
    await deliver(push("pangeo-forge/sea-ice", action="renamed"), "repository", "d-2")
    await synced()
    assert rows(connection, "select id, archived from feedstocks") == [("sea-ice", 1)]
    github.repositories.remove(ice)
    await deliver(push("pangeo-forge/sea-ice", action="deleted"), "repository", "d-3")
    await synced()
    assert titles(connection) == []
    assert rows(connection, "select id from feedstocks") == [("sea-ice",)]


async def test_a_push_to_the_bakery_database(deliver, synced, connection):
    await deliver(push("pangeo-forge/bakery-database"))
    assert [each[3] for each in await synced()] == [None]
    assert rows(connection, "select id from bakeries") == [("north.bakery",)]
    assert titles(connection) == []


async def test_a_push_of_another_time_gives_what_is_now(deliver, synced, github, connection):
    github.find(ICE).files["feedstock/meta.yaml"] = META.format("Now").encode()
    await deliver(push(after="0" * 40, head_commit={"id": "0" * 40}))
    await synced()
    assert titles(connection) == [("ice-feedstock", "Now")]


async def test_a_push_after_an_upgrade_has_the_file_read_again(deliver, synced, connection):
    await deliver(push())
    await synced()
    with transaction(connection):
        connection.execute("update feedstocks set title = 'As another parser read it'")
    await deliver(push(), delivery="d-2")
    await synced()
    assert titles(connection) == [("ice-feedstock", "As another parser read it")]
    with transaction(connection):
        connection.execute("update source_files set read_by = 'another parser'")
    await deliver(push(), delivery="d-3")
    await synced()
    assert titles(connection) == [("ice-feedstock", "Ice")]


def test_what_was_unfinished_runs_at_the_next_start(data, connection, configured):
    connection.execute(
        "insert into webhook_deliveries (delivery_id, repository, received_at) values ('d-0', ?, ?)",
        [ICE, "2026-11-20T12:00:00.000000Z"],
    )
    with running_server(data):
        wait_for(lambda: titles(connection))
    assert titles(connection) == [("ice-feedstock", "Ice")]
    assert rows(connection, "select finished_at is not null, error from webhook_deliveries") == [(1, None)]


@pytest.mark.slow
def test_a_push_of_megabytes_leaves_the_others_calm(data, configured, headers):
    commits = [{"id": f"{number:040}", "message": "x" * 500, "modified": ["a" * 400]} for number in range(20_000)]
    body = json.dumps(push(commits=commits)).encode()
    assert 18_000_000 < len(body) < 25 * 1024 * 1024
    too_large = body + b" " * (25 * 1024 * 1024)
    waits = []

    async def ask(url, done):
        async with httpx.AsyncClient(base_url=url) as client:
            await client.get("/health")
            while not done.is_set():
                began = time.perf_counter()
                assert (await client.get("/health")).status_code == 200
                waits.append(time.perf_counter() - began)

    async def all_at_once(url):
        done = asyncio.Event()
        asking = asyncio.create_task(ask(url, done))
        # in another thread, as it takes this process a while to send
        answer = await asyncio.to_thread(httpx.post, f"{url}/webhooks/github", content=body, headers=signed(body))
        done.set()
        await asking
        large = await asyncio.to_thread(
            httpx.post, f"{url}/webhooks/github", content=too_large, headers=signed(too_large, delivery="d-2")
        )
        write = await asyncio.to_thread(
            httpx.post,
            f"{url}/recipe_runs",
            content=b"x" * 1_150_000,
            headers={**headers, "Content-Type": "application/json"},
        )
        return answer.status_code, large.status_code, write.status_code

    with running_server(data) as server:
        assert asyncio.run(all_at_once(server.url)) == (202, 413, 413)
    # what is done on the event loop would hold all the others for most of that time
    assert max(waits) < sum(waits) / 2


async def test_maintainers_see_deliveries(server, connection, deliver, synced):
    await deliver(push())
    await synced()
    page = await server.client.get("/federation/webhook_deliveries.json?_shape=array")
    assert [each["delivery_id"] for each in page.json()] == ["d-1"]
