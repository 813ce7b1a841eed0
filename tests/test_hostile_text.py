"""Nobody's markup but ours is on a page, and no page is large, whatever was stored."""

import json
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from explorer_page import check_page, own_pages
from hostile_registry import HOSTILE, RENDERED, TIME, fill, pages, query_pages
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import transaction
from pangeo_forge_federation.values.times import to_text

# bytes of a page with its stylesheet and script, before images
LIMIT = 100_000
NEXT_MONTH = to_text(datetime.now(UTC) + timedelta(days=30))


async def test_no_text_that_somebody_stored_is_markup(datasette, connection):
    assert fill(connection) > 50
    said = 0
    for path in (*pages(connection), *query_pages()):
        response = await datasette.client.get(path)
        assert response.status_code in (200, 400, 404), (path, response.text)
        # no element of it has a handler, an address or a script that is not ours
        page = check_page(response.text)
        for markup in (
            "<script>window",
            "<img src=x",
            "<svg onload",
            "javascript:window.executed=1//https://example.org'",
        ):
            assert markup not in response.text, path
        assert not page.all("img"), path
        # nor is it a template
        assert RENDERED not in response.text, path
        said += "&lt;script&gt;window" in response.text
    assert said > 30


async def test_a_retraction_is_said_at_the_top(datasette, connection):
    fill(connection)
    page = (await datasette.client.get("/federation/datasets/1")).text
    assert 0 < page.index('class="notice') < page.index("<pre")


async def test_a_feed_of_hostile_text_is_xml_still(datasette, connection):
    fill(connection)
    response = await datasette.client.get("/feed.atom")
    assert (
        HOSTILE[:60] in ElementTree.fromstring(response.content)[-1].find("{http://www.w3.org/2005/Atom}summary").text
    )


async def test_what_a_bakery_posts_is_shown_as_it_was_written(datasette, send, run_body):
    body = run_body(
        recipe_id=HOSTILE,
        commit=HOSTILE,
        status="failure",
        message=HOSTILE * 100,
        version=HOSTILE,
        external_id=HOSTILE,
        log_url=f"https://example.org/{HOSTILE}",
        datasets=[{"url": f"s3://bucket/{HOSTILE}", "format": HOSTILE, "title": HOSTILE}],
    )
    answer = await send("POST", "/recipe_runs", body)
    assert answer.status_code == 201, answer.text
    page = (await datasette.client.get(f"/federation/recipe_runs/{answer.json()['id']}")).text
    check_page(page)
    assert page.count("&lt;script&gt;window") > 100


@pytest.fixture
def maximal(connection):
    """A registry with as much of everything as a page may be asked to show, each text as long as it may be."""
    long = "n&" * 250
    with transaction(connection):
        for number in range(30):
            connection.execute(
                "insert into bakeries (id, description) values (?, ?)", (f"{number:02}{'n' * 498}", "d" * 20_000)
            )
        bakery = "00" + "n" * 498
        for number in range(100):
            name = f"f{number}-" + "n" * 90
            connection.execute(
                """
                insert into feedstocks (id, repository, title, description, bakery_id, license, license_url, meta_path)
                values (?, ?, ?, ?, ?, ?, ?, ?)
                """,
                (
                    name,
                    f"pangeo-forge/{name}",
                    long,
                    "d " * 10_000,
                    bakery,
                    "l" * 20_000,
                    "https://l.org/" + "l" * 4_000,
                    "m",
                ),
            )
            connection.execute("insert into maintainers values (?, 0, 'somebody', ?, null)", (name, long))
        first = "f0-" + "n" * 90
        for number in range(100):
            connection.execute(
                "insert into maintainers values (?, ?, ?, ?, ?)",
                (first, number + 1, f"{number}" + "n" * 400, long, long),
            )
            connection.execute(
                "insert into providers values (?, ?, ?, ?, ?, ?)",
                (first, number, long, "d" * 20_000, "https://p.org/" + "p" * 4_000, json.dumps([long] * 30)),
            )
            connection.execute(
                "insert into recipes (feedstock_id, recipe_id, position) values (?, ?, ?)",
                (first, f"{number}{'n' * 490}", number),
            )
            connection.execute(
                """
                insert into problems (repository, source_file, feedstock_id, pointer, line, severity, message, found_at)
                values (?, 'feedstock/meta.yaml', ?, '', 1, 'error', ?, ?)
                """,
                (f"pangeo-forge/{first}", first, "m" * 2000, TIME),
            )
            connection.execute(
                "insert into bakery_targets (bakery_id, name, prefix, description) values (?, ?, ?, ?)",
                (bakery, f"{number}{'n' * 490}", "gs://" + "p" * 4_000, "d" * 20_000),
            )
            connection.execute(
                """
                insert into datasets (
                    url, title, description, feedstock_id, recipe_id, bakery_id, created_at, updated_at
                )
                values (?, ?, ?, ?, ?, ?, ?, ?)
                """,
                (f"gs://{number}" + "u" * 4_000, long, "d" * 20_000, first, long, bakery, TIME, TIME),
            )
            connection.execute(
                """
                insert into recipe_runs (
                    recipe_id, run_date, bakery_id, feedstock_id, "commit", status, message, version, log_url,
                    external_id, completed_at, created_at, updated_at
                )
                values (?, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                (
                    long,
                    f"-{number % 90} days",
                    bakery,
                    first,
                    long,
                    ("failure", "queued")[number % 2],
                    "m http://a.b/c\n" * 4_000,
                    "v" * 200,
                    "https://l.org/" + "l" * 4_000,
                    f"{number}" + "e" * 400,
                    None if number % 2 else NEXT_MONTH,
                    TIME,
                    TIME,
                ),
            )
            connection.execute(
                "insert into recipe_run_datasets select id, 1, run_date from recipe_runs where id = ?", (number + 1,)
            )
            connection.execute(
                """
                insert into recipe_run_events (recipe_run_id, at, actor_bakery_id, status, message)
                values (1, ?, ?, 'failure', ?)
                """,
                (TIME, bakery, "m" * 60_000),
            )
            connection.execute(
                """
                insert into dataset_events (dataset_id, at, actor_bakery_id, action, message)
                values (1, ?, ?, 'changed', ?)
                """,
                (TIME, bakery, "m" * 2_000),
            )
        # and every other feedstock has failed of late
        connection.execute(
            """
            insert into recipe_runs (
                recipe_id, run_date, bakery_id, feedstock_id, "commit", status, message, completed_at,
                created_at, updated_at
            )
            select :long, :time, :bakery, id, :long, 'failure', :message, :time, :time, :time
            from feedstocks
            where id <> :first
            """,
            {"long": long, "time": TIME, "bakery": bakery, "message": "<&>" * 20_000, "first": first},
        )
    return bakery, first


async def test_a_page_is_small_whatever_was_stored(datasette, maximal):
    bakery, feedstock = maximal
    besides = sum((ROOT / "static" / name).stat().st_size for name in ("explorer.css", "explorer.js"))
    sizes = {}
    texts = {"feedstock_id": [feedstock], "bakery_id": [bakery], "github": ["somebody"], "q": ["n", "nnn", "d"]}
    for path in own_pages(texts | {"recipe_run_id": ["1"], "dataset_id": ["1"]}):
        response = await datasette.client.get(path)
        assert response.status_code == 200, response.text
        check_page(response.text)
        sizes[path[:40]] = len(response.content) + besides
    assert max(sizes.values()) < LIMIT, sizes
