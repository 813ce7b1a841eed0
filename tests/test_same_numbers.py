"""The same question has the same answer, whoever is asked: pages, endpoints, CSV, SQL, health, metrics and the log.

Over the demo, and over the demo after writes of each kind.
"""

import csv
import io
import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest
import pytest_asyncio
from conftest import BAKERY, new_token, started
from datasette.utils import tilde_encode
from explorer_page import FEEDSTOCK, shared_demo
from federation.database import FEDERATION, connect, database_path, transaction
from federation.explorer.marks import WORDS, shown_status
from federation.explorer.success_rate import FINISHED, success_rate
from federation.explorer.windows import MONTH, QUARTER
from federation.explorer.words import instant, plural
from federation.times import to_text
from prometheus_client.parser import text_string_to_metric_families
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


class Served:
    """A registry, asked in each way."""

    def __init__(self, datasette):
        self._client = datasette.client

    async def page(self, path: str) -> str:
        response = await self._client.get(path)
        assert response.status_code == 200, (path, response.text)
        return response.text

    async def get(self, path: str):
        response = await self._client.get(path)
        assert response.status_code == 200, (path, response.text)
        return response.json()

    async def count(self, path: str, question: str = "") -> int:
        """How many an endpoint says that its list has."""
        question = "&".join(filter(None, (question, "_shape=objects&_extra=count&_size=1")))
        return (await self.get(f"{path}?{question}"))["count"]

    async def sql(self, sql: str, **parameters) -> list[dict]:
        return await self.get(f"/federation.json?{urlencode({'sql': sql, '_shape': 'array', **parameters})}")

    async def number(self, sql: str, **parameters) -> int:
        """The one number that a query gives."""
        (row,) = await self.sql(sql, **parameters)
        return next(iter(row.values()))


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
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
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


def numbers_of(text: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", text)]


def table_after(page: str, label: str) -> list[list[str]]:
    """The cells of a table without its heading, by the name that it has for those who do not see it."""
    body = page[page.index(f'aria-label="{label}"') :].partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        [re.sub("<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    ]


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


async def test_how_each_bakery_does(served):
    """The percentages and tables of home and of the bakery's page, its counts, and the runs themselves."""
    home = await served.page("/")
    strips = re.findall(r'<li><a href="[^"]*">([^<]*)</a><span class="rate">([^<]*)</span>', home)
    rows = {
        row[0]: row[1:]
        for row in table_after(home, f"Recipe runs of the last {QUARTER.days} days by bakery and outcome")
    }
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
        assert plural(rate.finished, "finished run") in page
        weeks = table_after(page, "Recipe runs by week")
        # thirteen weeks are a day more than the quarter
        assert sum(int(week[1]) for week in weeks) >= sum(counted.values())
        detail = await served.get(f"/bakeries/{bakery_id}")
        facts = dict(re.findall(r"<dt>(Runs|Datasets)</dt><dd>([\d,]+)</dd>", page))
        runs, datasets = (numbers_of(facts[name])[0] for name in ("Runs", "Datasets"))
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
            assert "No run yet" in headline
        if success and latest["status"] != "success":
            assert instant(detail["last_success_at"]) in headline
        shown = shown_status(latest["status"], latest["is_stale"]) if runs else None
        badge = await served.page(f"/feedstocks/{feedstock_id}/badge.svg")
        assert f"pangeo forge: {WORDS[shown] if shown else 'no run yet'}<" in badge
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
    finished = sum(by_status.get(status, 0) for status in FINISHED)
    lead = page[page.index('<p class="lead">') :].partition("</p>")[0]
    assert f"{plural(sum(by_status.values()), 'run')} of {plural(stats['recipes'], 'recipe')} in all" in lead
    assert f"{success_rate(by_status)} of the {plural(finished, 'finished run')} succeeded" in lead
    assert stats["recipes"] == await served.number(
        """
        select count(*)
        from recipes
        join feedstocks on feedstocks.id = recipes.feedstock_id
        where recipes.removed_at is null
        """
    )
    assert stats["recipe_runs"] == sum(by_status.values()) == await served.count("/recipe_runs", "is_test=0")
    by_bakery = {row[0]: numbers_of(row[1])[0] for row in table_after(page, "Recipe runs by bakery")}
    assert by_bakery == stats["recipe_runs_by_bakery"]
    assert by_bakery == {each["id"]: each["recipe_runs_count"] for each in await served.get("/bakeries")}
    days = {
        row[0]: {status: int(number) for status, number in zip(STATUSES, row[1:], strict=True) if number != "0"}
        for row in table_after(page, "Recipe runs by day and outcome")
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
    total = table_after(page, "Datasets by the day they were recorded")[0][2]
    assert numbers_of(total) == [stats["datasets"]]


async def test_the_problems_of_files(served):
    counted = await served.number("select count(*) from problems")
    errors = await served.number("select count(*) from problems where severity = 'error'")
    assert 0 < errors < counted
    assert (await served.get("/stats"))["problems"] == counted
    assert await served.count("/problems") == counted
    assert await served.count("/problems", "severity=error") == errors
    home = await served.page("/")
    assert f">All {plural(counted, 'problem')} in files</a>" in home
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
        found = {}
        for heading, section in re.findall(r"<h2>(\w+)</h2>(.*?)</ul>", page, re.DOTALL):
            found[heading] = section.count("<li>")
        people = {
            person["github"]
            for name in ("github", "name")
            for person in await served.get(f"/maintainers?{name}__contains={quote(words)}")
        }
        expected = {
            "Feedstocks": await served.count("/feedstocks", f"q={quote(words)}"),
            "Datasets": await served.count("/datasets", f"q={quote(words)}"),
            "Bakeries": await served.count("/bakeries", f"id__contains={quote(words)}"),
            "People": len(people),
        }
        assert found == {name: number for name, number in expected.items() if number}, words


async def test_each_list_has_as_many_rows_as_a_page_as_json_and_as_csv(served):
    for table, (path, shown) in LISTS.items():
        for filters in ("", *FILTERED.get(table, ())):
            question = "&".join(filter(None, (shown, filters)))
            page = await served.page(f"/federation/{table}?_size=1&{question}")
            rows = numbers_of(re.search(r"<strong>([\d,]+)</strong> rows?\b", page)[1])[0]
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
            assert f">All {plural(count, 'run')}</a>" in page
        elif count:
            assert len(table_after(page, "Recipe runs")) == count
        else:
            assert "None: it was recorded by itself." in page


async def test_when_the_last_sync_was(served):
    (last,) = await served.get("/sync_runs?finished_at__isnull=0&not_fetched=0&_size=1")
    assert (await served.get("/health"))["last_sync_at"] == last["finished_at"]
    footer = (await served.page("/")).partition("<footer")[2]
    assert f'<time datetime="{last["finished_at"]}" title="{instant(last["finished_at"])}">' in footer
    assert f'href="/federation/sync_runs/{last["id"]}"' in footer
    row = unescape(await served.page(f"/federation/sync_runs/{last['id']}"))
    assert re.search(rf'<th scope="row"[^>]*>problems</th><td[^>]*>{last["problems"]}</td>', row)
    assert last["problems"] == await served.number("select count(*) from problems")


LOST_RUN = 100
CROWD = f"""
insert into bakeries (id, listed) values ('crowd.bakery', 1);
insert into bakery_targets (bakery_id, name) select 'crowd.bakery', 'target' || value from numbers limit 7;
insert into feedstocks (id, repository, bakery_id, meta_path, removed_at)
    select 'f' || value, 'o/f' || value, 'crowd.bakery', 'm', iif(value > 57, :now, null) from numbers;
insert into maintainers (feedstock_id, position, github) select 'f' || value, 0, 'everywhere' from numbers;
insert into maintainers (feedstock_id, position, github) select 'f1', value, 'p' || value from numbers limit 10;
insert into providers (feedstock_id, position, name) select 'f1', value, 'p' from numbers limit 8;
insert into recipes (feedstock_id, recipe_id, position, removed_at)
    select 'f1', 'r' || value, value, iif(value = 1, :now, null) from numbers limit 15;
insert into recipe_runs (
    recipe_id, run_date, bakery_id, feedstock_id, "commit", status, is_test, created_at, updated_at
)
    select 'r2', :now, 'crowd.bakery', 'f1', 'c', 'failure', value > 55, :now, :now from numbers;
insert into datasets (url, feedstock_id, bakery_id, is_test, retracted_at, created_at, updated_at)
    select 'u' || value, 'f1', 'crowd.bakery', value > 8, iif(value = 8, :now, null), :now, :now
    from numbers
    limit 10;
insert into recipe_run_datasets select value, 1, :now from numbers limit 20;
insert into problems (repository, source_file, feedstock_id, pointer, severity, message, found_at)
    select 'o/f1', 'm', 'f1', '', 'error', 'm', :now from numbers limit 8;
insert into recipes (feedstock_id, recipe_id, position) values ('f2', 'lost', 0);
insert into recipe_runs (
    id, recipe_id, run_date, bakery_id, feedstock_id, "commit", status, created_at, updated_at
)
    values ({LOST_RUN}, 'lost', :long_ago, 'crowd.bakery', 'f2', 'c', 'in_progress', :now, :now),
        (99, 'lost', :longer_ago, 'crowd.bakery', 'f2', 'c', 'failure', :now, :now);
insert into datasets (id, url, feedstock_id, bakery_id, created_at, updated_at)
    values ({LOST_RUN}, 'lost', 'f2', 'crowd.bakery', :now, :now);
insert into recipe_run_datasets values ({LOST_RUN}, {LOST_RUN}, :long_ago)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(empty_data, tmp_path_factory):
    """A registry in which each part of a page is only the first of more, some of which a page leaves out."""
    data = shutil.copytree(empty_data, tmp_path_factory.mktemp("crowd") / "data")
    connection = connect(database_path(data, FEDERATION))
    connection.execute("create temporary table numbers (value integer primary key)")
    connection.executemany("insert into numbers values (?)", [(number,) for number in range(1, 61)])
    ages = {"now": 0, "long_ago": 9, "longer_ago": 19}
    times = {name: to_text(datetime.now(UTC) - timedelta(days=days)) for name, days in ages.items()}
    with transaction(connection):
        for statement in CROWD.split(";\n"):
            connection.execute(statement, times)
    connection.close()
    async with started(data) as datasette:
        yield Served(datasette)


async def test_all_of_something_leads_to_so_many_rows(crowd):
    found = set()
    for path in (
        "/",
        "/federation/feedstocks/f1",
        f"/federation/bakeries/{tilde_encode('crowd.bakery')}",
        "/federation/maintainers/everywhere",
        "/federation/datasets/1",
    ):
        page = await crowd.page(path)
        for href, number, what in re.findall(r'<a href="(/federation/[^"]+)">[Aa]ll ([\d,]+)([^<]*)</a>', page):
            rows = await crowd.get(
                unescape(href).replace("?", ".json?") + "&_size=0" if "?" in href else f"{href}.json"
            )
            assert rows["filtered_table_rows_count"] == numbers_of(number)[0], (path, href)
            found.add(what.strip() or urlsplit(href).path.rpartition("/")[2])
    assert found == {
        *("recipes", "runs", "datasets", "feedstocks", "problems in files"),
        *("providers", "maintainers", "problems", "bakery_targets"),
    }


async def test_a_run_that_nothing_is_heard_of_is_stale_on_every_page(crowd):
    said = {
        "/": "running, no word <",
        "/federation/feedstocks/f2": "running, no word <",
        f"/federation/recipe_runs/{LOST_RUN}": "running, no word <",
        # its neighbour
        "/federation/recipe_runs/99": f"run {LOST_RUN}</a>",
        "/federation/maintainers/everywhere": f"run {LOST_RUN}</a>",
        f"/federation/datasets/{LOST_RUN}": f"run {LOST_RUN}, stale</text>",
        f"/federation/recipe_run_summaries?id={LOST_RUN}": "/federation/feedstocks/f2",
        "/federation/feedstock_summaries?id=f2": "f2",
    }
    for path, words in said.items():
        page = await crowd.page(path)
        # above the rows of a list is what is stored
        main = page.partition("<tbody>" if "summaries" in path else "<main")[2]
        assert words in main, path
        assert "status-stale" in main, path
        assert "#mark-in_progress" not in main, path
        assert "for 9 days" in main or "no word" not in words, path


async def test_search_says_that_there_is_more(crowd):
    page = await crowd.page("/-/search?q=f")
    assert (
        page[page.index("<h2>Feedstocks</h2>") : page.index("</ul>", page.index("<h2>Feedstocks</h2>"))].count("<li>")
        == 20
    )
    assert "More than 20 were found: another word narrows them." in page
    assert "another word" not in await crowd.page("/-/search?q=f1")


def samples(text: str) -> dict:
    """(name, its labels' values...) -> value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


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
