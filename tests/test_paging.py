"""A walk sees every row once, whatever is written meanwhile; counts are exact; whole lists come whole."""

import asyncio
import base64
import csv
import gzip
import io
import json
import sqlite3
import tracemalloc
from urllib.parse import quote, urlencode

import pytest
from conftest import BAKERY
from pangeo_forge_federation.api import reads as reading
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.storage.database import transaction

FEEDSTOCK = "northern-sea-ice-feedstock"
PROBLEM = "application/problem+json"


def time(second: int) -> str:
    return f"2026-01-{1 + second // 86400:02}T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.000000Z"


def add_runs(connection, number: int, first: int = 0, message: str | None = None, ties: int = 100) -> None:
    """Runs whose run_date many share."""
    connection.executemany(
        """insert into recipe_runs
        (recipe_id, run_date, bakery_id, feedstock_id, "commit", status, message, is_test, created_at, updated_at)
        values ('r', ?, ?, ?, 'c', ?, ?, ?, ?, ?)""",
        [
            (
                time(each // ties * 60),
                BAKERY,
                FEEDSTOCK,
                ("success", "failure", "queued")[each % 3],
                message,
                each % 5 == 0,
                time(each // 7),
                time(each // 7),
            )
            for each in range(first, first + number)
        ],
    )


@pytest.fixture
def filled(connection):
    """A function that fills the registry with so many runs."""
    with transaction(connection):
        connection.execute("insert into bakeries (id) values (?)", (BAKERY,))
        connection.execute(
            "insert into feedstocks (id, repository) values (?, ?)", (FEEDSTOCK, f"pangeo-forge/{FEEDSTOCK}")
        )

    def fill(number: int, **more) -> sqlite3.Connection:
        with transaction(connection):
            add_runs(connection, number, **more)
        return connection

    return fill


def next_of(response) -> str | None:
    url = response.links.get("next", {}).get("url")
    return url and url.removeprefix("http://localhost")


async def walk(client, url: str, between=lambda page: None) -> list[dict]:
    rows, page = [], 0
    while url:
        response = await client.get(url)
        assert response.status_code == 200, response.text
        rows += response.json()
        url = next_of(response)
        page += 1
        between(page)
    return rows


@pytest.mark.parametrize("name", ["_sort", "_sort_desc"])
@pytest.mark.parametrize("by", ["id", "created_at", "run_date"])
async def test_a_walk_while_others_write(filled, datasette, name, by):
    connection = filled(5000)
    there = {row[0] for row in connection.execute("select id from recipe_runs")}

    def write(page: int) -> None:
        # about 200 of each over a walk: some before the walker, some behind it, some in the middle of a tie
        with transaction(connection):
            for offset in range(2):
                add_runs(connection, 1, first=(page * 977 + offset * 2503) % 5000)
                changed = 1 + (page * 613 + offset * 1999) % 5000
                connection.execute(
                    "update recipe_runs set status = 'failure', updated_at = ?, revision = revision + 1 where id = ?",
                    (time(2_000_000 + page), changed),
                )

    rows = await walk(datasette.client, f"/recipe_runs?{name}={by}&_size=37&_col=id,{by}", write)
    found = [row["id"] for row in rows]
    assert connection.execute("select count(*) from recipe_runs").fetchone()[0] >= 5200
    assert len(found) == len(set(found))
    assert there <= set(found)
    order = [(row[by], row["id"]) for row in rows]
    assert order == sorted(order, reverse=name == "_sort_desc")


async def test_pages_of_a_column_that_may_be_null(connection, datasette):
    titles = ["None", "null", "", None, None, None, "Zebra", "ä"]
    with transaction(connection):
        for number, title in enumerate(titles):
            moment = None if number % 2 else time(number // 4)
            connection.execute(
                "insert into feedstocks (id, repository, title, committed_at) values (?, ?, ?, ?)",
                (f"f{number}", f"pangeo-forge/f{number}", title, moment),
            )
    for column in ("title", "committed_at"):
        for name in ("_sort", "_sort_desc"):
            for size in (1, 2, 3, 5, 8):
                rows = await walk(datasette.client, f"/feedstocks?{name}={column}&_size={size}&_col=id,{column}")
                assert len(rows) == len({row["id"] for row in rows}) == len(titles)
                valued = [(row[column], row["id"]) for row in rows if row[column] is not None]
                nulls = [row["id"] for row in rows if row[column] is None]
                assert rows[len(valued) :] == [{"id": each, column: None} for each in nulls]
                assert valued == sorted(valued, reverse=name == "_sort_desc")
                assert nulls == sorted(nulls, reverse=name == "_sort_desc")


async def test_a_next_that_this_list_did_not_give_is_400(filled, datasette):
    filled(20)
    client = datasette.client
    first = (await client.get("/recipe_runs?_size=5&status=success&_shape=objects")).json()
    given = first["next"]
    raw = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
    good = await client.get(f"/recipe_runs?status=success&_size=2&_next={given}")
    assert [row["id"] < first["rows"][-1]["id"] for row in good.json()] == [True, True]
    assert (await client.get(f"/recipe_runs?_col=id&status=success&_next={given}")).status_code == 200
    assert (await client.get("/recipe_runs?status=success&_next=")).status_code == 200
    flipped = given[:-2] + ("A" if given[-2] != "A" else "B") + given[-1]
    for question in [
        f"/recipe_runs?_next={given}",
        f"/recipe_runs?status=failure&_next={given}",
        f"/recipe_runs?status=success&is_test=0&_next={given}",
        f"/recipe_runs?status=success&_sort=id&_next={given}",
        f"/recipe_runs?status=success&_sort=run_date&_next={given}",
        f"/feedstocks/{FEEDSTOCK}/recipe_runs?status=success&_next={given}",
        f"/bakeries/{BAKERY}/recipe_runs?status=success&_next={given}",
        *(
            f"/recipe_runs?status=success&_next={quote(each)}"
            for each in [
                given[:-1],
                given[:10],
                given + "A",
                given + "=",
                given + "==",
                " " + given,
                given.swapcase(),
                flipped,
                base64.b64encode(raw).decode() + "=",
                base64.urlsafe_b64encode(raw[9:]).decode(),
                "garbage",
                "ä",
                "None",
                "0",
                "A" * 10_000,
            ]
        ),
        f"/recipe_runs?status=success&_next={given}&_next={given}",
    ]:
        response = await client.get(question)
        assert (response.status_code, response.headers["content-type"]) == (400, PROBLEM), question
        assert "_next" in response.json()["detail"]


async def test_a_next_holds_after_a_restart(filled, datasette, data):
    filled(50)
    url = "/recipe_runs?_size=7&status__not=queued"
    next_url = next_of(await datasette.client.get(url))
    expected = (await datasette.client.get(next_url)).json()
    other = make_datasette(data)
    await other.invoke_startup()
    try:
        assert (await other.client.get(next_url)).json() == expected
    finally:
        ensure_services(other).close()
        for database in other.databases.values():
            database.close()


async def test_link_and_next_url_agree_and_columns_do_not_matter(filled, datasette):
    filled(23)
    url, found = "/recipe_runs?_shape=objects&_size=5&_col=status&recipe_id=r", 0
    while url:
        response = await datasette.client.get(url)
        body = response.json()
        assert list(body) == ["rows", "next", "next_url"]
        assert response.links.get("next", {}).get("url") == body["next_url"]
        assert (body["next"] is None) == (body["next_url"] is None)
        assert body["next"] is None or body["next_url"].endswith(f"&_next={body['next']}")
        assert all(list(row) == ["status"] for row in body["rows"])
        found += len(body["rows"])
        url = body["next_url"] and body["next_url"].removeprefix("http://localhost")
    assert found == 23


COUNTED = ["", "status=success", "status__in=success,failure", "is_test=0", "is_test=true&status__not=queued"]


@pytest.mark.parametrize(
    "path", ["/recipe_runs", f"/bakeries/{BAKERY}/recipe_runs", f"/feedstocks/{FEEDSTOCK}/recipe_runs"]
)
async def test_counts_are_those_of_counting(filled, datasette, monkeypatch, path):
    filled(211)
    # a count from a roll-up knows no cap
    monkeypatch.setattr(reading, "COUNT_CAP", 3)
    for question in [
        *COUNTED,
        f"bakery_id={BAKERY.upper()}",
        f"feedstock_id=pangeo-forge/{FEEDSTOCK}",
        "bakery_id=none",
    ]:
        if ("bakery_id" in question and "feedstocks" in path) or ("feedstock_id" in question and "bakeries" in path):
            continue
        rows = await walk(datasette.client, f"{path}?_size=100&{question}")
        response = await datasette.client.get(f"{path}?{question}&_extra=count&_shape=objects&_size=1")
        assert (response.json()["count"], response.json()["count_capped"]) == (len(rows), False), question
        assert response.headers["x-total-count"] == str(len(rows))


async def test_a_count_without_a_roll_up_has_a_cap(filled, datasette, monkeypatch):
    filled(30)
    for cap, count, capped in [(29, 29, True), (30, 30, False), (31, 30, False)]:
        monkeypatch.setattr(reading, "COUNT_CAP", cap)
        # the size differs, since the cap of a registry does not change while it answers
        for more in (f"_shape=objects&_size={cap + 100}", "_format=csv", f"_format=ndjson&_size={cap + 100}"):
            response = await datasette.client.get(f"/recipe_runs?recipe_id=r&_extra=count&{more}")
            assert response.headers["x-total-count"] == (f"{count}+" if capped else str(count))
            if "objects" in more:
                assert (response.json()["count"], response.json()["count_capped"]) == (count, capped)
    response = await datasette.client.get("/recipe_runs?recipe_id=r&id__lte=4&_extra=count")
    assert response.headers["x-total-count"] == "4"


async def test_whole_lists_come_whole_and_as_they_are_stored(filled, datasette):
    connection = filled(2501)
    messages = {
        1: 'line one\r\nline "two", and a comma',
        2: '=HYPERLINK("https://evil.example","open")',
        3: "",
        4: "\té",
    }
    with transaction(connection):
        for run_id, message in messages.items():
            connection.execute("update recipe_runs set message = ? where id = ?", (message, run_id))
    client = datasette.client
    response = await client.get("/recipe_runs?_format=csv&_sort=id")
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert [int(row["id"]) for row in rows] == list(range(1, 2502))
    assert {number: rows[number - 1]["message"] for number in messages} == messages
    assert {row["is_test"] for row in rows} == {"true", "false"}
    assert rows[10]["completed_at"] == ""
    lines = (await client.get("/recipe_runs?_format=ndjson&_sort=id")).text.split("\n")
    assert lines.pop() == ""
    objects = [json.loads(line) for line in lines]
    assert [each["id"] for each in objects] == list(range(1, 2502))
    assert {number: objects[number - 1]["message"] for number in messages} == messages
    for form in ("csv", "ndjson"):
        response = await client.get(f"/recipe_runs?_format={form}&_size=1000&_col=id")
        assert len(response.text.split()) == 1000 + (form == "csv")
        assert next_of(response)
        filtered = await client.get(f"/recipe_runs?_format={form}&status=failure&_col=id")
        assert len(filtered.text.split()) == 834 + (form == "csv")
        assert next_of(filtered) is None


async def stream(datasette, url: str, on_part, **headers: str) -> dict[str, str]:
    """Ask the application as a server does, part by part, without keeping them."""
    path, _, question = url.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": question.encode(),
        "headers": [(b"host", b"localhost"), *((name.encode(), value.encode()) for name, value in headers.items())],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    found = {}
    asked = False

    async def receive() -> dict:
        nonlocal asked
        if asked:
            await asyncio.sleep(3600)
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict) -> None:
        if message["type"] == "http.response.start":
            found.update({name.decode().lower(): value.decode() for name, value in message["headers"]})
            found["status"] = message["status"]
        else:
            on_part(message.get("body", b""))

    await datasette.app()(scope, receive, send)
    return found


async def test_a_stream_is_small_in_memory_and_gzipped_when_asked(filled, datasette):
    filled(20_000, message="m" * 300)
    url = "/recipe_runs?_format=ndjson&_sort=id&_col=id,message"
    sizes = []
    await stream(datasette, "/recipe_runs?_format=ndjson&_size=1000", lambda part: None)
    tracemalloc.start()
    await stream(datasette, url, lambda part: sizes.append(len(part)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(sizes) > 20_000 * 300
    assert len(sizes) >= 20
    assert peak < sum(sizes) / 2
    packed = []
    headers = await stream(datasette, url, packed.append, **{"accept-encoding": "gzip"})
    assert headers["content-encoding"] == "gzip"
    body = b"".join(packed)
    assert len(body) < sum(sizes) / 10
    assert len(gzip.decompress(body)) == sum(sizes)


async def test_commits_and_checkpoints_while_a_stream_is_sent(filled, datasette):
    connection = filled(4500)
    found, checkpoints = [], []

    def between(part: bytes) -> None:
        found.extend(json.loads(line)["id"] for line in part.decode().split("\n") if line)
        with transaction(connection):
            add_runs(connection, 3)
            connection.execute("update recipe_runs set message = 'changed' where id = ?", (len(checkpoints) * 700 + 1,))
        checkpoints.append(tuple(connection.execute("pragma wal_checkpoint(truncate)").fetchone()))

    headers = await stream(datasette, "/recipe_runs?_format=ndjson&_sort=id&_col=id", between)
    assert headers["status"] == 200
    assert len(found) == len(set(found))
    assert set(range(1, 4501)) <= set(found)
    # (busy, frames in the WAL, of them written back): no reader holds it
    assert len(checkpoints) >= 5
    assert set(checkpoints) == {(0, 0, 0)}


@pytest.mark.parametrize(
    "rest", ["", "/recipe_runs", "/recipes", "/datasets", "/recipe_runs?status=failure&_size=5&q=%2B"]
)
async def test_an_old_id_is_308_to_the_same_under_the_new_one(filled, datasette, rest):
    with transaction(filled(3)) as connection:
        connection.execute(
            "insert into feedstock_aliases (alias, feedstock_id, created_at) values ('Old.na-me', ?, ?)",
            (FEEDSTOCK, time(0)),
        )
    rest = rest.replace("&q=%2B", "&run_date__lt=2026-02-01T00:00:00%2B02:00")
    for name in ("old.na-me", "Old.na-me", "old%2Fna-me"):
        response = await datasette.client.get(f"/feedstocks/{name}{rest}")
        assert response.status_code == 308
        assert response.headers["location"] == f"http://localhost/feedstocks/{FEEDSTOCK}{rest}"
    target = response.headers["location"].removeprefix("http://localhost")
    assert (await datasette.client.get(target)).status_code == 200
    response = await datasette.client.get(f"/feedstocks/old.na-me/recipe_runs?{urlencode({'_format': 'csv'})}")
    assert response.status_code == 308


@pytest.mark.parametrize(
    "question",
    [
        "status__in=success,failure",
        "status__in=failure,queued,cancelled",
        "status__in=success,failure,in_progress,queued&is_test=0",
        "bakery_id__in=EAST.bakery,west.bakery&status__in=success,failure",
        "feedstock_id__in=old-name,new-name",
    ],
)
async def test_several_values_are_merged_in_order(datasette, connection, question):
    instants = ["2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z", "2026-01-03T00:00:00.000000Z"]
    statuses = ["success", "failure", "queued", "in_progress", "cancelled"]
    with transaction(connection):
        for bakery in ("east.bakery", "west.bakery", "north.bakery"):
            connection.execute("insert into bakeries (id) values (?)", [bakery])
        for feedstock in ("new-name", "other"):
            connection.execute(
                "insert into feedstocks (id, repository) values (?, ?)", [feedstock, f"home/{feedstock}"]
            )
        connection.execute("insert into feedstock_aliases values ('old-name', 'new-name', ?)", [instants[0]])
        for number in range(90):
            connection.execute(
                """
                insert into recipe_runs
                    (recipe_id, run_date, bakery_id, feedstock_id, "commit", status, is_test, created_at, updated_at)
                values
                    ('daily', :instant, :bakery, :feedstock, 'abc', :status, :is_test, :instant, :instant)
                """,
                {
                    "instant": instants[number % 3],
                    "bakery": ("east.bakery", "west.bakery", "north.bakery")[number % 7 % 3],
                    "feedstock": ("new-name", "other")[number % 2],
                    "status": statuses[number % 5],
                    "is_test": number % 4 == 0,
                },
            )
    # sorted by another column, SQLite finds them as it does
    expected = (await datasette.client.get(f"/recipe_runs?{question}&_sort_desc=id&_size=max")).json()
    expected.sort(key=lambda run: (run["run_date"], run["id"]), reverse=True)
    found, address = [], f"/recipe_runs?{question}&_size=7&_extra=count"
    while address:
        response = await datasette.client.get(address)
        assert response.headers["X-Total-Count"] == str(len(expected))
        found += response.json()
        address = response.links["next"]["url"].partition("localhost")[2] if "next" in response.links else None
    assert found == expected
    assert len(found) > 14
    ascending = (await datasette.client.get(f"/recipe_runs?{question}&_sort=run_date&_size=max")).json()
    assert ascending == sorted(expected, key=lambda run: (run["run_date"], run["id"]))
