"""POST and PATCH /datasets: stores that no run made, who owns them, and how one is withdrawn."""

from datetime import UTC, datetime, timedelta

import pytest
from conftest import BAKERY, OTHER_BAKERY
from pangeo_forge_federation.values import times

pytest_plugins = ["patch_fixtures"]

URL = "gs://northlight-open/extent.zarr"
WHOLE = {
    "url": URL,
    "format": "zarr",
    "title": "Extent",
    "description": "Monthly, by hand",
    "feedstock_id": "leap-stc/cmip6-leap-feedstock",
    "recipe_id": "extent",
    "bakery_id": BAKERY,
    "is_test": False,
}


@pytest.fixture
def post(send):
    """A function that posts a dataset and gives the response."""

    async def request(token=None, **body):
        return await send("POST", "/datasets", {"url": URL, **body}, token=token)

    return request


@pytest.fixture
def path():
    return "/datasets/1"


@pytest.fixture
def events(connection):
    """A function that gives the history of the datasets, oldest first."""

    def read(*columns):
        rows = connection.execute(f"select {', '.join(columns)} from dataset_events order by id")
        return [tuple(row) for row in rows]

    return read


@pytest.fixture
def other(make_token):
    return make_token(OTHER_BAKERY)


@pytest.fixture
def admin(make_token):
    return make_token(None)


def faults(response):
    """Pointers of a refusal."""
    assert response.status_code == 422, response.text
    return [error["pointer"] for error in response.json()["errors"]]


def kind(response):
    return response.status_code, response.json()["type"].split("/")[-1]


# POST


async def test_a_dataset_is_answered_whole(post, get, events):
    response = await post(**WHOLE)
    assert response.status_code == 201
    assert response.headers["location"] == "http://localhost/datasets/1"
    dataset = response.json()
    assert dataset == {
        "id": 1,
        **WHOLE,
        "feedstock_id": "leap-stc.cmip6-leap-feedstock",
        "created_at": dataset["created_at"],
        "updated_at": dataset["created_at"],
        "revision": 1,
        "retracted_at": None,
        "retraction_reason": None,
        "feedstock_repository": "leap-stc/cmip6-leap-feedstock",
        "feedstock_title": None,
        "license": None,
        "license_spdx": None,
        "latest_recipe_run_id": None,
        "latest_recipe_run_status": None,
        "latest_recipe_run_date": None,
        "last_success_recipe_run_id": None,
        "last_success_at": None,
        "recipe_runs_count": 0,
    }
    assert await get("/datasets/1") == dataset
    assert [row["id"] for row in await get("/datasets")] == [1]
    assert (await get(f"/bakeries/{BAKERY}"))["datasets_count"] == 1
    assert (await get("/feedstocks/leap-stc.cmip6-leap-feedstock"))["datasets_count"] == 1
    assert events("dataset_id", "at", "action", "recipe_run_id", "actor_bakery_id", "actor_token_id") == [
        (1, dataset["created_at"], "created", None, BAKERY, 1)
    ]


async def test_the_same_again_is_200_and_one_dataset(post, stored):
    first = await post(**WHOLE)
    before = stored()
    for body in (
        WHOLE,
        {},
        {"feedstock_id": "LEAP-stc.cmip6-leap-feedstock"},
        {"bakery_id": BAKERY.upper()},
        {"title": None},
    ):
        again = await post(**body)
        assert (again.status_code, again.json()) == (200, first.json())
        assert again.headers["location"] == "http://localhost/datasets/1"
    assert stored() == before


@pytest.mark.parametrize("name", ["format", "title", "description", "feedstock_id", "recipe_id", "is_test"])
async def test_another_with_its_url_is_409(post, stored, name):
    await post(**WHOLE)
    before = stored()
    response = await post(**{**WHOLE, name: True if name == "is_test" else "another"})
    assert kind(response) == (409, "conflict")
    assert name in response.json()["detail"]
    assert response.headers["location"] == "http://localhost/datasets/1"
    # not even the feedstock that was named is made
    assert stored() == before


async def test_a_url_of_another_bakery_is_409(post, stored, other):
    await post()
    before = stored()
    response = await post(token=other)
    assert kind(response) == (409, "conflict")
    assert response.headers["location"] == "http://localhost/datasets/1"
    assert kind(await post(token=other, bakery_id=BAKERY)) == (403, "forbidden")
    assert stored() == before


async def test_an_administrator_names_the_bakery(post, get, events, admin):
    assert faults(await post(token=admin)) == ["/bakery_id"]
    response = await post(token=admin, bakery_id="new.bakery")
    assert (response.status_code, response.json()["bakery_id"]) == (201, "new.bakery")
    assert (await get("/bakeries/new.bakery"))["listed"] is False
    assert events("actor_bakery_id", "actor_token_id") == [(None, 1 if admin.startswith("pfk_1_") else 2)]


async def test_a_test_is_left_out_of_the_list(post, get):
    assert (await post(is_test=True)).json()["is_test"] is True
    assert await get("/datasets") == []
    assert [row["id"] for row in await get("/datasets?is_test=1")] == [1]
    assert (await get(f"/bakeries/{BAKERY}"))["datasets_count"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {
            "url": "gs://demo-bucket/runs/CONTROL_5-DAY_FIELD2023-05-13 13:34:59.702232.zarr",
            "format": "zarr",
            "title": "5-day field",
            "feedstock_id": "leap-stc/ocean-runs-demo",
            "recipe_id": "5-DAY FIELD",
        },
        {
            "url": "gs://demo-bucket/library/EVAP/EVAP-{variable}.zarr",
            "format": "zarr",
            "title": "Evaporation, one store a variable",
        },
    ],
    ids=["blanks", "braces"],
)
async def test_blanks_and_braces_in_a_key_are_kept(datasette, post, get, body):
    assert [(await post(**body)).status_code for _ in range(2)] == [201, 200]
    assert (await get("/datasets/1"))["url"] == body["url"]
    found = await datasette.client.get("/datasets", params={"url": body["url"]})
    assert [(row["url"], row["recipe_id"]) for row in found.json()] == [(body["url"], body.get("recipe_id"))]
    # the percent-encoded one is another URL
    encoded = body["url"].replace(" ", "%20").replace("{", "%7B").replace("}", "%7D")
    assert (await post(url=encoded)).json()["id"] == 2
    page = await datasette.client.get("/federation/datasets/1")
    assert page.status_code == 200
    assert body["url"].replace("'", "&#39;") in page.text


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"url": None}, ["/url"]),
        ({"url": "bucket/a"}, ["/url"]),
        ({"url": "https://user:secret@host/a"}, ["/url"]),
        ({"feedstock_id": "a/b/c"}, ["/feedstock_id"]),
        ({"retraction_reason": "x"}, ["/retraction_reason"]),
        ({"id": 1, "revision": 1, "Title": "x"}, ["/Title", "/id", "/revision"]),
        ({"is_test": 1, "title": 7}, ["/is_test", "/title"]),
        ({"title": "x" * 501, "description": "x" * 20001, "format": "x" * 201}, ["/description", "/format", "/title"]),
    ],
)
async def test_what_does_not_fit_is_422(post, stored, body, pointers):
    before = stored()
    response = await post(**body)
    assert sorted(faults(response)) == pointers
    assert "secret" not in response.text
    assert stored() == before


async def test_an_array_is_not_taken(send):
    assert faults(await send("POST", "/datasets", [{"url": URL}])) == [""]


# PATCH


async def test_its_owner_and_an_administrator_change_it(post, patch, get, events, admin):
    await post(**WHOLE)
    first = await patch({"title": "Sea ice extent", "description": None})
    assert first.status_code == 200
    assert first.headers["location"] == "http://localhost/datasets/1"
    dataset = first.json()
    assert (dataset["title"], dataset["description"], dataset["format"], dataset["revision"]) == (
        "Sea ice extent",
        None,
        "zarr",
        2,
    )
    assert dataset["created_at"] < dataset["updated_at"] <= times.now()
    assert [row["id"] for row in await get("/datasets?q=sea+ice")] == [1]
    dataset = (await patch({"format": "kerchunk"}, token=admin)).json()
    assert (dataset["format"], dataset["revision"], dataset["bakery_id"]) == ("kerchunk", 3, BAKERY)
    assert events("action", "actor_bakery_id") == [("created", BAKERY), ("changed", BAKERY), ("changed", None)]
    assert events("at")[-1][0] == dataset["updated_at"]


@pytest.mark.parametrize(
    "body", [{}, {"title": "Extent"}, {"retraction_reason": None, "description": WHOLE["description"]}]
)
async def test_a_patch_that_changes_nothing_writes_nothing(post, patch, stored, body):
    await post(**WHOLE)
    before = stored()
    assert (await patch(body)).status_code == 200
    assert stored() == before


async def test_nobody_else_changes_it(post, patch, send, run_body, stored, other):
    await post(**WHOLE)
    # even when a run of theirs wrote it
    await send("POST", "/recipe_runs", run_body(datasets=[{"url": URL}]), token=other)
    before = stored()
    for body in ({"title": "Mine"}, {"retraction_reason": "not mine"}, {}):
        response = await patch(body, token=other)
        assert kind(response) == (403, "forbidden")
        assert BAKERY in response.json()["detail"]
    for path in ("/datasets/2", "/datasets/x"):
        assert kind(await patch({}, path)) == (404, "not-found")
    assert stored() == before


async def test_a_retracted_dataset_is_left_out_unless_asked_for(post, patch, get, events):
    await post(**WHOLE)
    dataset = (await patch({"retraction_reason": "superseded by version 2"})).json()
    assert dataset["retracted_at"] == dataset["updated_at"] > dataset["created_at"]
    assert (dataset["retraction_reason"], dataset["revision"]) == ("superseded by version 2", 2)
    feedstock = "/feedstocks/leap-stc.cmip6-leap-feedstock"
    for path in ("/datasets", f"{feedstock}/datasets"):
        assert await get(path) == []
        assert [row["id"] for row in await get(f"{path}?retracted_at__isnull=0")] == [1]
        assert [row["id"] for row in await get(f"{path}?retracted_at__isnull=0,1")] == [1]
    assert await get("/datasets/1") == dataset
    for path, name in (
        (f"/bakeries/{BAKERY}", "datasets_count"),
        (feedstock, "datasets_count"),
        ("/stats", "datasets"),
    ):
        assert (await get(path))[name] == 0, path
    # another reason is no other moment
    again = (await patch({"retraction_reason": "wrong calendar"})).json()
    assert (again["retracted_at"], again["retraction_reason"]) == (dataset["retracted_at"], "wrong calendar")
    restored = (await patch({"retraction_reason": None})).json()
    assert (restored["retracted_at"], restored["retraction_reason"], restored["revision"]) == (None, None, 4)
    assert [row["id"] for row in await get("/datasets")] == [1]
    for path, name in (
        (f"/bakeries/{BAKERY}", "datasets_count"),
        (feedstock, "datasets_count"),
        ("/stats", "datasets"),
    ):
        assert (await get(path))[name] == 1, path
    assert events("action", "message") == [
        ("created", None),
        ("retracted", "superseded by version 2"),
        ("changed", "wrong calendar"),
        ("restored", None),
    ]
    assert events("at")[-1][0] == restored["updated_at"]


async def test_what_cannot_be_patched_is_422(post, patch, stored):
    await post(**WHOLE)
    before = stored()
    for body, pointers in [
        ({"retraction_reason": ""}, ["/retraction_reason"]),
        ({"retraction_reason": " \n"}, ["/retraction_reason"]),
        ({"retraction_reason": "x" * 2001}, ["/retraction_reason"]),
        ({"url": "gs://b/other"}, ["/url"]),
        ({"is_test": True, "recipe_id": "x", "retracted_at": None}, ["/is_test", "/recipe_id", "/retracted_at"]),
        ({"title": False, "format": []}, ["/format", "/title"]),
        ([], [""]),
    ]:
        assert sorted(faults(await patch(body))) == pointers
        assert stored() == before


async def test_if_match(datasette, post, patch):
    await post(**WHOLE)
    tag = (await datasette.client.get("/datasets/1")).headers["etag"]
    assert (await patch({"title": "One"}, If_Match=tag)).status_code == 200
    response = await patch({"title": "Two"}, If_Match=tag)
    assert kind(response) == (412, "precondition-failed")
    assert (await patch({"title": "Two"}, If_Match="*")).status_code == 200


async def test_a_merge_patch_and_nothing_else(post, patch):
    await post()
    assert (await patch({"title": "x"}, Content_Type="application/merge-patch+json")).status_code == 200
    assert (await patch({"title": "y"}, Content_Type="text/plain")).status_code == 415
    assert (await patch({}, "/datasets/1?title=z")).status_code == 400


async def test_a_clock_that_was_set_back(post, patch, connection, events):
    await post()
    ahead = times.to_text(datetime.now(UTC) + timedelta(hours=1))
    connection.execute("update datasets set updated_at = ?", [ahead])
    assert (await patch({"title": "x"})).json()["updated_at"] == ahead
    assert events("at")[-1] == (ahead,)


# Runs that wrote it


async def test_runs_of_others_are_listed_and_its_owners_count(post, send, run_body, get, events, other):
    await post(title="Ours")
    url = {"url": URL, "title": "Theirs", "format": "kerchunk"}
    runs = [
        (None, {"run_date": "2026-01-01T00:00:00Z", "completed_at": "2026-01-01T01:00:00Z"}),
        (other, {"run_date": "2026-01-02T00:00:00Z", "completed_at": "2026-01-02T01:00:00Z"}),
        (None, {"run_date": "2026-01-03T00:00:00Z", "status": "failure"}),
        (other, {"run_date": "2026-01-04T00:00:00Z"}),
    ]
    for token, run in runs:
        response = await send("POST", "/recipe_runs", run_body(datasets=[url], **run), token=token)
        assert response.status_code == 201
    dataset = await get("/datasets/1")
    assert (dataset["title"], dataset["format"], dataset["bakery_id"], dataset["revision"]) == ("Ours", None, BAKERY, 1)
    assert [row["id"] for row in await get("/datasets/1/recipe_runs")] == [4, 3, 2, 1]
    assert dataset["recipe_runs_count"] == 4
    assert (dataset["latest_recipe_run_id"], dataset["latest_recipe_run_status"]) == (3, "failure")
    assert (dataset["last_success_recipe_run_id"], dataset["last_success_at"]) == (1, "2026-01-01T01:00:00.000000Z")
    assert events("action", "recipe_run_id", "actor_bakery_id") == [
        ("created", None, BAKERY),
        ("linked", 1, BAKERY),
        ("linked", 2, OTHER_BAKERY),
        ("linked", 3, BAKERY),
        ("linked", 4, OTHER_BAKERY),
    ]
    # it is heard of with each, and its record is what it was
    assert events("at")[-1][0] == dataset["updated_at"] > dataset["created_at"]


async def test_a_dataset_of_tests_is_none_once_a_real_run_wrote_it(post, patch, send, run_body, get):
    await post(is_test=True)
    await send("POST", "/recipe_runs", run_body(is_test=True, datasets=[{"url": URL}]))
    assert (await get("/datasets/1"))["is_test"] is True
    await send("POST", "/recipe_runs", run_body(status="in_progress"))
    await send("PATCH", "/recipe_runs/2", {"datasets": [{"url": URL}]})
    assert ((await get("/datasets/1"))["is_test"], (await get("/datasets/1"))["revision"]) == (False, 2)


async def test_there_is_no_delete(datasette, post, headers):
    await post()
    for path in ("/datasets", "/datasets/1", "/recipe_runs", "/recipe_runs/1"):
        for method in ("DELETE", "PUT"):
            response = await datasette.client.request(method, path, headers=headers)
            assert response.status_code == 405
            assert method not in response.headers["allow"]
