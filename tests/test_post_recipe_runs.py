"""POST /recipe_runs: what is answered, of one run and of many."""

import asyncio

import pytest
from conftest import BAKERY, OTHER_BAKERY
from pangeo_forge_federation.problems import TYPE_PREFIX
from pangeo_forge_federation.records.models import RecipeRun
from pangeo_forge_federation.values import times
from post_requests import FEEDSTOCK, faults, whole_body

# What is answered


async def test_a_run_is_answered_whole(post, get):
    before = times.now()
    response = await post(
        sent := whole_body(
            RecipeRun,
            run_date="2026-01-01T00:00:00+02:00",
            completed_at="2026-01-01T00:30:00Z",
            bakery_id=BAKERY,
            feedstock_id=FEEDSTOCK,
            status="Succeeded",
            datasets=[{"url": "gs://northlight-open/extent.zarr", "format": "zarr", "title": "Extent"}],
        )
    )
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["location"] == "http://localhost/recipe_runs/1"
    assert "etag" not in response.headers
    run = response.json()
    assert before <= run["created_at"] == run["updated_at"] <= times.now()
    assert run == {
        **sent,
        "id": 1,
        "run_date": "2025-12-31T22:00:00.000000Z",
        "status": "success",
        "completed_at": "2026-01-01T00:30:00.000000Z",
        "created_at": run["created_at"],
        "updated_at": run["updated_at"],
        "revision": 1,
        "is_stale": False,
        "feedstock_repository": f"pangeo-forge/{FEEDSTOCK}",
        "feedstock_title": None,
        "datasets_count": 1,
        "datasets": [{"id": 1, "url": "gs://northlight-open/extent.zarr", "format": "zarr", "title": "Extent"}],
    }
    assert await get("/recipe_runs/1") == run


async def test_a_run_is_at_once_everywhere(recorded, get):
    run = await recorded(message="done")
    for path in ("/recipe_runs", f"/bakeries/{BAKERY}/recipe_runs", f"/feedstocks/{FEEDSTOCK}/recipe_runs"):
        assert [row["id"] for row in await get(path)] == [run["id"]]
    events = await get(f"/recipe_runs/{run['id']}/events")
    assert events == [
        {
            "id": 1,
            "recipe_run_id": run["id"],
            "at": run["created_at"],
            "actor_bakery_id": BAKERY,
            "actor_token_id": 1,
            "status": "success",
            "message": "done",
            "message_truncated": False,
        }
    ]
    assert (await get(f"/bakeries/{BAKERY}"))["recipe_runs_by_status"] == {"success": 1}
    assert (await get(f"/feedstocks/{FEEDSTOCK}"))["latest_recipe_run_id"] == run["id"]


async def test_all_faults_are_told_at_once(post):
    told = faults(
        await post(
            {
                "recipe_id": "",
                "feedstock_id": 7,
                "status": "finished",
                "run_date": "yesterday",
                "is_test": "yes",
                "log_url": "ftp://logs.example",
                "external_id": "a\x01b",
                "datasets": [{"url": "gs://bucket/a"}, {"title": "no url"}, "gs://bucket/b"],
                "recipe/id~": 1,
            }
        )
    )
    assert set(told) == {
        "/recipe_id",
        "/feedstock_id",
        "/commit",
        "/status",
        "/run_date",
        "/is_test",
        "/log_url",
        "/external_id",
        "/datasets/1/url",
        "/datasets/2",
        "/recipe~1id~0",
    }
    assert "timed_out" in told["/status"]


async def test_a_refusal_is_problem_details(post, run_body):
    response = await post(run_body(status=...))
    assert list(response.json()) == ["type", "title", "status", "detail", "errors", "request_id"]
    assert faults(response).keys() == {"/status"}
    assert response.json()["request_id"] == response.headers["X-Request-Id"]
    assert (response.json()["type"], response.json()["status"]) == (f"{TYPE_PREFIX}invalid", 422)


@pytest.mark.parametrize(
    ("name", "near"),
    [("feedstock", "feedstock_id"), ("Status", "status"), ("run_dat", "run_date"), ("commit_sha", "commit")],
)
async def test_an_unknown_field_has_a_suggestion(post, run_body, name, near):
    told = faults(await post(run_body(**{name: "x"})))
    assert near in told[f"/{name}"]


@pytest.mark.parametrize("name", ["id", "created_at", "revision", "is_stale", "feedstock_title", "datasets_count"])
async def test_what_the_registry_sets_cannot_be_sent(post, run_body, name):
    assert faults(await post(run_body(**{name: 1}))).keys() == {f"/{name}"}


@pytest.mark.parametrize("body", [b"null", b'"run"', b"7", b"true"])
async def test_a_body_is_an_object_or_an_array(post, body):
    assert faults(await post(body)).keys() == {""}


# Arrays


async def test_an_array_is_recorded_in_its_order(post, run_body):
    response = await post([run_body(recipe_id=name) for name in ("a", "b", "c")])
    assert response.status_code == 201
    assert [(run["id"], run["recipe_id"]) for run in response.json()] == [(1, "a"), (2, "b"), (3, "c")]
    assert "location" not in response.headers


@pytest.mark.parametrize(
    ("bad", "pointers"),
    [
        ({"status": "done"}, ["/1/status"]),
        ({"run_date": "2199-01-01T00:00:00Z"}, ["/1/run_date"]),
        ({"completed_at": "2020-01-01T00:00:00Z", "run_date": "2021-01-01T00:00:00Z"}, ["/1/completed_at"]),
        ({"feedstock_id": "a/b/c"}, ["/1/feedstock_id"]),
    ],
)
async def test_an_array_is_all_or_nothing(post, run_body, get, bad, pointers):
    response = await post([run_body(recipe_id="good"), run_body(**bad), run_body(recipe_id="good too")])
    assert list(faults(response)) == pointers
    assert await get("/recipe_runs") == []
    assert await get("/feedstocks") == []


async def test_an_array_tells_the_faults_of_every_item(post, run_body):
    ahead = "2199-01-01T00:00:00Z"
    response = await post([run_body(run_date=ahead), run_body(), run_body(run_date=ahead)])
    assert list(faults(response)) == ["/0/run_date", "/2/run_date"]
    assert list(faults(await post([7, run_body(commit=...), None]))) == ["/0", "/1/commit", "/2"]


async def test_another_bakerys_run_spoils_the_whole_array(post, run_body, get):
    response = await post([run_body(), run_body(bakery_id=OTHER_BAKERY)])
    assert response.status_code == 403
    assert await get("/recipe_runs") == []


async def test_the_size_of_an_array(post, run_body, get):
    for count in (0, 1001):
        response = await post([run_body()] * count)
        assert response.status_code == 422
        assert f"{count}" in (detail := response.json()["detail"].replace(",", "")) and "1000" in detail
    assert await get("/recipe_runs") == []
    response = await post([run_body()] * 1000)
    assert response.status_code == 201
    assert len(response.json()) == 1000


# Many at once


async def test_fifty_at_once_are_all_stored_once(datasette, headers, run_body, get):
    responses = await asyncio.gather(
        *(
            datasette.client.post("/recipe_runs", json=run_body(recipe_id=f"r{number}"), headers=headers)
            for number in range(50)
        )
    )
    assert {response.status_code for response in responses} == {201}
    assert sorted(response.json()["id"] for response in responses) == list(range(1, 51))
    rows = await get("/recipe_runs?_size=1000")
    assert sorted(row["recipe_id"] for row in rows) == sorted(f"r{number}" for number in range(50))
    by_id = {row["id"]: row["recipe_id"] for row in rows}
    for response in responses:
        assert by_id[response.json()["id"]] == response.json()["recipe_id"]
    assert (await get(f"/bakeries/{BAKERY}"))["recipe_runs_count"] == 50


async def test_good_and_bad_at_once_do_not_touch_each_other(datasette, headers, run_body, get):
    bodies = [
        run_body(external_id="same")
        if number % 5 == 0
        else run_body(status="nonsense" if number % 5 == 1 else "success")
        for number in range(50)
    ]
    responses = await asyncio.gather(
        *(datasette.client.post("/recipe_runs", json=body, headers=headers) for body in bodies)
    )
    statuses = [response.status_code for response in responses]
    assert (statuses.count(201), statuses.count(409), statuses.count(422)) == (31, 9, 10)
    assert len(await get("/recipe_runs")) == 31
    assert len(await get("/recipe_runs?external_id=same")) == 1


async def test_a_name_in_any_case_at_once_is_one_bakery_and_one_feedstock(datasette, make_token, run_body, get):
    admin = {"Authorization": f"Bearer {make_token(None)}"}
    names = ["new.bakery", "NEW.bakery", "New.Bakery"] * 4
    responses = await asyncio.gather(
        *(
            datasette.client.post(
                "/recipe_runs", json=run_body(bakery_id=name, feedstock_id=f"{name[:3]}-feedstock"), headers=admin
            )
            for name in names
        )
    )
    assert {response.status_code for response in responses} == {201}
    assert len(await get("/bakeries")) == len(await get("/feedstocks")) == 1
