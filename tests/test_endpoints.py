"""Every GET endpoint of metadata.yml, on a small federation that the ordinary sync and ordinary POSTs made."""

import asyncio
import copy
import re
from urllib.parse import quote

import pytest
import pytest_asyncio
from conftest import BAKERY, FIXTURES, OTHER_BAKERY, started
from example_paths import LISTS, QUERIES, SMALL, UNKNOWN, filled, values_of
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.api.canned_queries import BadQuery
from pangeo_forge_federation.records.field_kinds import column_kinds, has_long_message
from pangeo_forge_federation.records.rows import to_object
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import read_metadata, read_settings
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.run import run_sync

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBLEM = "application/problem+json"
SEA_ICE = "northern-sea-ice-feedstock"
ALTIMETRY = "global-altimetry-feedstock"
UNLISTED = "polar-data-lab.ice-shelves-feedstock"
BRACES = "gs://northlight-open/{product}/2023-05-13 13:34:59.702232.zarr"
LONG_MESSAGE = "é" * 501

RUNS = {
    BAKERY: [
        {
            "recipe_id": "daily-concentration",
            "feedstock_id": SEA_ICE,
            "commit": "0f2c9a7d",
            "status": "success",
            "run_date": "2026-01-01T00:00:00Z",
            "completed_at": "2026-01-01T01:00:00Z",
            "datasets": [{"url": BRACES, "format": "zarr", "title": "Concentration"}],
        },
        {
            "recipe_id": "monthly-extent",
            "feedstock_id": SEA_ICE,
            "commit": "0f2c9a7d",
            "status": "failure",
            "run_date": "2026-01-02T00:00:00Z",
            "message": LONG_MESSAGE,
        },
        {
            "recipe_id": "daily-concentration",
            "feedstock_id": SEA_ICE,
            "commit": "1a2b3c4d",
            "status": "success",
            "run_date": "2026-01-03T00:00:00Z",
            "is_test": True,
            "datasets": [{"url": "gs://northlight-scratch/pruned.zarr"}],
        },
        {
            "recipe_id": "ALT/L3/along track 1Hz",
            "feedstock_id": ALTIMETRY,
            "commit": "5e6f7a8b",
            "status": "in_progress",
            "run_date": "2026-01-04T00:00:00Z",
        },
    ],
    OTHER_BAKERY: [
        {
            "recipe_id": "shelves",
            "feedstock_id": "polar-data-lab/ice-shelves-feedstock",
            "commit": "9c8d7e6f",
            "status": "success",
            "run_date": "2026-01-01T00:00:00Z",
        },
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The small federation's data folder; tests only read it."""
    data = tmp_path_factory.mktemp("federation")
    prepare(data)
    settings = read_settings()
    run_sync(data, fetch_folder(FIXTURES, settings.bakery_database), settings.home_organisation)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FEDERATION_DATA", raising=False)
        asyncio.run(record(data))
    return data


async def record(data):
    connection = connect(database_path(data, TOKENS))
    datasette = make_datasette(data)
    await datasette.invoke_startup()
    for bakery_id, runs in RUNS.items():
        token = tokens.create_token(connection, bakery_id, "test", 1)
        response = await datasette.client.post("/recipe_runs", json=runs, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 201, response.text
    connection.close()
    ensure_services(datasette).close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(folder):
    async with started(folder) as made:
        yield made.client


async def get(client, path):
    response = await client.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    return response.json()


def check_record(query_name, row):
    """All keys of the record and no other, each of the record's type: StrictBool takes no 1, a list is no text."""
    record = QUERIES[query_name].record
    keys = list(record.model_fields)
    if query_name in LISTS and has_long_message(record):
        keys.insert(keys.index("message") + 1, "message_truncated")
        assert isinstance(row.pop("message_truncated"), bool)
        keys.remove("message_truncated")
    assert sorted(row) == sorted(keys)
    record.model_validate(row)


@pytest.mark.parametrize("query_name", QUERIES)
async def test_an_endpoint_answers_its_record(client, query_name):
    answer = await get(client, filled(QUERIES[query_name].path, SMALL))
    if query_name in LISTS:
        assert isinstance(answer, list) and answer
    rows = answer if query_name in LISTS else [answer]
    for row in rows:
        check_record(query_name, row)


@pytest.mark.parametrize("query_name", [name for name, query in QUERIES.items() if query.path_parameters])
async def test_an_unknown_id_or_parent_is_404(client, query_name):
    response = await client.get(filled(QUERIES[query_name].path, UNKNOWN))
    assert response.status_code == 404
    assert response.headers["content-type"] == PROBLEM
    body = response.json()
    assert body["type"].endswith("/not-found")
    assert any(value in body["detail"] for value in values_of(QUERIES[query_name].path, UNKNOWN).values())


@pytest.mark.parametrize(
    "path",
    [
        "/bakeries/osn.bakery.campus/recipe_runs",
        "/feedstocks/storm-tracks-feedstock/recipe_runs",
        "/feedstocks/storm-tracks-feedstock/datasets",
        f"/feedstocks/{UNLISTED}/recipes",
        "/recipe_runs/2/datasets",
    ],
)
async def test_an_empty_list_means_that_the_parent_is_there(client, path):
    assert await get(client, path) == []


@pytest.mark.parametrize(
    "number", ["0", "-1", "01", "+1", "1.0", "1e0", " 1", "0x1", "१", "²", "9223372036854775808", "9" * 30, "x", "None"]
)
async def test_what_is_no_id_is_404_and_never_another_row(client, number):
    for path in ("/recipe_runs/{}", "/recipe_runs/{}/events", "/datasets/{}/lineage"):
        response = await client.get(path.format(quote(number)))
        assert response.status_code == 404, path
        assert response.headers["content-type"] == PROBLEM


async def test_a_plus_in_an_id_is_a_plus(client):
    response = await client.get("/feedstocks/a+b")
    assert (response.status_code, "'a+b'" in response.json()["detail"]) == (404, True)


async def test_lists_of_runs_are_newest_first_and_tests_are_shown(client):
    rows = await get(client, "/recipe_runs")
    assert [row["id"] for row in rows] == [4, 3, 2, 5, 1]
    assert [row["is_test"] for row in rows] == [False, True, False, False, False]
    assert [row["id"] for row in await get(client, f"/bakeries/{BAKERY}/recipe_runs")] == [4, 3, 2, 1]
    assert [row["id"] for row in await get(client, f"/feedstocks/{SEA_ICE}/recipe_runs")] == [3, 2, 1]


async def test_the_spelling_of_the_founding_design(client):
    right = await client.get(f"/bakeries/{BAKERY}/recipe_runs")
    alias = await client.get(f"/bakeries/{BAKERY}/recipes_runs")
    assert alias.status_code == 200
    assert alias.content == right.content


@pytest.mark.parametrize(
    ("path", "same"),
    [
        (f"/bakeries/{BAKERY.upper()}", f"/bakeries/{BAKERY}"),
        (f"/bakeries/{BAKERY.upper()}/recipe_runs", f"/bakeries/{BAKERY}/recipe_runs"),
        (f"/feedstocks/{SEA_ICE.title()}", f"/feedstocks/{SEA_ICE}"),
        (f"/feedstocks/{SEA_ICE.upper()}/datasets", f"/feedstocks/{SEA_ICE}/datasets"),
        (f"/feedstocks/pangeo-forge%2F{SEA_ICE}", f"/feedstocks/{SEA_ICE}"),
        (f"/feedstocks/Pangeo-Forge%2f{SEA_ICE}/recipe_runs", f"/feedstocks/{SEA_ICE}/recipe_runs"),
        ("/feedstocks/polar-data-lab%2Fice-shelves-feedstock", f"/feedstocks/{UNLISTED}"),
        (
            "/feedstocks/pangeo-forge%2Ftide-gauges-v2.1-feedstock",
            "/feedstocks/pangeo-forge.tide-gauges-v2.1-feedstock",
        ),
        ("/maintainers/Maren-Solvik-ICE", "/maintainers/maren-solvik-ice"),
        ("/recipe_runs/", "/recipe_runs"),
        ("//recipe_runs", "/recipe_runs"),
        ("/recipe_runs//1///events/", "/recipe_runs/1/events"),
        ("/recipe_runs/%31", "/recipe_runs/1"),
        (f"/feedstocks//{SEA_ICE}//", f"/feedstocks/{SEA_ICE}"),
    ],
)
async def test_spellings_of_one_path(client, path, same):
    spelled = await client.get(path)
    assert spelled.status_code == 200, spelled.text
    assert spelled.json() == (await client.get(same)).json()


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"recipe_id": "ALT/L3/along track 1Hz"}, [4]),
        ({"recipe_id__startswith": "ALT/L3/"}, [4]),
        ({"recipe_id__endswith": " TRACK 1hz"}, [4]),
        ({"recipe_id__endswith": "ALT/L3/"}, []),
        ({"recipe_id__in": '["ALT/L3/along track 1Hz","shelves"]'}, [4, 5]),
        ({"recipe_id": "alt/l3/along track 1hz"}, []),
        ({"feedstock_id": f"pangeo-forge/{SEA_ICE}"}, [3, 2, 1]),
        ({"feedstock_id": SEA_ICE.upper(), "status": "failure"}, [2]),
        ({"bakery_id": OTHER_BAKERY.upper()}, [5]),
        ({"is_test": "true"}, [3]),
        ({"is_stale": "true"}, [4]),
        ({"message__contains": "é" * 501}, [2]),
    ],
)
async def test_filters_of_runs(client, query, ids):
    response = await client.get("/recipe_runs", params=query)
    assert response.status_code == 200, response.text
    assert [row["id"] for row in response.json()] == ids


async def test_a_long_message_is_cut_in_lists_only(client):
    by_id = {row["id"]: row for row in await get(client, "/recipe_runs")}
    assert by_id[2]["message"] == LONG_MESSAGE[:500]
    assert by_id[2]["message_truncated"] is True
    assert (by_id[1]["message"], by_id[1]["message_truncated"]) == (None, False)
    run = await get(client, "/recipe_runs/2")
    assert run["message"] == LONG_MESSAGE
    assert "message_truncated" not in run


async def test_test_runs_make_nothing_look_broken_or_fresh(client):
    feedstock = await get(client, f"/feedstocks/{SEA_ICE}")
    assert feedstock["latest_recipe_run_id"] == 2
    assert feedstock["last_success_at"] == "2026-01-01T01:00:00.000000Z"
    assert feedstock["recipe_runs_count"] == 2
    assert feedstock["datasets_count"] == 1
    assert [row["url"] for row in await get(client, "/datasets")] == [BRACES]
    assert len(await get(client, "/datasets?is_test__in=0,1")) == 2
    assert [row["id"] for row in await get(client, "/datasets?is_test=true")] == [2]
    stats = await get(client, "/stats?from_day=2026-01-01&to_day=2026-01-31")
    assert stats["recipe_runs"] == 4
    assert stats["recipe_runs_by_day"][0] == {"day": "2026-01-01", "recipe_runs": {"success": 2}}


async def test_a_lineage_is_one_object(client):
    lineage = await get(client, "/datasets/1/lineage")
    assert lineage["dataset"]["url"] == BRACES
    assert [run["id"] for run in lineage["recipe_runs"]] == [1]
    assert (lineage["feedstock"]["id"], lineage["feedstock"]["commit"]) == (SEA_ICE, "0f2c9a7d")
    assert "Boreal Remote Sensing Centre" in [provider["name"] for provider in lineage["providers"]]


async def test_a_feedstock_that_only_a_run_named(client):
    feedstock = await get(client, f"/feedstocks/{UNLISTED}")
    assert feedstock["listed"] is False
    assert feedstock["repository"] == "polar-data-lab/ice-shelves-feedstock"
    assert feedstock["recipe_ids"] == []
    assert UNLISTED in [row["id"] for row in await get(client, "/feedstocks")]


@pytest.mark.parametrize("query_name", QUERIES)
async def test_a_query_has_a_page_with_a_labelled_field_for_each_parameter(client, query_name):
    values = values_of(QUERIES[query_name].path, SMALL)
    response = await client.get(f"/federation/{query_name}", params=values)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    for name, value in values.items():
        label = re.search(rf'<label for="([^"]+)">\s*{name}\s*</label>', response.text)
        assert label, f"no label for {name}"
        field = re.search(rf'<input [^>]*id="{label[1]}"[^>]*>', response.text)
        assert f'name="{name}"' in field[0]
        assert f'value="{value}"' in field[0]


@pytest.mark.parametrize("query_name", QUERIES)
async def test_a_page_shows_the_rows_of_the_endpoint_in_their_order(client, query_name):
    query = QUERIES[query_name]
    values = values_of(query.path, SMALL)
    page = await client.get(f"/federation/{query_name}.json", params={**values, "_shape": "arrays"})
    assert page.status_code == 200
    kinds = column_kinds(query.record)
    rows = [to_object(page.json()["columns"], row, kinds) for row in page.json()["rows"]]
    path = filled(query.path, SMALL)
    if "is_test" in query.defaults:
        # the endpoint leaves tests out until it is asked for them
        path += "?is_test__in=0,1"
    answer = await get(client, path)
    expected = answer if query_name in LISTS else [answer]
    assert len(rows) == len(expected) > 0
    for row, record in zip(rows, expected, strict=True):
        record.pop("message_truncated", None)
        row = {name: value for name, value in row.items() if name in record}
        if query_name in LISTS and row.get("message"):
            row["message"] = row["message"][:500]
        assert row == record


async def test_a_page_asked_with_nothing_shows_nothing(client):
    for query_name in ("get_feedstock", "get_recipe_run", "list_bakery_recipe_runs"):
        response = await client.get(f"/federation/{query_name}.json?_shape=array")
        assert response.json() == []


def metadata_with(**queries):
    metadata = copy.deepcopy(read_metadata())
    metadata["databases"]["federation"]["queries"].update(queries)
    return metadata


FAILURES = {
    "path": "/failures",
    "title": "Recipe runs that failed",
    "fields": "RecipeRun",
    "sorts": ["run_date desc"],
    "sql": "select *\nfrom recipe_run_summaries\nwhere status = 'failure' -- 'open'; :not_a_parameter\n"
    "order by run_date desc, id desc",
}


async def test_adding_an_endpoint_is_adding_a_query(folder):
    of_feedstock = {
        **FAILURES,
        "path": "/feedstocks/{feedstock_id}/failures",
        "aliases": ["/feedstocks/{feedstock_id}/fails"],
        "parent": "get_feedstock",
        "sql": "select * from recipe_run_summaries where feedstock_id = :feedstock_id and status = 'failure'",
    }
    first = {
        "path": "/failures/first",
        "fields": "RecipeRun",
        "one": True,
        "sql": "select * from recipe_run_summaries where status = 'failure' order by run_date limit 1",
    }
    made = make_datasette(
        folder, metadata_with(list_failures=FAILURES, list_feedstock_failures=of_feedstock, get_first_failure=first)
    )
    await made.invoke_startup()
    assert [row["id"] for row in await get(made.client, "/failures")] == [2]
    assert [row["id"] for row in await get(made.client, "/failures?recipe_id__contains=extent&_sort=run_date")] == [2]
    assert await get(made.client, "/failures?bakery_id=nobody") == []
    assert (await made.client.get("/failures?nonsense=1")).status_code == 400
    assert (await made.client.post("/failures")).headers["allow"] == "GET, HEAD, OPTIONS"
    for path in (f"/feedstocks/{SEA_ICE}/failures", f"/feedstocks/{SEA_ICE}/fails"):
        assert [row["id"] for row in await get(made.client, path)] == [2]
    assert (await made.client.get("/feedstocks/nothing/failures")).status_code == 404
    assert (await get(made.client, "/failures/first"))["id"] == 2
    assert len((await made.client.get("/federation/list_failures.json?_shape=array")).json()) == 1
    # and it is there for this Datasette alone
    assert "list_failures" not in QUERIES
    ensure_services(made).close()


@pytest.mark.parametrize(
    ("name", "changes", "named"),
    [
        ("list_failures", {"sql": "select *, 1 as odd from recipe_run_summaries"}, "odd"),
        ("list_failures", {"sql": "select id, status from recipe_run_summaries"}, "recipe_id"),
        ("recipe_runs", {}, "recipe_runs"),
        ("recipe_run_summaries", {}, "recipe_run_summaries"),
        ("list_failures", {"sql": FAILURES["sql"].split("--")[0] + ";"}, ";"),
        ("list_failures", {"sql": "select * from recipe_run_summaries; select 1"}, "list_failures"),
        ("list_failures", {"sql": "select * from nowhere"}, "nowhere"),
        ("list_failures", {"fields": "RecipeRuns"}, "RecipeRun"),
        ("list_failures", {"fields": None}, "fields"),
        ("list_failures", {"path": "/recipe_runs"}, "list_recipe_runs"),
        ("list_failures", {"aliases": ["/bakeries/{id}/recipes_runs"]}, "list_bakery_recipe_runs"),
        ("list_failures", {"parent": "get_nothing"}, "get_nothing"),
        ("list_failures", {"path": "/failures/{day}"}, "day"),
        ("list_failures", {"sorts": ["severity"]}, "severity"),
        ("list_failures", {"key": ["number"]}, "number"),
        ("list_failures", {"defaults": {"gone__isnull": 1}}, "gone"),
    ],
)
async def test_a_query_that_does_not_fit_stops_the_start(folder, name, changes, named):
    with pytest.raises(BadQuery) as error:
        await make_datasette(folder, metadata_with(**{name: {**FAILURES, **changes}})).invoke_startup()
    assert name in str(error.value)
    assert named in str(error.value)
    assert "\n" not in str(error.value)
