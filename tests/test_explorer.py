"""What the explorer's pages say: the same numbers as the API."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from conftest import BAKERY
from datasette.plugins import pm
from datasette.utils import tilde_encode
from explorer_page import FEEDSTOCK, IN_THE_DEMO, STATUSES, check_page, demo_pages, own_pages
from pangeo_forge_federation.explorer import words
from pangeo_forge_federation.explorer.frame import data_option
from pangeo_forge_federation.explorer.lists import LISTS
from pangeo_forge_federation.explorer.marks import DRAWINGS, status_mark
from pangeo_forge_federation.explorer.other_facts import PLACED
from pangeo_forge_federation.explorer.pages import PAGES
from pangeo_forge_federation.explorer.windows import MONTH, QUARTER
from pangeo_forge_federation.records.models import Dataset, RecipeRun
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import transaction
from pangeo_forge_federation.values.statuses import WORDS
from pangeo_forge_federation.web.request_checks import POLICY
from post_requests import whole_body
from served import numbers_of

pytest_plugins = ["demo_fixtures"]

DAY = "2026-01-01"


# other forms of the same
MORE_PAGES = [
    "/federation/feedstocks/ocean-colour-feedstock",
    "/-/search?q=northlight",
    "/federation?sql=select+1",
    "/federation?sql=nonsense",
    "/federation/list_feedstocks",
    "/federation/recipe_runs_by_day?bakery_id=",
    "/federation/feedstock_summaries",
    "/federation/feedstock_summaries?_columns=all",
    "/federation/recipe_run_summaries?status=nothing",
    "/federation/recipe_runs",
]


@pytest.mark.parametrize("path", [*demo_pages(), *MORE_PAGES])
async def test_every_page_keeps_the_rules(demo, path):
    response = await demo.client.get(path)
    assert response.status_code == STATUSES.get(path, 400 if "nonsense" in path else 200)
    check_page(response.text)
    assert response.headers["content-security-policy"] == POLICY


async def test_every_page_of_the_explorer_is_among_those_that_tests_ask_for(demo):
    """A page whose route is made elsewhere than from the table would be in no test of all pages."""
    paths = [urlsplit(address).path for address in demo_pages()]
    (plugin,) = [plugin for name, plugin in pm.list_name_plugin() if name == "explorer.py"]
    for route, _ in plugin.register_routes():
        assert any(re.match(route, path) for path in paths), f"tests/explorer_page.py has no address for {route}"


async def test_who_may_not_see_the_instance_sees_none_of_its_pages(datasette, monkeypatch):
    monkeypatch.setitem(datasette._metadata_local, "allow", False)
    for path in own_pages(IN_THE_DEMO):
        assert (await datasette.client.get(path)).status_code == 403, path


async def test_the_policy_is_for_pages_alone(demo):
    for path in ("/feedstocks", "/federation/feedstocks.json", "/feed.atom"):
        assert "content-security-policy" not in (await demo.client.get(path)).headers


async def test_the_numbers_of_the_home_page_are_those_of_the_api(demo):
    page = (await demo.client.get("/")).text
    stats = (await demo.client.get("/stats")).json()
    numbers = re.findall(r"<strong>([\d,]+)</strong><small>([^<]*)</small>", page)
    month = (await demo.client.get("/stats", params={"from_day": re.search(r"run_date__gte=([\d-]+)", page)[1]})).json()
    runs = sum(sum(day["recipe_runs"].values()) for day in month["recipe_runs_by_day"])
    assert [int(number.replace(",", "")) for number, _ in numbers] == [
        stats["bakeries"],
        stats["feedstocks"],
        stats["datasets"],
        runs,
    ]
    # and what each leads to has so many rows
    for href, number in re.findall(r'<a href="(/federation/[^"]*)"><strong>([\d,]+)</strong>', page):
        rows = await demo.client.get(href.replace("&amp;", "&").replace("?", ".json?") + "&_size=0")
        assert rows.json()["filtered_table_rows_count"] == int(number.replace(",", "")), href


async def test_the_home_page_names_who_needs_attention(demo):
    page = (await demo.client.get("/")).text
    states = (await demo.client.get("/feedstocks?latest_recipe_run_status__in=failure,timed_out")).json()
    assert states
    for feedstock in states:
        assert f'href="/federation/feedstocks/{tilde_encode(feedstock["id"])}"' in page


async def test_charts_tell_the_days_and_numbers_at_their_axes(demo):
    stats = (await demo.client.get("/stats")).json()
    days = stats["from_day"], stats["to_day"]
    for path in ("/", "/-/statistics", f"/federation/bakeries/{tilde_encode(BAKERY)}"):
        page = (await demo.client.get(path)).text
        axis = re.search('<p class="axis-days">(.*?)</p>', page)[1]
        shown = re.findall("<span>(.*?)</span>", axis)
        assert (shown[0], shown[-1]) == days, path
    page = (await demo.client.get("/-/statistics")).text
    most = max(sum(day["recipe_runs"].values()) for day in stats["recipe_runs_by_day"])
    assert most in numbers_of(re.search('<p class="axis-top">(.*?)</p>', page)[1])


async def test_a_feedstock_that_needs_attention_has_one_row(demo):
    page = (await demo.client.get("/")).text
    section = page[page.index('id="attention"') : page.index('id="running"')]
    rows = re.findall(r"<li>.*?</li>", section, re.DOTALL)
    feedstocks = [re.search(r'href="/federation/feedstocks/([^"]*)"', row)[1] for row in rows]
    assert len(set(feedstocks)) == len(feedstocks)
    # with its run and with its files
    both = next(row for row in rows if "ocean-colour-feedstock" in row)
    assert "/federation/recipe_runs/" in both
    assert '<a href="/federation/problems?feedstock_id=ocean-colour-feedstock">' in both
    problems = (await demo.client.get("/stats")).json()["problems"]
    assert problems in numbers_of(re.search('<a href="/federation/problems">(.*?)</a>', section)[1])


async def test_a_feedstock_page_says_what_the_api_says(demo):
    for feedstock in (await demo.client.get("/feedstocks")).json():
        response = await demo.client.get(f"/federation/feedstocks/{tilde_encode(feedstock['id'])}")
        page = check_page(response.text)
        runs = await demo.client.get(f"/feedstocks/{feedstock['id']}/recipe_runs?is_test=0&_size=50")
        bars = [each for each in page.all("a") if each.get("tabindex") == "-1"]
        assert [bar["href"] for bar in bars] == [f"/federation/recipe_runs/{run['id']}" for run in runs.json()[::-1]]
        assert words.plural(feedstock["recipe_runs_count"], "run") in response.text
        assert words.plural(feedstock["datasets_count"], "dataset") in response.text
        if feedstock["latest_recipe_run_status"]:
            assert WORDS[feedstock["latest_recipe_run_status"]] in response.text


async def test_every_status_has_its_own_mark_and_word(demo):
    assert set(WORDS) <= set(DRAWINGS)
    marks = [str(status_mark(status)) for status in WORDS]
    assert len(set(marks)) == len(WORDS)
    assert all("<svg" in mark and 'aria-hidden="true"' in mark for mark in marks)


async def test_an_empty_registry_has_pages_too(datasette, connection):
    nothing_named = [page.path for page in PAGES if "{" not in page.path]
    lists = ["/federation", "/federation/feedstock_summaries", "/federation/problems"]
    for path in (*nothing_named, "/-/search?q=x", *lists):
        response = await datasette.client.get(path)
        assert response.status_code == 200
        check_page(response.text)
    # pages print no path of the server's, and no command that would go to another folder than this server's
    snapshots = (await datasette.client.get("/-/snapshots")).text
    assert "scripts/backup.py snapshot --data DIR</code>" in snapshots
    assert [data_option(each) for each in (ROOT, ROOT / "a b")] == ["", " --data 'a b'"]
    # a chart of nothing is none, and a heading of nothing neither
    assert '<svg class="chart' not in (await datasette.client.get("/-/statistics")).text
    assert "facet-info" not in (await datasette.client.get("/federation/problems?severity=error")).text
    with transaction(connection):
        connection.execute(
            "insert into feedstocks (id, repository) values ('bare-feedstock', 'example/bare-feedstock')"
        )
        connection.execute("insert into bakeries (id) values ('bare.bakery')")
    for path in ("/", "/federation/feedstocks/bare-feedstock", "/federation/bakeries/bare~2Ebakery"):
        response = await datasette.client.get(path)
        assert response.status_code == 200
        check_page(response.text)


async def test_what_is_usual_is_told_by_other_runs(datasette, send, run_body):
    """Of a recipe's fourth run, not of its first three."""
    for number in range(4):
        times = {"run_date": "2026-11-20T00:00:00Z", "completed_at": f"2026-11-20T00:{10 + number}:00Z"}
        run = (await send("POST", "/recipe_runs", run_body(status="success", **times))).json()
        page = (await datasette.client.get(f"/federation/recipe_runs/{run['id']}")).text
        headline = page.partition('<p class="headline">')[2].partition("</p>")[0]
        took = re.findall(r"\d+ minutes", headline)
        assert took == [f"{10 + number} minutes", "11 minutes"][: 2 if number == 3 else 1]


async def test_a_bakery_page_tells_the_day_of_its_token_and_nothing_else_of_it(datasette, headers, run_body):
    path = f"/federation/bakeries/{tilde_encode(BAKERY)}"
    assert (await datasette.client.post("/recipe_runs", json=run_body(), headers=headers)).status_code == 201
    for _ in range(100):
        page = (await datasette.client.get(path)).text
        if used := re.search(r"<dd>\d{4}-\d\d-\d\d</dd>", page):
            break
        # it is written down after the answer
        await asyncio.sleep(0.05)
    assert used
    assert "pfk_" not in page


async def test_404_suggests_what_was_meant(demo, connection):
    page = (await demo.client.get("/federation/feedstocks/nothern-sea-ice-feedstok")).text
    assert f'href="/federation/feedstocks/{FEEDSTOCK}"' in page
    page = (await demo.client.get("/federation/bakeries/northlight~2Ebakery~2Egcp")).text
    assert f'href="/federation/bakeries/{tilde_encode(BAKERY)}"' in page
    page = (await demo.client.get("/federation/maintainers/maren-solvik")).text
    assert 'href="/federation/maintainers/maren-solvik-ice"' in page
    page = (await demo.client.get("/federation/feedstocks/zzzzzzzzzzz")).text
    assert 'href="/federation/feedstocks/' not in page


async def test_lists_show_the_beginning_of_a_long_text_and_its_record_all_of_it(demo):
    problems = (await demo.client.get("/problems")).json()
    longest = max(problems, key=lambda problem: len(problem["message"]))
    end = str(words.coded(longest["message"]))[-40:]
    assert len(longest["message"]) > 160
    for path in ("/federation/problems", "/federation/files_with_problems"):
        page = (await demo.client.get(path)).text
        assert '<div class="few-lines">' in page, path
        cells = page[page.index("<tbody>") : page.index("</tbody>")]
        assert "<code>" in cells and "`" not in cells, path
    page = (await demo.client.get("/federation/problems")).text
    assert end not in page
    assert f'<a href="/federation/problems/{longest["id"]}">' in page
    assert end in (await demo.client.get(f"/federation/problems/{longest['id']}")).text
    # the description of a query
    assert "<code>bakery_id</code>" in (await demo.client.get("/federation/recipe_runs_by_day?bakery_id=")).text


async def test_the_list_of_feedstocks_names_a_licence_that_is_no_spdx_id(demo):
    named = [each for each in (await demo.client.get("/feedstocks")).json() if each["license"]]
    page = (await demo.client.get("/federation/feedstock_summaries")).text
    assert any(each["license_spdx"] is None for each in named)
    for each in named:
        shown = words.shortened(each["license_spdx"] or each["license"], 60)
        assert f'col-license_spdx type-str">{shown}' in page or f'col-license_spdx type-none">{shown}' in page, each


async def test_an_id_of_a_record_is_written_in_one_way(demo):
    for key in ("1.0", "+1", "01", "01x", "9" * 30):
        assert (await demo.client.get(f"/federation/recipe_runs/{tilde_encode(key)}")).status_code == 404


async def test_lists_lead_to_the_same_rows_as_json(demo):
    questions = {"recipe_run_summaries": "?status=failure", "problems": "?severity=error"}
    for table, shown in LISTS.items():
        question = questions.get(table, "")
        path = f"/federation/{table}{question or '?'}"
        page = (await demo.client.get(path)).text
        href = re.search(r'<a href="([^"]*)">JSON', page)[1].replace("&amp;", "&")
        assert href.partition("?")[0] == ensure_services(demo).queries[shown.query].path
        rows = (await demo.client.get(path.replace("?", ".json?"))).json()["filtered_table_rows_count"]
        answer = await demo.client.get(href + ("&" if "?" in href else "?") + "_shape=objects&_extra=count")
        assert answer.json()["count"] == rows


async def test_a_list_whose_filters_the_endpoint_does_not_take_has_datasettes_json(demo):
    page = (await demo.client.get("/federation/recipe_run_summaries?message__notblank=1")).text
    assert 'href="/federation/recipe_run_summaries.json?message__notblank=1"' in page


async def test_the_facets_of_runs_count_what_their_links_show(demo):
    for question in ("", "?status=failure", f"?status=failure&bakery_id={BAKERY}", "?is_test=1&_size=10&_next=10"):
        page = (await demo.client.get(f"/federation/recipe_run_summaries{question}")).text
        section = page[page.index("facet-results") : page.index("table-wrapper")]
        facets = re.findall(r'<li><a href="([^"]*)">.*?</a><span class="count">([\d,]+)</span>', section)
        assert len(facets) > 5
        for href, count in facets:
            rows = await demo.client.get(href.replace("&amp;", "&").replace("?", ".json?"))
            assert rows.json()["filtered_table_rows_count"] == int(count), href
    # other filters leave out rows that the roll-up counts
    page = (await demo.client.get(f"/federation/recipe_run_summaries?feedstock_id={FEEDSTOCK}")).text
    assert "facet-results" not in page


async def test_search_finds_each_kind(demo):
    for question, href in {
        "ice": f"/federation/feedstocks/{FEEDSTOCK}",
        "borehole": "/federation/datasets/",
        "northlight": f"/federation/bakeries/{tilde_encode(BAKERY)}",
        "solvik": "/federation/maintainers/maren-solvik-ice",
    }.items():
        assert href in (await demo.client.get("/-/search", params={"q": question})).text, question
    # what is found elsewhere than in its title says where
    page = (await demo.client.get("/-/search?q=ice")).text
    row = next(row for row in re.findall("<li>.*?</li>", page, re.DOTALL) if "Root-zone soil moisture" in row)
    assert "root-zone.icechunk" in row
    for odd in ('"', "a-b AND", "*", "\\", "%"):
        assert (await demo.client.get("/-/search", params={"q": odd})).status_code == 200


async def test_a_bakery_page_tells_durations_and_waits_by_week(datasette, send, run_body, connection):
    """Medians of what succeeded, tests left out."""
    with transaction(connection):
        connection.execute("insert into bakeries (id) values (:id)", {"id": BAKERY})
        connection.execute("insert into feedstocks (id, repository) values ('f', 'example/f')")
        runs = [(10, 2, "success", 0), (30, 4, "success", 0), (20, 3, "success", 0)]
        # recorded once, at its end: how long it took is not known
        runs += [(0, 0, "success", 0)]
        runs += [(500, 90, "failure", 0), (400, 80, "success", 1)]
        for number, (minutes, wait, status, is_test) in enumerate(runs, 1):
            connection.execute(
                """
                insert into recipe_runs (
                    id, recipe_id, run_date, bakery_id, feedstock_id, "commit", status, completed_at, is_test,
                    created_at, updated_at
                )
                select :id, 'r', began, :bakery_id, 'f', 'c', :status,
                    strftime('%Y-%m-%dT%H:%M:%f000Z', began, :minutes || ' minutes'), :is_test, began, began
                from (select strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-1 days') as began)
                """,
                {"id": number, "bakery_id": BAKERY, "status": status, "minutes": minutes, "is_test": is_test},
            )
            for at, event in ((0, "queued"), (wait, "in_progress"), (minutes, status)):
                connection.execute(
                    """
                    insert into recipe_run_events (recipe_run_id, at, status)
                    select id, strftime('%Y-%m-%dT%H:%M:%f000Z', run_date, :at || ' minutes'), :status
                    from recipe_runs
                    where id = :id
                    """,
                    {"id": number, "at": at, "status": event},
                )
    path = f"/federation/weeks_of_bakery.json?_shape=array&bakery_id={BAKERY}"
    rows = (await datasette.client.get(path)).json()
    assert [(row["recipe_runs"], row["duration"], row["wait"]) for row in rows] == [(4, 1200, 150)]
    page = (await datasette.client.get(f"/federation/bakeries/{tilde_encode(BAKERY)}")).text
    check_page(page)
    assert re.search("20 minutes.*2 minutes 30 seconds.*</title>", page)
    assert "<td>20 minutes</td><td>2 minutes 30 seconds</td>" in page


async def test_a_day_of_a_bakery_leads_to_its_runs(demo):
    path = f"/federation/bakeries/{tilde_encode(BAKERY)}"
    page = check_page((await demo.client.get(path)).text)
    days = [each["href"] for each in page.all("a") if each["href"].startswith("?day=")]
    assert len(days) > 30
    response = await demo.client.get(path + days[-1])
    assert response.status_code == 302
    runs = await demo.client.get(response.headers["location"])
    assert f"{BAKERY}</strong>" in runs.text or 'class="col-status' in runs.text
    assert (await demo.client.get(path + "?day=tomorrow")).status_code == 400


async def test_pages_count_the_days_that_they_say(datasette, recorded):
    """Of a month, and of a quarter, the first day and none before."""
    for days in (MONTH.days - 1, MONTH.days, QUARTER.days - 1, QUARTER.days):
        run_date = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT12:00:00Z}"
        await recorded(status="success", run_date=run_date, completed_at=None, external_id=str(days))
    home = (await datasette.client.get("/")).text
    bakery = (await datasette.client.get(f"/federation/bakeries/{tilde_encode(BAKERY)}")).text
    assert re.search(rf"<strong>1</strong><small>[^<]*\b{MONTH.days} ", home)
    for page in (home, bakery):
        assert re.search(rf'aria-label="3 [^"]*\b{QUARTER.days} [^"]*\b3 success"', page)
        href = re.search(r'href="(/federation/recipe_runs_by_day[^"]*)"', page)[1].replace("&amp;", "&")
        rows = (await datasette.client.get(href.replace("?", ".json?") + "&_shape=array")).json()
        assert sum(row["recipe_runs"] for row in rows) == 3


async def test_the_percentage_of_a_bakery_is_of_the_runs_that_it_names(demo):
    page = (await demo.client.get(f"/federation/bakeries/{tilde_encode(BAKERY)}")).text
    query = f"_shape=array&_size=max&bakery_id={BAKERY}&from_day={QUARTER.since}"
    rows = (await demo.client.get(f"/federation/recipe_runs_by_day.json?{query}")).json()
    counts = {"success": 0, "failure": 0, "timed_out": 0, "cancelled": 0}
    for row in rows:
        if row["status"] in counts:
            counts[row["status"]] += row["recipe_runs"]
    assert counts["failure"]
    percent, finished = re.search(r'headline"><strong>(\d+) %</strong> <span[^>]*>\D*(\d+) ', page).groups()
    assert int(finished) == sum(counts.values())
    assert int(percent) == round(100 * counts["success"] / int(finished))


async def test_a_dataset_page_tells_its_history(datasette, send, run_body):
    url = "gs://bucket/a.zarr"
    for number in range(2):
        body = run_body(datasets=[{"url": url}], external_id=str(number))
        run = (await send("POST", "/recipe_runs", body)).json()
    dataset = run["datasets"][0]["id"]
    change = {"retraction_reason": "wrong units"}
    answer = await send("PATCH", f"/datasets/{dataset}", change)
    assert answer.status_code == 200, answer.text
    page = (await datasette.client.get(f"/federation/datasets/{dataset}")).text
    check_page(page)
    # the newest first; the run that wrote it again is in the table of runs above
    history = page[page.rindex('<ul class="rows plain">') :]
    assert history.index("wrong units") < history.index(f"/federation/recipe_runs/{run['id'] - 1}")
    assert f"/federation/recipe_runs/{run['id']}" not in history


async def test_datasets_without_a_title_have_names_that_differ(datasette, send, run_body, connection):
    urls = ["gs://bucket/monthly.zarr", "gs://bucket/daily/"]
    run = (await send("POST", "/recipe_runs", run_body(datasets=[{"url": url} for url in urls]))).json()
    connection.execute("update feedstocks set title = 'Sea ice'")
    listed = (await datasette.client.get("/federation/dataset_summaries")).text
    for dataset, name in zip(run["datasets"], ["monthly.zarr", "daily"], strict=True):
        assert f'/federation/datasets/{dataset["id"]}">{name}</a>' in listed
        page = (await datasette.client.get(f"/federation/datasets/{dataset['id']}")).text
        check_page(page)
        assert f"<h1>{name}</h1>" in page and f"Sea ice: {name}" in page
        # what programs read says that there is none
        answer = (await datasette.client.get(f"/datasets/{dataset['id']}")).json()
        assert (answer["title"], answer["feedstock_title"]) == (None, "Sea ice")


async def test_a_dataset_that_no_run_wrote_with_success_is_recorded_and_not_written(datasette, send, run_body):
    body = run_body(status="failure", datasets=[{"url": "gs://bucket/a.zarr"}])
    run = (await send("POST", "/recipe_runs", body)).json()
    page = (await datasette.client.get(f"/federation/feedstocks/{run['feedstock_id']}")).text
    (before,) = re.findall(r"(\w+) <time", page.partition("/federation/datasets/")[2])
    await send("POST", "/recipe_runs", run_body(datasets=body["datasets"]))
    page = (await datasette.client.get(f"/federation/feedstocks/{run['feedstock_id']}")).text
    assert re.findall(r"(\w+) <time", page.partition("/federation/datasets/")[2]) != [before]


@pytest.mark.parametrize(
    ("record", "path", "changes", "patch"),
    [
        (
            RecipeRun,
            "recipe_runs",
            {"status": "failure", "run_date": f"{DAY}T00:00:00.000000Z", "completed_at": f"{DAY}T01:02:03.000000Z"},
            {},
        ),
        (
            Dataset,
            "datasets",
            {"format": "an-odd-format"},
            {"retraction_reason": "wrong units"},
        ),
    ],
)
async def test_a_page_shows_every_field_that_was_sent(datasette, send, record, path, changes, patch):
    body = whole_body(record, recipe_id="a-recipe", bakery_id=BAKERY, is_test=True, **changes)
    answer = await send("POST", f"/{path}", body)
    assert answer.status_code == 201, answer.text
    key = answer.json()["id"]
    row = (await send("PATCH", f"/{path}/{key}", patch)).json()
    page = (await datasette.client.get(f"/federation/{path}/{key}")).text
    check_page(page)
    page = page[page.index("<h1>") :].replace("<wbr>", "")
    sent = {*body, *patch}
    # what the template says of it by name, and nothing else, has a place of its own
    name = next(page.template for page in PAGES if page.path.startswith(f"/federation/{path}/"))
    template = (ROOT / "templates" / name).read_text()
    variable = re.search(r"{% set (\w+) = page\.\1 %}", template)[1]
    assert sent & set(re.findall(rf"\b{variable}\.(\w+)", template)) == PLACED[record]
    words_of = {
        "is_test": ">test",
        "status": f"{WORDS[body.get('status', 'success')]}<",
        "datasets": ">Global precipitation</a>",
        **{name: words.instant(row[name]) for name in ("run_date", "completed_at") if name in body},
    }
    for name in PLACED[record]:
        assert words_of.get(name, row[name]) in page, name
    # what has no place of its own stands at the end
    labels = [name.replace("_", " ").capitalize() for name in record.model_fields if name in sent - PLACED[record]]
    assert re.findall("<dt>([^<]*)</dt>", page)[-len(labels) - 1 :][1:] == labels


async def test_the_list_of_runs_counts_without_counting(demo):
    """Its number of rows is from the roll-up, and links do not repeat that Datasette is told not to count."""
    for question in ("", "?status=failure", f"?bakery_id={BAKERY.upper()}&is_test=0", "?is_test=01", "?status=FAILURE"):
        page = (await demo.client.get(f"/federation/recipe_run_summaries{question}")).text
        rows = (await demo.client.get(f"/federation/recipe_run_summaries.json{question}")).json()
        assert f"<strong>{rows['filtered_table_rows_count']:,}</strong>" in page, question
        assert "_nocount" not in page
