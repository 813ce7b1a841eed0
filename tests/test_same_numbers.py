"""The same question has the same answer, whoever is asked: pages, endpoints, CSV, SQL, health, metrics and the log.

Over the demo, and over the demo after writes of each kind.
"""

import csv
import io
import json
import re
import shutil
from datetime import UTC, datetime
from html import unescape
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from conftest import BAKERY, new_token, started
from datasette.utils import tilde_encode
from explorer_page import FEEDSTOCK, shared_demo
from pangeo_forge_federation.explorer.success_rate import success_rate
from pangeo_forge_federation.explorer.windows import MONTH, QUARTER
from pangeo_forge_federation.explorer.words import instant
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction
from pangeo_forge_federation.values.plural import plural
from pangeo_forge_federation.values.statuses import RATED_STATUSES, WORDS, shown_status
from pangeo_forge_federation.values.times import to_text
from prometheus_client.parser import text_string_to_metric_families
from served import Served, numbers_of, table_of
from server_process import running_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW_FEEDSTOCK = "brand-new-feedstock"
GONE_FEEDSTOCK = "storm-tracks-feedstock"
# of which a row of a list is counted by a page, by JSON, by CSV and by NDJSON
LISTS = {
    "feedstock_summaries": ("/feedstocks", "removed_at__isnull=1"),
    "recipe_run_summaries": ("/recipe_runs", ""),
    "dataset_summaries": ("/datasets", "is_test=0&retracted_at__isnull=1"),
    "bakery_summaries": ("/bakeries", "removed_at__isnull=1"),
    "maintainer_summaries": ("/maintainers", ""),
    "problems": ("/problems", ""),
    "sync_runs": ("/sync_runs", ""),
}
FILTERED = {
    "recipe_run_summaries": ["status=failure", f"bakery_id={BAKERY}&is_test=0", "message__contains=error"],
    "problems": ["severity=error"],
}


async def write_each_kind(datasette, data) -> None:
    """Runs that end well, badly and as tests, a change, a new dataset, a retraction; a feedstock that goes."""
    headers = {"Authorization": f"Bearer {new_token(data)}"}

    async def send(method: str, path: str, body) -> dict:
        response = await datasette.client.request(method, path, json=body, headers=headers)
        assert response.status_code in (200, 201), response.text
        return response.json()

    run = {"recipe_id": "extent", "feedstock_id": FEEDSTOCK, "commit": "0f2c9a7d", "status": "success"}
    dataset = {"url": "gs://northlight-open/new.zarr", "format": "zarr", "title": "New ice"}
    first = (await send("POST", "/recipe_runs", [{**run, "datasets": [dataset]}]))[0]
    await send("POST", "/recipe_runs", {**run, "status": "failure", "message": "an error"})
    await send("POST", "/recipe_runs", {**run, "status": "failure", "is_test": True})
    queued = await send("POST", "/recipe_runs", {**run, "feedstock_id": NEW_FEEDSTOCK, "status": "queued"})
    await send("PATCH", f"/recipe_runs/{queued['id']}", {"status": "timed_out"})
    await send("POST", "/recipe_runs", {**run, "feedstock_id": NEW_FEEDSTOCK, "status": "skipped"})
    await send("PATCH", f"/datasets/{first['datasets'][0]['id']}", {"retraction_reason": "wrong units"})
    await send("POST", "/datasets", {"url": "https://example.org/ice.nc"})
    connection = connect(database_path(data, FEDERATION))
    with transaction(connection):
        now = to_text(datetime.now(UTC))
        connection.execute("update feedstocks set removed_at = :now where id = :id", {"now": now, "id": GONE_FEEDSTOCK})
        # a file with an error has a warning too, whose text comes first
        connection.execute(
            """
            insert into problems (repository, source_file, feedstock_id, pointer, line, severity, message, found_at)
            select repository, source_file, feedstock_id, pointer, 99, 'warning', 'A warning', found_at
            from problems
            where severity = 'error'
            limit 1
            """
        )
        connection.execute("update sync_runs set problems = problems + 1")
    connection.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return shared_demo(tmp_path_factory)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["the demo", "after writes"])
async def served(request, demo, tmp_path_factory):
    data = shutil.copytree(demo, tmp_path_factory.mktemp("same") / "data")
    async with started(data) as datasette:
        if request.param == "after writes":
            await write_each_kind(datasette, data)
        yield Served(datasette)


STATUSES = [status for status in WORDS if status != "stale"]


async def test_the_four_numbers_of_home(served):
    home = await served.page("/")
    shown = [int(number.replace(",", "")) for number in re.findall(r"<strong>([\d,]+)</strong><small>", home)]
    stats = await served.get("/stats")
    counted = [
        await served.number("select count(*) from bakeries where removed_at is null"),
        await served.number("select count(*) from feedstocks where removed_at is null"),
        await served.number("select count(*) from datasets where is_test = 0 and retracted_at is null"),
        await served.number(
            "select count(*) from recipe_runs where is_test = 0 and run_date >= :since", since=MONTH.since
        ),
    ]
    assert shown == counted
    assert [stats[name] for name in ("bakeries", "feedstocks", "datasets")] == counted[:3]
    assert [await served.count(path) for path in ("/bakeries", "/feedstocks", "/datasets")] == counted[:3]
    assert await served.count("/recipe_runs", f"is_test=0&run_date__gte={MONTH.since}") == counted[3]


async def test_what_runs_now_and_what_needs_attention(served):
    home = await served.page("/")
    running = home[home.index('id="running"') : home.index('id="newest"')]
    open_runs = "status__in=queued,in_progress&is_stale=false"
    assert running.count("<li>") == await served.count("/recipe_runs", open_runs) > 0
    for bakery in await served.get("/bakeries"):
        page = await served.page(f"/federation/bakeries/{tilde_encode(bakery['id'])}")
        running = page[page.index('id="running"') : page.index('id="about"')]
        assert running.count("<li>") == await served.count(f"/bakeries/{bakery['id']}/recipe_runs", open_runs)
    attention = home[home.index('id="attention"') : home.index('id="running"')]
    failed = await served.get("/feedstocks?latest_recipe_run_status__in=failure,timed_out")
    stale = await served.get("/feedstocks?latest_recipe_run_is_stale=true")
    shown = set(re.findall(r"/federation/recipe_runs/(\d+)", attention))
    assert shown == {str(each["latest_recipe_run_id"]) for each in [*failed, *stale]}


async def test_how_each_bakery_does(served):
    """The percentages and tables of home and of the bakery's page, its counts, and the runs themselves."""
    home = await served.page("/")
    strips = re.findall(r'<li><a href="[^"]*">([^<]*)</a><span class="rate">([^<]*)</span>', home)
    rows = {row[0]: row[1:] for row in table_of(home)}
    bakeries = await served.get("/bakeries")
    assert {bakery_id for bakery_id, _ in strips} == {each["id"] for each in bakeries}
    for bakery_id, shown in strips:
        counted = {
            row["status"]: row["runs"]
            for row in await served.sql(
                """
                select status, count(*) as runs
                from recipe_runs
                where bakery_id = :bakery_id and is_test = 0 and run_date >= :since
                group by status
                """,
                bakery_id=bakery_id,
                since=QUARTER.since,
            )
        }
        rate = success_rate(counted)
        assert shown == str(rate)
        assert numbers_of(" ".join(rows[bakery_id])) == [counted.get(status, 0) for status in STATUSES]
        page = await served.page(f"/federation/bakeries/{tilde_encode(bakery_id)}")
        assert f"<strong>{rate}</strong>" in page
        weeks = table_of(page)
        # thirteen weeks are a day more than the quarter
        assert sum(int(week[1]) for week in weeks) >= sum(counted.values())
        detail = await served.get(f"/bakeries/{bakery_id}")
        runs, datasets = (numbers_of(number)[0] for number in re.findall(r"</dt><dd>([\d,]+)</dd>", page)[:2])
        of_bakery = "from {} where bakery_id = :bakery_id and is_test = 0"
        assert runs == detail["recipe_runs_count"] == sum(detail["recipe_runs_by_status"].values())
        assert runs == await served.number(f"select count(*) {of_bakery.format('recipe_runs')}", bakery_id=bakery_id)
        assert runs == await served.count(f"/bakeries/{bakery_id}/recipe_runs", "is_test=0")
        assert datasets == detail["datasets_count"] == await served.count("/datasets", f"bakery_id={bakery_id}")
        named = re.findall("<li>", page[page.index('id="feedstocks"') : page.index('id="datasets"')])
        assert len(named) == detail["feedstocks_count"] == await served.count("/feedstocks", f"bakery_id={bakery_id}")


async def test_how_each_feedstock_does(served):
    """Latest run, last success and counts: its page, its object, the list, its runs, its people, and SQL."""
    listed = {each["id"]: each for each in await served.get("/feedstocks")}
    of_people = {}
    for person in await served.get("/maintainers"):
        for each in (await served.get(f"/maintainers/{person['github']}"))["feedstocks"]:
            of_people[each["id"]] = each
    assert of_people
    for feedstock_id, row in listed.items():
        detail = await served.get(f"/feedstocks/{feedstock_id}")
        runs = await served.get(f"/feedstocks/{feedstock_id}/recipe_runs?is_test=0&_size=1000")
        latest = runs[0] if runs else {"id": None, "status": None}
        success = next((run for run in runs if run["status"] == "success"), None)
        expected = {
            "latest_recipe_run_id": latest["id"],
            "latest_recipe_run_status": latest["status"],
            "last_success_recipe_run_id": success and success["id"],
            "last_success_at": success and (success["completed_at"] or success["run_date"]),
            "recipe_runs_count": len(runs),
            "datasets_count": await served.count(f"/feedstocks/{feedstock_id}/datasets"),
            "problems_count": await served.count("/problems", f"feedstock_id={feedstock_id}"),
        }
        for answer in (detail, row, of_people.get(feedstock_id, {})):
            assert {name: answer[name] for name in expected if name in answer} == {
                name: value for name, value in expected.items() if name in answer
            }, feedstock_id
        (counted,) = await served.sql(
            """
            select
                count(*) as recipe_runs,
                (
                    select count(*)
                    from datasets
                    where feedstock_id = :id and is_test = 0 and retracted_at is null
                ) as datasets,
                (select count(*) from problems where feedstock_id = :id) as problems
            from recipe_runs
            where feedstock_id = :id and is_test = 0
            """,
            id=feedstock_id,
        )
        assert list(counted.values()) == [detail[f"{name}_count"] for name in counted]
        page = await served.page(f"/federation/feedstocks/{tilde_encode(feedstock_id)}")
        for name in ("recipe_runs", "datasets"):
            assert f"<li>{plural(counted[name], name.removeprefix('recipe_').removesuffix('s'))}</li>" in page
        headline = page[page.index('<p class="headline">') :].partition("</p>")[0]
        if latest["id"]:
            assert f">run {latest['id']}</a>" in headline
            assert f">{WORDS[shown_status(latest['status'], latest['is_stale'])]}<" in headline
        else:
            assert "/federation/recipe_runs/" not in headline
        if success and latest["status"] != "success":
            assert instant(detail["last_success_at"]) in headline
        shown = shown_status(latest["status"], latest["is_stale"]) if runs else None
        badge = await served.page(f"/feedstocks/{feedstock_id}/badge.svg")
        assert WORDS.get(shown, "") in badge
        bars = re.findall(r'<a href="/federation/recipe_runs/(\d+)" tabindex="-1"', page)
        assert [int(bar) for bar in bars] == [run["id"] for run in runs[:50]][::-1]


async def test_the_statistics(served):
    page = await served.page("/-/statistics")
    stats = await served.get("/stats")
    by_status = {
        row["status"]: row["runs"]
        for row in await served.sql(
            "select status, count(*) as runs from recipe_runs where is_test = 0 group by status order by status"
        )
    }
    assert stats["recipe_runs_by_status"] == by_status
    finished = sum(by_status.get(status, 0) for status in RATED_STATUSES)
    lead = page[page.index('<p class="lead">') :].partition("</p>")[0]
    assert str(success_rate(by_status)) in lead
    assert {sum(by_status.values()), stats["recipes"], finished} <= set(numbers_of(lead))
    assert stats["recipes"] == await served.number(
        """
        select count(*)
        from recipes
        join feedstocks on feedstocks.id = recipes.feedstock_id
        where recipes.removed_at is null
        """
    )
    assert stats["recipe_runs"] == sum(by_status.values()) == await served.count("/recipe_runs", "is_test=0")
    by_bakery = {row[0]: numbers_of(row[1])[0] for row in table_of(page, 1)}
    assert by_bakery == stats["recipe_runs_by_bakery"]
    assert by_bakery == {each["id"]: each["recipe_runs_count"] for each in await served.get("/bakeries")}
    days = {
        row[0]: {status: int(number) for status, number in zip(STATUSES, row[1:], strict=True) if number != "0"}
        for row in table_of(page)
    }
    assert days == {each["day"]: each["recipe_runs"] for each in stats["recipe_runs_by_day"]}
    counted = await served.sql(
        """
        select substr(run_date, 1, 10) as day, count(*) as runs
        from recipe_runs
        where is_test = 0 and run_date >= :since
        group by day
        """,
        since=QUARTER.since,
    )
    assert {day: sum(runs.values()) for day, runs in days.items()} == {row["day"]: row["runs"] for row in counted}
    total = table_of(page, 2)[0][2]
    assert numbers_of(total) == [stats["datasets"]]


async def test_the_problems_of_files(served):
    counted = await served.number("select count(*) from problems")
    errors = await served.number("select count(*) from problems where severity = 'error'")
    assert 0 < errors < counted
    assert (await served.get("/stats"))["problems"] == counted
    assert await served.count("/problems") == counted
    assert await served.count("/problems", "severity=error") == errors
    home = await served.page("/")
    assert plural(counted, "problem") in home
    page = await served.page("/federation/problems")
    facets = dict(re.findall(r'">(error|warning)</a><span class="count">(\d+)<', page))
    assert {name: int(number) for name, number in facets.items()} == {"error": errors, "warning": counted - errors}
    by_file = await served.get("/federation/files_with_problems.json?_shape=array")
    assert sum(file["problems"] for file in by_file) == counted
    assert sum(file["errors"] for file in by_file) == errors
    # what home quotes of a file is one of its worst
    for file in by_file:
        worst = await served.sql(
            "select message, line from problems where repository = :repository and severity = :severity",
            repository=file["repository"],
            severity="error" if file["errors"] else "warning",
        )
        assert {"message": file["message"], "line": file["line"]} in worst


async def test_search_finds_what_the_endpoints_find(served):
    for words in ("ice", "northlight", "solvik", "sea level", "zzzz"):
        page = await served.page(f"/-/search?q={quote(words)}")
        found = [section.count("<li>") for section in re.findall(r"<h2>\w+</h2>(.*?)</ul>", page, re.DOTALL)]
        people = {
            person["github"]
            for name in ("github", "name")
            for person in await served.get(f"/maintainers?{name}__contains={quote(words)}")
        }
        expected = [
            await served.count("/feedstocks", f"q={quote(words)}"),
            await served.count("/datasets", f"q={quote(words)}"),
            await served.count("/bakeries", f"id__contains={quote(words)}"),
            len(people),
        ]
        assert found == [number for number in expected if number], words


async def test_each_list_has_as_many_rows_as_a_page_as_json_and_as_csv(served):
    for table, (path, shown) in LISTS.items():
        for filters in ("", *FILTERED.get(table, ())):
            question = "&".join(filter(None, (shown, filters)))
            page = await served.page(f"/federation/{table}?_size=1&{question}")
            rows = numbers_of(re.search(r'<p class="headline"><strong>([\d,]+)</strong>', page)[1])[0]
            count = await served.count(path, filters)
            as_csv = await served.page(f"{path}?_format=csv&{filters}")
            lines = (await served.page(f"{path}?_format=ndjson&{filters}")).splitlines()
            assert rows == count == len(list(csv.reader(io.StringIO(as_csv)))) - 1 == len(lines), (table, filters)
            assert len(await served.get(f"{path}?_size=1000&{filters}")) == rows
            datasettes = await served.get(f"/federation/{table}.json?_size=0&{question}")
            assert datasettes["filtered_table_rows_count"] == rows


async def test_the_runs_of_each_dataset(served):
    for dataset in await served.get("/datasets?is_test__in=0,1&retracted_at__isnull=&_size=1000"):
        key = dataset["id"]
        page = await served.page(f"/federation/datasets/{key}")
        count = await served.count(f"/datasets/{key}/recipe_runs")
        linked = "select count(*) from recipe_run_datasets where dataset_id = :id"
        assert dataset["recipe_runs_count"] == count == await served.number(linked, id=key)
        assert (await served.get(f"/datasets/{key}/lineage"))["recipe_runs_count"] == count
        if count > 12:
            assert f"{plural(count, 'run')}</a>" in page
        elif count:
            assert len(table_of(page)) == count
        else:
            assert "/federation/recipe_runs/" not in page.partition("<main")[2]


async def test_when_the_last_sync_was(served):
    (last,) = await served.get("/sync_runs?finished_at__isnull=0&not_fetched=0&_size=1")
    assert (await served.get("/health"))["last_sync_at"] == last["finished_at"]
    footer = (await served.page("/")).partition("<footer")[2]
    assert f'<time datetime="{last["finished_at"]}" title="{instant(last["finished_at"])}">' in footer
    assert 'href="/federation/sync_runs"' in footer
    row = unescape(await served.page(f"/federation/sync_runs/{last['id']}"))
    assert re.search(rf'<th scope="row"[^>]*>problems</th><td[^>]*>{last["problems"]}</td>', row)
    assert last["problems"] == await served.number("select count(*) from problems")


def samples(text: str) -> dict:
    """(name, its labels' values...) -> value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.slow
async def test_health_metrics_and_the_log_say_the_same(demo, tmp_path, run_body):
    """Of a real process: how many requests of which kind, how many runs, the last sync, the role."""
    data = shutil.copytree(demo, tmp_path / "data")
    sent = {"Authorization": f"Bearer {new_token(data)}"}
    log = tmp_path / "log"
    settings = {"FEDERATION_LOG": "json", "FEDERATION_METRICS": "public"}
    with (
        log.open("w") as stderr,
        running_server(data, stderr=stderr, **settings) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        before = client.get("/stats").json()["recipe_runs"]
        bodies = [run_body()] * 5 + [{}, [run_body(), run_body(is_test=True)]]
        answers = [client.post("/recipe_runs", json=body, headers=sent).status_code for body in bodies]
        answers.append(client.post("/recipe_runs", json=run_body()).status_code)
        assert answers == [201, 201, 201, 201, 201, 422, 201, 401]
        assert client.get("/feedstocks/nothing").status_code == 404
        assert client.get("/stats").json()["recipe_runs"] == before + 6
        health = client.get("/health").json()
        found = samples(client.get("/metrics").text)
        (last,) = client.get("/sync_runs?finished_at__isnull=0&not_fetched=0&_size=1").json()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    requests = [line for line in lines if line["logger"] == "federation.requests"]
    # the scrape itself, and what came after it, were not counted yet
    scrape = next(index for index, line in enumerate(requests) if line["path"] == "/metrics")
    counted, problems = {}, {}
    for line in requests[:scrape]:
        key = (line["endpoint"], line["method"], str(line["status"]))
        counted[key] = counted.get(key, 0) + 1
        if "problem" in line:
            problems[line["problem"]] = problems.get(line["problem"], 0) + 1
    assert {key[1:]: value for key, value in found.items() if key[0] == "federation_requests_total"} == counted
    assert {key[1]: value for key, value in found.items() if key[0] == "federation_problems_total"} == problems
    # a write is in the log as often as it is in the database
    assert counted["/recipe_runs", "POST", "201"] == 6 == found["federation_write_group_size_sum",]
    assert health["last_sync_at"] == last["finished_at"]
    synced = datetime.fromisoformat(last["finished_at"]).timestamp()
    assert found["federation_last_sync_timestamp_seconds",] == pytest.approx(synced, abs=1e-3)
    # on its own it has no replication, and says none anywhere
    assert health["role"] == "single" and health["replication"] is None
    assert not [key for key in found if key[0].startswith("federation_replication")]
