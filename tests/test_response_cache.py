"""Hot reads answer byte for byte what the ordinary route answers, and never what a commit has made old."""

import asyncio
import itertools
import json
import sqlite3
from urllib.parse import quote, urlsplit

import httpx
import pytest
import pytest_asyncio
from benchmark_database import fill
from example_paths import QUERIES, SPELLINGS, filled, values_of
from pangeo_forge_federation.api import response_cache
from pangeo_forge_federation.api.response_cache import KEEP, ResponseCache
from pangeo_forge_federation.records.field_kinds import has_long_message
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import read_metadata
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction
from pangeo_forge_federation.values.json_text import dump_json
from pangeo_forge_federation.web.replies import cacheable
from server_process import running_server

RUNS = 400
ANY_LIST = [
    "",
    "_size=1",
    "_size=3&_shape=objects",
    "_size=max",
    "_size=2&_extra=count&_shape=objects",
    "_size=2&_extra=count",
    "_shape=objects&_size=1000",
    "_format=csv&_size=3",
    "_format=ndjson&_size=3",
    "_format=ndjson",
    "_format=csv",
    "_size=0",
    "_unknown=1",
    "_col=nothing",
    "_next=broken",
    "_size=1&_size=2",
    "%FF=1",
    "a%00b=1",
]
FILTERS = {
    "list_recipe_runs": [
        "status=failure",
        "status__in=success,failure&_size=5",
        "status__in=queued,in_progress,timed_out",
        "status=nonsense",
        "is_stale=true",
        "is_stale=false&_size=2",
        "is_test=true",
        "message__isnull=false&_size=4",
        "message__contains=quote",
        "feedstock_id=pangeo-forge/feedstock-7",
        "feedstock_id=old-name",
        "bakery_id=bakery-3.gcp.us-central1&status=success",
        "run_date__gte=2026&_size=2",
        "run_date=2026-11",
        "run_date__gte=2026-01-01T00:00:00 01:00",
        "id__gt=395&_sort=id",
        "_sort_desc=updated_at&_size=2",
        "_sort=created_at&_size=2",
        "_sort=message",
        "_col=id,message,datasets",
        "_col=message&_size=400",
        "_col=is_stale,is_test&_size=3",
        "external_id=5/1/daily",
    ],
    "list_feedstocks": ["q=fields", "q=AND", "title__isnull=true", "removed_at__isnull=0,1", "_sort=title&_size=3"],
    "list_datasets": ["q=feedstock", "is_test__in=0,1", "format=zarr&_size=2", "_sort_desc=updated_at&_size=2"],
    "get_stats": ["from_day=2026-01-01", "from_day=2026-01-01&to_day=2026-01-31", "to_day=x", "_size=1"],
}
OTHER_PATHS = [
    "/openapi.json",
    "/health",
    "/feed.atom",
    "/feedstocks/feedstock-7/badge.svg",
    "/feedstocks/feedstock-7/feed.atom",
    "/feedstocks/old-name/badge.svg",
    "/recipe_runs/",
    "//recipe_runs//7/",
    "/recipe_runs/7/nothing",
    "/%72ecipe_runs",
]
ANSWERED = {"plain": {}, "gzip": {"Accept-Encoding": "gzip"}, "br": {"Accept-Encoding": "br;q=1, gzip;q=0"}}


def add_odd_rows(data) -> None:
    """What the made-up federation lacks: text that has to be escaped, long messages, many datasets, old names."""
    connection = connect(database_path(data, FEDERATION))
    with transaction(connection):
        odd = 'quote " backslash \\ slash / tab\t line\r\nnext, \x7f é 語 😀 \u2028 </script>'
        connection.execute("update recipe_runs set message = :odd where id in (7, 398)", {"odd": odd})
        for length, run_id in ((500, 397), (501, 396), (65_536, 395)):
            connection.execute("update recipe_runs set message = :m where id = :id", {"m": '"' * length, "id": run_id})
        connection.execute(
            "update feedstocks set title = :odd, description = :odd where id = 'feedstock-7'", {"odd": odd}
        )
        connection.execute("update feedstocks set title = null where id = 'feedstock-8'")
        connection.execute("update datasets set title = :odd, url = url || :odd where id < 20", {"odd": ' é"'})
        connection.execute(
            "insert or ignore into recipe_run_datasets select 400, datasets.id, runs.run_date "
            "from datasets, recipe_runs as runs where datasets.id < 120 and runs.id = 400"
        )
        connection.execute(
            "insert or ignore into recipe_run_datasets select 399, datasets.id, runs.run_date "
            "from datasets, recipe_runs as runs where datasets.id in (3, 1, 2) and runs.id = 399"
        )
        connection.execute(
            "insert into feedstock_aliases values ('old-name', 'feedstock-7', '2026-01-01T00:00:00.000000Z')"
        )
        connection.execute("insert into sync_runs (source, started_at) values ('x', '2026-01-01T00:00:00.000000Z')")
        connection.execute(
            "insert into sync_changes (sync_run_id, action, field, old) values (1, 'changed', 'title', :odd)",
            {"odd": odd},
        )
        connection.execute(
            "insert into problems (repository, source_file, pointer, severity, message, found_at) "
            "values ('a/b', 'f', '/x', 'error', :odd, '2026-01-01T00:00:00.000000Z')",
            {"odd": odd},
        )
    connection.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A started Datasette over a made-up federation, and its application."""
    data = tmp_path_factory.mktemp("hot") / "data"
    fill(data, RUNS)
    add_odd_rows(data)
    made = make_datasette(data)
    asyncio.run(made.invoke_startup())
    yield made, made.app()
    ensure_services(made).close()
    for database in made.databases.values():
        database.close()


@pytest_asyncio.fixture
async def client(served):
    transport = httpx.ASGITransport(app=served[1])
    async with httpx.AsyncClient(transport=transport, base_url="http://registry.example") as opened:
        # httpx's own would hide what is asked for here
        opened.headers.pop("Accept-Encoding")
        # else each request has one of its own
        opened.headers["X-Request-Id"] = "the-same"
        yield opened


@pytest.fixture
def hot(served) -> ResponseCache:
    return ensure_services(served[0]).response_cache


def paths_of(query) -> list[str]:
    spelled = values_of(query.path, SPELLINGS)
    chosen = [dict(zip(spelled, each, strict=True)) for each in itertools.product(*spelled.values())]
    return [filled(path, values) for path in query.paths for values in chosen]


def addresses() -> list[str]:
    found = list(OTHER_PATHS)
    for query in QUERIES.values():
        questions = FILTERS.get(query.name, [])
        if not query.one:
            sorts = [f"{name}={column}&_size=2" for column in query.sorts for name in ("_sort", "_sort_desc")]
            questions = [*ANY_LIST, *sorts, *questions]
        for path in paths_of(query):
            found += [path, *(f"{path}?{quote(each, safe='=&_:/,%')}" for each in questions)]
    return found


def seen(response: httpx.Response) -> tuple:
    # each is stamped for itself
    headers = [pair for pair in response.headers.raw if pair[0] != b"date"]
    return response.status_code, headers, response.content


@pytest.mark.slow
async def test_every_endpoint_answers_the_same_bytes_and_headers_either_way(client, hot, served):
    # the document of a token's GET and a page of a list are made by the same code; this is about everything around it
    differ = []
    count = 0
    for address in addresses():
        for accept in ANSWERED.values() if "?" not in address else (ANSWERED["plain"], ANSWERED["gzip"]):
            # the guard looks at this header, so that hot reads leave it alone
            ordinary = await client.get(address, headers={**accept, "x-csrftoken": "ordinary"})
            first = await client.get(address, headers=accept)
            again = await client.get(address, headers=accept)
            count += 1
            if not seen(ordinary) == seen(first) == seen(again):
                differ.append((address, accept, seen(ordinary)[:2], seen(first)[:2], seen(again)[:2]))
    assert not differ, differ[:3]
    assert count > 600
    assert hot.hits > 300
    assert hot.misses > 300


@pytest.mark.parametrize("address", ["/recipe_runs", "/recipe_runs/7", "/feed.atom", "/feedstocks?q=fields"])
async def test_head_and_not_modified_are_the_same_either_way(client, address):
    for accept in ANSWERED.values():
        ordinary = {**accept, "x-csrftoken": "ordinary"}
        await client.get(address, headers=accept)
        etag = (await client.get(address, headers=accept)).headers["ETag"]
        assert seen(await client.head(address, headers=accept)) == seen(await client.head(address, headers=ordinary))
        assert (await client.head(address, headers=accept)).content == b""
        for tags in (etag, f"W/{etag}", '"x", ' + etag, "*", '"x"', "", "é"):
            sent = {"If-None-Match": tags.encode()}
            hot_one = await client.get(address, headers={**accept, **sent})
            assert seen(hot_one) == seen(await client.get(address, headers={**ordinary, **sent})), tags
            expected = 304 if tags not in ('"x"', "") and tags.isascii() else 200
            assert hot_one.status_code == expected


async def test_the_next_page_is_the_same_either_way(client):
    address = "/recipe_runs?_size=90"
    for _ in range(10):
        found = await client.get(address)
        assert seen(found) == seen(await client.get(address, headers={"x-csrftoken": "ordinary"}))
        if "next" not in found.links:
            break
        parts = urlsplit(found.links["next"]["url"])
        address = f"{parts.path}?{parts.query}"
    assert len(found.json()) == RUNS % 90


@pytest.mark.parametrize("query_name", [name for name, query in QUERIES.items() if not query.one])
async def test_sqlite_makes_the_json_that_python_makes(client, query_name):
    query = QUERIES[query_name]
    path = paths_of(query)[0]
    lines = (await client.get(f"{path}?_format=ndjson&_size=max")).content.splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        if "message" in row and has_long_message(query.record):
            message = row["message"]
            items = [(name, message[:500] if name == "message" and message else row[name]) for name in row]
            place = [name for name, _ in items].index("message") + 1
            items.insert(place, ("message_truncated", bool(message) and len(message) > 500))
            row.clear()
            row.update(items)
    assert rows, f"{path} is empty here: add_odd_rows adds what the made-up federation lacks"
    assert (await client.get(f"{path}?_size=max")).content == dump_json(rows)


async def test_a_commit_of_anybody_is_seen_by_the_next_read(client, served, hot):
    connection = connect(database_path(ensure_services(served[0]).data, FEDERATION))
    for number in range(50):
        hits = hot.hits
        with transaction(connection):
            connection.execute("update recipe_runs set version = :version where id = 7", {"version": f"0.{number}"})
        assert (await client.get("/recipe_runs/7")).json()["version"] == f"0.{number}"
        assert hot.hits == hits
        assert (await client.get("/recipe_runs/7")).json()["version"] == f"0.{number}"
        assert hot.hits == hits + 1
    connection.close()


async def test_small_reads_stay_on_the_event_loop_however_often_they_come(client, served, hot):
    connection = connect(database_path(ensure_services(served[0]).data, FEDERATION))
    for _ in range(40):
        with transaction(connection):
            pass
        await client.get("/recipe_runs")
    connection.close()
    assert ("list_recipe_runs", b"") not in hot._too_long


async def test_what_the_clock_changes_expires(client, served, monkeypatch):
    monkeypatch.setattr(response_cache, "EXPIRY_SECONDS", 0.0)
    connection = connect(database_path(ensure_services(served[0]).data, FEDERATION))
    # half a second before it turns stale
    with transaction(connection):
        connection.execute(
            "update recipe_runs set status = 'queued', updated_at = created_at, "
            "run_date = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-172799.6 seconds') where id = 9"
        )
    connection.close()
    assert (await client.get("/recipe_runs/9")).json()["is_stale"] is False
    await asyncio.sleep(0.5)
    assert (await client.get("/recipe_runs/9")).json()["is_stale"] is True


async def test_a_false_host_poisons_nobody(client):
    address = "/recipe_runs?_size=7"
    false = await client.get(address, headers={"Host": "evil.example"})
    assert "evil.example" in false.links["next"]["url"]
    assert "//registry.example/" in (await client.get(address)).links["next"]["url"]
    refused = await client.get(address, headers={"Host": "evil.example/<script>"})
    assert refused.status_code == 400
    assert (await client.get("https://registry.example" + address)).links["next"]["url"].startswith("https:")


async def test_with_a_public_address_the_host_does_not_count(data, monkeypatch):
    monkeypatch.setenv("FEDERATION_PUBLIC_URL", "https://api.example/registry")
    fill(data, 5)
    made = make_datasette(data)
    await made.invoke_startup()
    services = ensure_services(made)
    transport = httpx.ASGITransport(app=made.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://registry.example") as opened:
        for host in ("a.example", "b.example", "c.example"):
            found = await opened.get("/recipe_runs?_size=1", headers={"Host": host})
            assert found.links["next"]["url"].startswith("https://api.example/registry/recipe_runs?")
    assert (services.response_cache.misses, services.response_cache.hits, services.response_cache.entries) == (1, 2, 1)
    services.close()


@pytest.mark.parametrize(
    "header", [("Cookie", "a=b"), ("Authorization", "Bearer pfk_1_" + "x" * 43), ("x-csrftoken", "x"), ("Cookie", "é")]
)
async def test_it_steps_aside_for_whoever_is_not_plainly_anonymous(client, hot, header):
    await client.get("/recipe_runs")
    before = hot.hits, hot.misses
    name, value = header
    response = await client.get("/recipe_runs", headers={name: value.encode()})
    assert (hot.hits, hot.misses) == before
    assert response.status_code == {"Authorization": 401}.get(name, 200 if value.isascii() else 400)


@pytest.mark.parametrize("where", ["database", "table", "query"])
async def test_what_is_not_public_is_left_to_the_ordinary_route(data, where):
    metadata = read_metadata()
    registry_database = metadata["databases"][FEDERATION]
    hidden = {
        "database": registry_database,
        "table": registry_database["tables"]["recipe_runs"],
        "query": registry_database["queries"]["list_recipe_runs"],
    }[where]
    hidden["allow"] = False
    fill(data, 5)
    made = make_datasette(data, metadata)
    await made.invoke_startup()
    services = ensure_services(made)
    response = await made.client.get("/recipe_runs", headers={"X-Request-Id": "the-same"})
    again = await made.client.get("/recipe_runs", headers={"X-Request-Id": "the-same"})
    # as on Datasette's own pages, a query may show what its table does not
    assert response.status_code == again.status_code == (200 if where == "table" else 403)
    assert response.json() == again.json()
    assert (services.response_cache.hits, services.response_cache.entries) == (0, 0)
    assert (await made.client.get("/feed.atom")).status_code == response.status_code
    services.close()


async def test_what_takes_long_is_not_read_on_the_event_loop(client, hot, monkeypatch):
    monkeypatch.setattr(response_cache, "MAX_STEPS", 500)
    monkeypatch.setattr(response_cache, "STEPS_BETWEEN_LOOKS", 500)
    hot.close()
    for address in ("/recipe_runs?_size=99", "/recipe_runs?status=failure&_size=98"):
        first = await client.get(address)
        assert (urlsplit(address).path.encode(), urlsplit(address).query.encode()) == tuple(hot._answers)[-1][:2]
        assert seen(first) == seen(await client.get(address, headers={"x-csrftoken": "ordinary"}))
        assert seen(first) == seen(await client.get(address))
    assert ("list_recipe_runs", b"_size=99") in hot._too_long
    hot.close()
    hot._too_long.clear()


async def test_it_stays_within_its_bytes(client, hot, monkeypatch):
    monkeypatch.setattr(response_cache, "MAX_BYTES", 400_000)
    monkeypatch.setattr(response_cache, "MAX_ANSWER_BYTES", 200_000)
    # what other tests left is more than that
    hot.close()
    for number in range(1, 60):
        await client.get(f"/recipe_runs?_size={number}")
        await client.get(f"/recipe_runs?_size={number}", headers={"Accept-Encoding": "gzip"})
        assert hot.bytes <= 400_000
    assert 2 < hot.entries < 60
    assert hot.bytes == sum(answer.size for answer in hot._answers.values())
    # the newest are kept, and what is too large on its own is not
    hits = hot.hits
    await client.get("/recipe_runs?_size=59")
    assert hot.hits == hits + 1
    await client.get("/recipe_runs?_size=max")
    await client.get("/recipe_runs?_size=max")
    assert hot.hits == hits + 1
    # nor is a long address, which nobody asks for twice
    await client.get("/recipe_runs?recipe_id=" + "x" * 3000)
    assert len(tuple(hot._answers)[-1][1]) < 3000


class Below:
    """An application that answers when it is told to, over a real database: the place of the ordinary route."""

    def __init__(self, path):
        self.path = path
        self.asked = 0
        self.go = asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.asked += 1
        reader = sqlite3.connect(self.path)
        version = reader.execute("pragma user_version").fetchone()[0]
        reader.close()
        reply = cacheable(json.dumps(version).encode())
        await self.go.wait()
        scope[KEEP](reply)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": reply.body})


@pytest_asyncio.fixture
async def slow_route(data, datasette):
    """(what stands below, a function that asks, a function that commits)."""
    path = database_path(data, FEDERATION)
    below = Below(path)

    async def is_public() -> bool:
        return True

    hot = ResponseCache(path, ensure_services(datasette).reads, None, is_public)
    hot.keep_replies_of(["/slow"])
    application = hot.around(below)
    writer = connect(path)

    async def ask() -> int:
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url="http://registry.example") as opened:
            return (await opened.get("/slow")).json()

    def commit() -> int:
        with transaction(writer):
            pass
        return writer.execute("pragma user_version").fetchone()[0]

    yield below, ask, commit
    hot.close()
    writer.close()


async def started(count: int, function, *arguments) -> list[asyncio.Task]:
    tasks = [asyncio.create_task(function(*arguments)) for _ in range(count)]
    for _ in range(20):
        await asyncio.sleep(0)
    return tasks


async def test_those_who_miss_the_same_at_once_wait_for_the_first(slow_route):
    below, ask, commit = slow_route
    version = commit()
    tasks = await started(10, ask)
    assert below.asked == 1
    below.go.set()
    assert await asyncio.gather(*tasks) == [version] * 10
    assert await ask() == version
    assert below.asked == 1


async def test_what_was_read_before_a_commit_is_given_to_nobody_after_it(slow_route):
    below, ask, commit = slow_route
    old = commit()
    early = await started(3, ask)
    new = commit()
    late = await started(3, ask)
    assert below.asked == 2, "those who come after the commit do not wait for what was read before it"
    below.go.set()
    assert await asyncio.gather(*early) == [old] * 3
    assert await asyncio.gather(*late) == [new] * 3
    assert await ask() == new
    assert below.asked == 2


async def test_a_reply_that_a_commit_overtook_is_not_kept(slow_route):
    below, ask, commit = slow_route
    old = commit()
    early = await started(1, ask)
    new = commit()
    below.go.set()
    assert await asyncio.gather(*early) == [old]
    assert await ask() == new


@pytest.mark.slow
def test_a_write_is_seen_by_the_next_read_in_every_process(data, make_token):
    fill(data, 20)
    token = make_token(None)
    with running_server(data, "--workers", "2", FEDERATION_WRITES_PER_MINUTE="0") as server:
        # connections are kept, so that both workers are asked
        clients = [httpx.Client(base_url=server.url) for _ in range(6)]
        try:
            for number in range(60):
                version = f"1.{number}"
                sent = clients[number % 6].patch(
                    "/recipe_runs/7", json={"version": version}, headers={"Authorization": f"Bearer {token}"}
                )
                assert sent.status_code == 200, sent.text
                for client in clients[number % 3 :: 3]:
                    assert client.get("/recipe_runs/7").json()["version"] == version
        finally:
            for client in clients:
                client.close()
