"""POST /recipe_runs: what each field may hold, what is refused and in which words."""

import json

import pytest
from conftest import BAKERY, OTHER_BAKERY
from pangeo_forge_federation.values import times
from post_requests import ago, faults

# Times


async def test_run_date_is_now_where_nothing_is_said(recorded):
    before = times.now()
    for status in ("queued", "in_progress"):
        run = await recorded(status=status)
        assert before <= run["run_date"] <= times.now()
        assert run["completed_at"] is None


async def test_a_final_run_without_times_ended_now(recorded):
    run = await recorded(status="failure")
    assert run["run_date"] == run["completed_at"] == run["created_at"]


async def test_a_final_run_with_a_run_date_ended_nobody_knows_when(recorded):
    run = await recorded(run_date="2026-01-01T00:00:00Z")
    assert run["completed_at"] is None


async def test_run_date_is_completed_at_where_that_alone_is_given(recorded):
    run = await recorded(completed_at="2026-01-01T00:00:00Z")
    assert run["run_date"] == run["completed_at"] == "2026-01-01T00:00:00.000000Z"


async def test_times_that_contradict(post, run_body):
    early, late = ago(hours=2), ago(hours=1)
    assert list(faults(await post(run_body(run_date=late, completed_at=early)))) == ["/completed_at"]
    assert list(faults(await post(run_body(status="in_progress", completed_at=late)))) == ["/completed_at"]
    assert (await post(run_body(run_date=early, completed_at=early))).status_code == 201


async def test_times_ahead(post, run_body):
    assert (await post(run_body(run_date=ago(hours=-23)))).status_code == 201
    assert list(faults(await post(run_body(run_date=ago(hours=-25))))) == ["/run_date"]
    assert list(faults(await post(run_body(completed_at=ago(hours=-25))))) == ["/completed_at"]


async def test_times_are_kept_in_one_form(recorded):
    for sent, stored in [
        ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00.000000Z"),
        ("2026-01-01t12:00:00z", "2026-01-01T12:00:00.000000Z"),
        ("2026-01-01 12:00:00+00:00", "2026-01-01T12:00:00.000000Z"),
        ("2026-01-01T00:30:00+05:45", "2025-12-31T18:45:00.000000Z"),
        ("2025-12-31T23:59:59.9999996Z", "2025-12-31T23:59:59.999999Z"),
        ("2026-01-01T12:00:00.5-00:00", "2026-01-01T12:00:00.500000Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
    ]:
        assert (await recorded(run_date=sent))["run_date"] == stored


async def test_what_is_no_rfc_3339_is_422(post, run_body):
    for sent in [
        "2026-01-01",
        "2026-01-01T12:00:00",
        "2026-01-01T12:00Z",
        "20260101T120000Z",
        "2026-W01-1T12:00:00Z",
        "2026-01-01T12:00:00+0100",
        "2026-01-01T12:00:00Z[Europe/London]",
        "2026-02-30T12:00:00Z",
        "2026-01-01T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "2026-01-01T12:00:00,5Z",
        "\uff12026-01-01T12:00:00Z",
        "",
        1767268800,
    ]:
        assert list(faults(await post(run_body(run_date=sent)))) == ["/run_date"]


# Statuses


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("SUCCESS", "success"),
        ("In_Progress", "in_progress"),
        ("running", "in_progress"),
        ("Completed", "success"),
        ("failed", "failure"),
        ("canceled", "cancelled"),
        ("TimedOut", "timed_out"),
        (" skipped ", "skipped"),
        ("pending", "queued"),
    ],
)
async def test_statuses_in_any_case_and_in_words_of_schedulers(recorded, get, sent, stored):
    assert (await recorded(status=sent))["status"] == stored
    assert [event["status"] for event in await get("/recipe_runs/1/events")] == [stored]


# External ids


async def test_an_external_id_is_taken_once(post, recorded, run_body, get):
    await recorded(external_id="7000000001/1/extent")
    response = await post(run_body(external_id="7000000001/1/extent", recipe_id="other"))
    assert response.status_code == 409
    assert response.json()["type"].endswith("/conflict")
    assert response.headers["location"] == "http://localhost/recipe_runs/1"
    assert len(await get("/recipe_runs")) == 1
    # they are case-sensitive
    assert (await post(run_body(external_id="7000000001/1/Extent"))).status_code == 201


async def test_an_external_id_is_unique_within_its_bakery(datasette, recorded, make_token, run_body):
    await recorded(external_id="7")
    other = {"Authorization": f"Bearer {make_token(OTHER_BAKERY)}"}
    assert (
        await datasette.client.post("/recipe_runs", json=run_body(external_id="7"), headers=other)
    ).status_code == 201


async def test_an_external_id_twice_in_one_array(post, run_body, get):
    runs = [run_body(external_id="7"), run_body(), run_body(external_id="7", bakery_id=BAKERY.upper())]
    assert list(faults(await post(runs))) == ["/2/external_id"]
    assert await get("/recipe_runs") == []


async def test_an_external_id_that_is_taken_spoils_the_array(post, recorded, run_body, get):
    await recorded(external_id="7")
    response = await post([run_body(), run_body(external_id="7")])
    assert response.status_code == 409
    assert response.headers["location"].endswith("/recipe_runs/1")
    assert len(await get("/recipe_runs")) == 1


# Feedstocks


@pytest.mark.parametrize(
    ("named", "feedstock_id", "repository"),
    [
        ("new-feedstock", "new-feedstock", "pangeo-forge/new-feedstock"),
        ("pangeo-forge/new-feedstock", "new-feedstock", "pangeo-forge/new-feedstock"),
        ("Pangeo-Forge/new-feedstock", "new-feedstock", "Pangeo-Forge/new-feedstock"),
        ("leap-stc/cmip6-leap-feedstock", "leap-stc.cmip6-leap-feedstock", "leap-stc/cmip6-leap-feedstock"),
        ("leap-stc.cmip6-leap-feedstock", "leap-stc.cmip6-leap-feedstock", "leap-stc/cmip6-leap-feedstock"),
        ("pangeo-forge/tides-v2.1-feedstock", "pangeo-forge.tides-v2.1-feedstock", "pangeo-forge/tides-v2.1-feedstock"),
    ],
)
async def test_an_unknown_feedstock_is_made_unlisted(recorded, get, named, feedstock_id, repository):
    run = await recorded(feedstock_id=named)
    assert (run["feedstock_id"], run["feedstock_repository"]) == (feedstock_id, repository)
    feedstock = await get(f"/feedstocks/{feedstock_id}")
    assert feedstock["listed"] is False
    assert feedstock["recipe_runs_count"] == 1


async def test_the_names_of_one_feedstock_are_one(recorded, get):
    for name in ("new-feedstock", "NEW-Feedstock", "pangeo-forge/New-feedstock"):
        assert (await recorded(feedstock_id=name))["feedstock_id"] == "new-feedstock"
    assert [row["id"] for row in await get("/feedstocks")] == ["new-feedstock"]


async def test_a_feedstock_by_an_id_that_it_had_before(recorded, connection):
    connection.execute("insert into feedstocks (id, repository) values ('new-name', 'pangeo-forge/new-name')")
    connection.execute("insert into feedstock_aliases values ('old-name', 'new-name', '2026-01-01T00:00:00.000000Z')")
    assert (await recorded(feedstock_id="pangeo-forge/Old-Name"))["feedstock_id"] == "new-name"


async def test_what_is_no_feedstocks_name_is_422(post, run_body):
    for name in ["a/b/c", "/a", "a/", "a b", "-a/b", "a/..", "pangeo-forge/.", "é", "a%2Fb", "."]:
        assert list(faults(await post(run_body(feedstock_id=name)))) == ["/feedstock_id"]


# Datasets


async def test_one_url_is_one_dataset_however_often_it_is_written(recorded, get):
    url = "s3://harbor-public/arco/extent.zarr"
    first = await recorded(datasets=[{"url": url, "format": "zarr"}, {"url": url, "title": "again"}])
    assert first["datasets_count"] == 1
    second = await recorded(datasets=[{"url": url, "title": "Later"}])
    assert [dataset["id"] for dataset in second["datasets"]] == [1]
    # what is known stays as it is
    assert (await get("/datasets/1"))["title"] is None
    assert (await get("/datasets/1"))["recipe_runs_count"] == 2
    assert [row["id"] for row in await get("/datasets/1/recipe_runs")] == [2, 1]


async def test_a_url_is_kept_byte_for_byte(recorded, datasette, get):
    for url in [
        "gs://leap-persistent/run/2023-05-13 13:34:59.702232.zarr",
        "gs://leap-persistent/{variable}/{time:%Y}.zarr",
        "s3://bucket/100%/a%20b.zarr",
        "s3://bucket/%zz?x=1#part",
        "https://data.example/æøå/海.zarr",
        "abfs://container@account.dfs.core.windows.net/store.zarr",
        "az://container/store.zarr",
        "http://[2001:db8::1]:8080/store.zarr",
    ]:
        run = await recorded(datasets=[{"url": url}])
        assert run["datasets"][0]["url"] == url
        await recorded(datasets=[{"url": url}])
        response = await datasette.client.get("/datasets", params={"url": url})
        assert [row["url"] for row in response.json()] == [url]
        number = run["datasets"][0]["id"]
        assert (await get(f"/datasets/{number}/lineage"))["dataset"]["url"] == url
        csv = await datasette.client.get("/datasets?_format=csv&_col=url")
        assert url in csv.text
        assert (await datasette.client.get(f"/federation/datasets/{number}")).status_code == 200


async def test_what_is_no_url_of_a_store_is_422(post, run_body, get):
    for url in [
        "ftp://host/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "bucket/a.zarr",
        "//host/a",
        "gs://",
        "gs:///a",
        "https://user:secret@host/a",
        "https://user@host/a",
        "abfs://user:secret@host/a",
        "s3://key:secret@bucket/a",
        " gs://bucket/a",
        "gs://bucket/a ",
        "gs://bucket/a\n",
        "https://[::1/a",
        "",
        "gs://bucket/" + "a" * 4085,
    ]:
        response = await post(run_body(datasets=[{"url": "gs://bucket/good"}, {"url": url}], log_url=url))
        assert set(faults(response)) == {"/datasets/1/url", "/log_url"}
        assert "secret" not in response.text
        assert await get("/datasets") == []


async def test_a_hundred_datasets_and_no_more(post, run_body, recorded, get):
    many = [{"url": f"gs://bucket/{number}"} for number in range(101)]
    assert list(faults(await post(run_body(datasets=many)))) == ["/datasets"]
    assert (await recorded(datasets=many[:100]))["datasets_count"] == 100
    assert len(await get("/recipe_runs/1/datasets?_size=1000")) == 100


async def test_a_dataset_is_no_test_once_a_real_run_wrote_it(recorded, get):
    url = "gs://bucket/store.zarr"
    await recorded(is_test=True, datasets=[{"url": url}])
    assert await get("/datasets") == []
    assert [row["is_test"] for row in await get("/datasets?is_test=1")] == [True]
    await recorded(datasets=[{"url": url}])
    dataset = (await get("/datasets"))[0]
    assert (dataset["is_test"], dataset["revision"]) == (False, 2)
    # and a later test does not take that back
    await recorded(is_test=True, datasets=[{"url": url}])
    assert [row["is_test"] for row in await get("/datasets")] == [False]


async def test_another_bakery_may_link_its_run_to_a_known_url(datasette, recorded, make_token, run_body, get):
    await recorded(datasets=[{"url": "gs://bucket/a", "title": "Ours"}])
    other = {"Authorization": f"Bearer {make_token(OTHER_BAKERY)}"}
    body = run_body(datasets=[{"url": "gs://bucket/a", "title": "Theirs"}])
    assert (await datasette.client.post("/recipe_runs", json=body, headers=other)).status_code == 201
    dataset = await get("/datasets/1")
    assert (dataset["bakery_id"], dataset["title"]) == (BAKERY, "Ours")
    # it is its owner's runs that tell how fresh it is
    assert dataset["latest_recipe_run_id"] == 1
    assert [row["id"] for row in await get("/datasets/1/recipe_runs")] == [2, 1]


# Bounds

FOUR_BYTES = "🌊"


def of_bytes(limit, begin=""):
    """A text of exactly so many bytes, as many of them as can be in characters of four."""
    rest = limit - len(begin)
    return begin + FOUR_BYTES * (rest // 4) + "x" * (rest % 4)


MAXIMAL = {
    "recipe_id": of_bytes(500),
    "commit": of_bytes(500),
    "external_id": of_bytes(500),
    "version": of_bytes(200),
    "message": of_bytes(65536),
    "log_url": of_bytes(4096, "https://logs.example/"),
}


@pytest.mark.parametrize("name", MAXIMAL)
async def test_a_text_of_its_bound_is_kept_and_one_byte_more_is_not(post, recorded, run_body, name):
    assert (await recorded(**{name: MAXIMAL[name]}))[name] == MAXIMAL[name]
    told = faults(await post(run_body(**{name: MAXIMAL[name] + "x"})))
    assert list(told) == [f"/{name}"]
    assert "bytes" in told[f"/{name}"]


@pytest.mark.slow
async def test_a_maximal_run_is_read_through_every_endpoint_page_and_sort(datasette, data, make_token, get):
    bakery_id = "b" * 500
    token = make_token(bakery_id)
    feedstock_id = "o" * 39 + "." + "f" * 100
    dataset = {"format": of_bytes(200), "title": of_bytes(500)}
    # 100 datasets of full URLs are within 1 MiB of UTF-8
    datasets = [{"url": of_bytes(4096, f"gs://bucket/{number:03}/"), **dataset} for number in range(100)]
    runs = [
        {**MAXIMAL, "external_id": of_bytes(500, str(number)), "feedstock_id": feedstock_id, "status": "in_progress"}
        for number in range(3)
    ]
    for run in runs:
        response = await datasette.client.post(
            "/recipe_runs",
            content=json.dumps({**run, "run_date": "2026-01-01T00:00:00Z", "datasets": datasets}, ensure_ascii=False),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        assert response.status_code == 201, response.text[:500]
    assert response.json()["message"] == MAXIMAL["message"]
    assert response.json()["datasets_count"] == 100

    for path in (
        "/bakeries",
        f"/bakeries/{bakery_id}",
        "/feedstocks",
        f"/feedstocks/{feedstock_id}",
        f"/feedstocks/{feedstock_id}/recipes",
        "/recipe_runs/3",
        "/datasets/100",
        "/datasets/1/lineage",
        "/stats",
    ):
        await get(path)
    for path, count in (
        ("/recipe_runs", 3),
        (f"/bakeries/{bakery_id}/recipe_runs", 3),
        (f"/feedstocks/{feedstock_id}/recipe_runs", 3),
        ("/datasets/1/recipe_runs", 3),
        ("/recipe_runs/3/events", 1),
        ("/recipe_runs/3/datasets", 100),
        ("/datasets", 100),
        (f"/feedstocks/{feedstock_id}/datasets", 100),
    ):
        assert len(await get(path)) == count
        for format in ("csv", "ndjson"):
            response = await datasette.client.get(f"{path}?_format={format}")
            assert len(response.text.splitlines()) == count + (format == "csv")
        envelope = await get(f"{path}?_shape=objects&_size=1&_extra=count")
        assert envelope["count"] == count
        seen = len(envelope["rows"])
        while envelope["next_url"]:
            envelope = await get(envelope["next_url"].removeprefix("http://localhost"))
            seen += len(envelope["rows"])
        assert seen == count
    for sort in ("run_date", "id", "created_at", "updated_at"):
        for parameter in ("_sort", "_sort_desc"):
            assert len(await get(f"/recipe_runs?{parameter}={sort}")) == 3
    contains = await datasette.client.get("/recipe_runs", params={"message__contains": FOUR_BYTES * 10})
    assert len(contains.json()) == 3
    # and on Datasette's own pages
    for page in ("recipe_run_summaries", "recipe_runs", "dataset_summaries", "recipe_run_events", "list_recipe_runs"):
        assert (await datasette.client.get(f"/federation/{page}")).status_code == 200
        assert (await datasette.client.get(f"/federation/{page}.json")).status_code == 200
    assert (await datasette.client.get("/federation/recipe_runs/1")).status_code == 200
