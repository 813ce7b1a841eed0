"""Full-text search of feedstocks and datasets: what people type is words, whatever it looks like to FTS5."""

import sqlite3
from urllib.parse import urlencode

import pytest
from pangeo_forge_federation.api.list_requests import search_expression
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction

NOW = "2026-01-01T00:00:00.000000Z"
FEEDSTOCKS = {
    "ice-feedstock": ("Sea-ice extent NOT land", 'Märkte, naïve café; the "quoted" C++ column:value', None),
    "sst-feedstock": ("Sea surface temperature", "AND OR NEAR 0.25° 🌊 daily", "northlight"),
    "rain-feedstock": ("Precipitation", None, "northlight"),
    "bare-feedstock": (None, None, None),
}


@pytest.fixture
def filled(connection):
    with transaction(connection):
        connection.execute("insert into bakeries (id) values ('northlight')")
        for name, (title, description, bakery) in FEEDSTOCKS.items():
            connection.execute(
                "insert into feedstocks (id, repository, title, description, bakery_id) values (?, ?, ?, ?, ?)",
                (name, f"pangeo-forge/{name}", title, description, bakery),
            )
            connection.execute(
                """insert into datasets (url, title, description, feedstock_id, bakery_id, created_at, updated_at)
                values (?, ?, ?, ?, 'northlight', ?, ?)""",
                (f"gs://open/{name}.zarr", title, description, name, NOW, NOW),
            )
    return connection


@pytest.fixture
def find(filled, datasette):
    """A function that gives the names of the feedstocks that are found, by either list."""

    async def search(words: str, kind: str = "feedstocks", **more: str) -> list[str]:
        response = await datasette.client.get(f"/{kind}?" + urlencode({"q": words, **more}))
        assert response.status_code == 200, response.text
        column = "id" if kind == "feedstocks" else "feedstock_id"
        return [row[column].removesuffix("-feedstock") for row in response.json()]

    return search


async def test_what_is_found(find):
    for words, found in [
        ("sea", ["ice", "sst"]),
        ("SEA", ["ice", "sst"]),
        ("sea ice", ["ice"]),
        ("ice sea", ["ice"]),
        ("sea rain", []),
        ("precip", ["rain"]),
        ("ecipitation", []),
        ("markte", ["ice"]),
        ("MÄRKTE", ["ice"]),
        ("naive cafe", ["ice"]),
        ('"quoted"', ["ice"]),
        ('"sea ice"', ["ice"]),
        ('"', []),
        ('sea "', ["ice", "sst"]),
        ("sea'; drop table feedstocks; --", []),
        ("AND", ["sst"]),
        ("OR", ["sst"]),
        ("NOT", ["ice"]),
        ("sea NOT ice", ["ice"]),
        ("sea OR rain", []),
        ("NEAR", ["sst"]),
        ("NEAR(sea ice)", []),
        ("sea -ice", ["ice"]),
        ("sea-ice", ["ice"]),
        ("sea*", ["ice", "sst"]),
        ("column:value", ["ice"]),
        ("title:sea", []),
        ("(sea)", ["ice", "sst"]),
        ("(sea", ["ice", "sst"]),
        ("{title} : sea", []),
        ("^sea", ["ice", "sst"]),
        ("sea + ice", ["ice"]),
        ("c++", ["ice"]),
        ("0.25", ["sst"]),
        ("🌊", []),
        ("sea 🌊", ["ice", "sst"]),
        ("*", []),
        ("---", []),
        ("()", []),
        ("", ["bare", "ice", "rain", "sst"]),
        ("   ", ["bare", "ice", "rain", "sst"]),
        ("x" * 10_000, []),
    ]:
        assert await find(words) == found
        if found != ["bare", "ice", "rain", "sst"]:
            assert sorted(await find(words, "datasets")) == found


async def test_with_filters_count_and_pages(find, datasette):
    assert await find("sea", bakery_id="northlight") == ["sst"]
    assert await find("sea", title__contains="ICE") == ["ice"]
    assert await find("sea", _sort_desc="id") == ["sst", "ice"]
    for kind in ("feedstocks", "datasets"):
        url = f"/{kind}?q=sea&_size=1&_extra=count&_shape=objects"
        found = []
        while url:
            answer = (await datasette.client.get(url)).json()
            assert (answer["count"], answer["count_capped"]) == (2, False)
            found += [row["id"] for row in answer["rows"]]
            url = answer["next_url"] and answer["next_url"].removeprefix("http://localhost")
        assert len(set(found)) == len(found) == 2
    # a page of one search is none of another
    first = (await datasette.client.get("/feedstocks?q=sea&_size=1&_shape=objects")).json()["next"]
    assert (await datasette.client.get(f"/feedstocks?q=surface&_size=1&_next={first}")).status_code == 400


async def test_only_lists_that_have_words_take_q(datasette):
    response = await datasette.client.get("/recipe_runs?q=sea")
    assert (response.status_code, response.json()["parameter"]) == (400, "q")
    assert (await datasette.client.get("/feedstocks?q=a&q=b")).status_code == 400


async def test_triggers_keep_up(find, filled):
    with transaction(filled):
        filled.execute("update feedstocks set title = 'Glaciers', description = null where id = 'ice-feedstock'")
        filled.execute(
            "update datasets set title = 'Glaciers', description = null where feedstock_id = 'ice-feedstock'"
        )
    for kind in ("feedstocks", "datasets"):
        assert await find("glaciers", kind) == ["ice"]
        assert await find("sea", kind) == ["sst"]
    with transaction(filled):
        filled.execute("update feedstocks set id = 'snow-feedstock' where id = 'ice-feedstock'")
    assert await find("glaciers") == ["snow"]
    assert await find("snow") == ["snow"]
    assert await find("ice") == []
    with transaction(filled):
        filled.execute("update feedstocks set id = 'SNOW-feedstock' where id = 'snow-feedstock'")
    assert await find("glaciers") == ["SNOW"]
    with transaction(filled):
        filled.execute("delete from datasets where feedstock_id = 'snow-feedstock'")
        filled.execute("delete from feedstocks where id = 'snow-feedstock'")
    assert await find("glaciers") == []
    assert await find("glaciers", "datasets") == []
    assert filled.execute("select count(*) from feedstock_documents").fetchone()[0] == 3
    filled.execute("insert into datasets_fts (datasets_fts, rank) values ('integrity-check', 1)")


async def test_a_copy_by_vacuum_finds_the_same(filled, tmp_path, data):
    with transaction(filled):
        # holes, so that rowids would be given anew
        filled.execute("delete from datasets where feedstock_id = 'ice-feedstock'")
        filled.execute("delete from feedstocks where id = 'ice-feedstock'")
    copy = tmp_path / "copy"
    copy.mkdir()
    filled.execute("vacuum into ?", (str(database_path(copy, FEDERATION)),))
    made = make_datasette(copy)
    await made.invoke_startup()
    try:
        opened = connect(database_path(copy, FEDERATION))
        with transaction(opened):
            opened.execute("update feedstocks set title = 'Warm water' where id = 'sst-feedstock'")
            opened.execute("update datasets set title = 'Warm water' where feedstock_id = 'sst-feedstock'")
            opened.execute("insert into datasets_fts (datasets_fts) values ('rebuild')")
        opened.close()
        for words, found in {"warm": ["sst-feedstock"], "precipitation": ["rain-feedstock"], "sea": []}.items():
            assert [row["id"] for row in (await made.client.get(f"/feedstocks?q={words}")).json()] == found
            datasets = (await made.client.get(f"/datasets?q={words}")).json()
            assert [row["feedstock_id"] for row in datasets] == found
    finally:
        ensure_services(made).close()
        for database in made.databases.values():
            database.close()


def test_words_are_never_a_syntax_error(filled):
    for character in map(chr, [*range(32, 0x250), 0x200B, 0x0301, 0x4E2D, 0x1F30A]):
        for text in (character, f"a{character}", f"{character}a", f'"{character}', f"a {character} b"):
            words = search_expression(text)
            if words is None:
                continue
            try:
                filled.execute("select 1 from feedstocks_fts where feedstocks_fts match ?", (words,)).fetchall()
            except sqlite3.OperationalError as error:
                pytest.fail(f"{text!r} became {words!r}: {error}")
