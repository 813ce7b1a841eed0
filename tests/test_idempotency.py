"""Idempotency-Key: a retry finds the write that was accepted, however it comes, and writes nothing."""

import asyncio
import concurrent.futures
import json
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from conftest import BAKERY, OTHER_BAKERY
from pangeo_forge_federation.recording.idempotency import KEPT_FOR
from pangeo_forge_federation.values import times
from server_process import running_server

KEY = "3f1a7c1e-run-7000000001"


@pytest.fixture
def post(send, run_body):
    """A function that posts a run with a key and gives the response."""

    async def request(key=KEY, **changes):
        return await send("POST", "/recipe_runs", run_body(**changes), Idempotency_Key=key)

    return request


def assert_reused(response):
    assert response.status_code == 422, response.text
    assert response.json()["type"].endswith("/idempotency-key-reused")


async def test_a_retry_finds_the_run_and_writes_nothing(post, stored, connection):
    first = await post()
    commits = connection.execute("pragma user_version").fetchone()[0]
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    before = stored()
    for _ in range(3):
        again = await post()
        assert again.status_code == 201
        assert again.json() == first.json()
        assert again.headers["location"] == first.headers["location"] == "http://localhost/recipe_runs/1"
        assert again.headers["idempotency-replayed"] == "true"
    assert stored() == before
    assert connection.execute("pragma user_version").fetchone()[0] == commits


async def test_a_retry_answers_the_run_as_it_is_by_now(post, send):
    await post(status="in_progress")
    changed = await send("PATCH", "/recipe_runs/1", {"status": "success"})
    again = await post(status="in_progress")
    assert again.status_code == 201
    assert again.json() == changed.json()
    assert again.json()["status"] == "success"


async def test_an_array(send, run_body, stored):
    runs = [run_body(external_id=str(number)) for number in range(3)]
    first = await send("POST", "/recipe_runs", runs, Idempotency_Key=KEY)
    assert "location" not in first.headers
    before = stored()
    again = await send("POST", "/recipe_runs", runs, Idempotency_Key=KEY)
    assert again.status_code == 201
    assert [run["id"] for run in again.json()] == [1, 2, 3]
    assert again.json() == first.json()
    assert (again.headers["idempotency-replayed"], "location" in again.headers) == ("true", False)
    assert stored() == before
    assert_reused(await send("POST", "/recipe_runs", runs[:1], Idempotency_Key=KEY))
    assert_reused(await send("POST", "/recipe_runs", runs[0], Idempotency_Key=KEY))


async def test_a_patch(send, run_body, stored):
    await send("POST", "/recipe_runs", run_body(status="in_progress"))
    first = await send("PATCH", "/recipe_runs/1", {"status": "failure"}, Idempotency_Key=KEY)
    before = stored()
    again = await send("PATCH", "/recipe_runs/1", {"status": "failure"}, Idempotency_Key=KEY)
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (200, first.json(), "true")
    assert again.headers["location"] == "http://localhost/recipe_runs/1"
    # not even a heartbeat
    assert stored() == before
    # by its external id as well, each with a key of its own
    await send("PATCH", "/recipe_runs/1", {"external_id": "7"})
    first = await send("PATCH", "/recipe_runs?external_id=7", {"message": "x"}, Idempotency_Key="other")
    before = stored()
    again = await send("PATCH", "/recipe_runs?external_id=7", {"message": "x"}, Idempotency_Key="other")
    assert (again.status_code, again.json()["id"], again.headers["idempotency-replayed"]) == (200, 1, "true")
    assert stored() == before


async def test_a_heartbeat(send, run_body, stored):
    await send("POST", "/recipe_runs", run_body(status="in_progress"))
    await send("PATCH", "/recipe_runs/1", {}, Idempotency_Key=KEY)
    before = stored()
    assert (await send("PATCH", "/recipe_runs/1", {}, Idempotency_Key=KEY)).headers["idempotency-replayed"] == "true"
    assert stored() == before


async def test_datasets_answer_with_their_first_status(send, stored):
    body = {"url": "gs://bucket/store.zarr"}
    assert (await send("POST", "/datasets", body, Idempotency_Key=KEY)).status_code == 201
    assert (await send("POST", "/datasets", body, Idempotency_Key="other")).status_code == 200
    before = stored()
    for key, status in ((KEY, 201), ("other", 200)):
        again = await send("POST", "/datasets", body, Idempotency_Key=key)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (status, "true")
        assert again.headers["location"] == "http://localhost/datasets/1"
    assert stored() == before
    await send("PATCH", "/datasets/1", {"retraction_reason": "wrong"}, Idempotency_Key="third")
    await send("PATCH", "/datasets/1", {"retraction_reason": None})
    again = await send("PATCH", "/datasets/1", {"retraction_reason": "wrong"}, Idempotency_Key="third")
    # as it is by now
    assert (again.status_code, again.json()["retracted_at"]) == (200, None)


async def test_another_request_with_the_key_is_refused(post, send, run_body, stored):
    await post(external_id="7")
    before = stored()
    assert_reused(await post(external_id="7", commit="another"))
    # byte for byte
    assert_reused(
        await send("POST", "/recipe_runs", b" " + json.dumps(run_body(external_id="7")).encode(), Idempotency_Key=KEY)
    )
    for method, path in (
        ("PATCH", "/recipe_runs/1"),
        ("PATCH", "/recipe_runs?external_id=7"),
        ("PATCH", f"/recipe_runs?external_id=7&bakery_id={BAKERY}"),
    ):
        assert_reused(await send(method, path, {}, Idempotency_Key=KEY))
    assert_reused(await send("POST", "/datasets", {"url": "gs://bucket/store.zarr"}, Idempotency_Key=KEY))
    assert stored() == before
    # the query says which run is meant
    await send("POST", "/recipe_runs", run_body(external_id="8"))
    assert (await send("PATCH", "/recipe_runs?external_id=7", {}, Idempotency_Key="other")).status_code == 200
    assert_reused(await send("PATCH", "/recipe_runs?external_id=8", {}, Idempotency_Key="other"))
    # a slash at the end is the same path
    again = await send("POST", "/recipe_runs/", run_body(external_id="7"), Idempotency_Key=KEY)
    assert again.headers["idempotency-replayed"] == "true"


async def test_keys_belong_to_their_token(send, run_body, make_token):
    """Two jobs of one bakery as well: neither may find the other's run by guessing."""
    tokens = [make_token(), make_token(), make_token(OTHER_BAKERY)]
    answers = [await send("POST", "/recipe_runs", run_body(), token=token, Idempotency_Key=KEY) for token in tokens]
    assert [answer.json()["id"] for answer in answers] == [1, 2, 3]
    assert all("idempotency-replayed" not in answer.headers for answer in answers)
    for token, answer in zip(tokens, answers, strict=True):
        again = await send("POST", "/recipe_runs", run_body(), token=token, Idempotency_Key=KEY)
        assert again.json() == answer.json()


async def test_what_was_refused_is_not_remembered(post, send, run_body, stored):
    assert (await post(status="nonsense")).status_code == 422
    assert (await post(bakery_id=OTHER_BAKERY)).status_code == 403
    assert stored()["idempotency_keys"] == []
    await send("POST", "/recipe_runs", run_body(external_id="7"))
    assert (await post(external_id="7")).status_code == 409
    assert (await send("PATCH", "/recipe_runs/9", {}, Idempotency_Key=KEY)).status_code == 404
    assert stored()["idempotency_keys"] == []
    # mended, it is accepted with the same key
    response = await post(external_id="8")
    assert (response.status_code, "idempotency-replayed" in response.headers) == (201, False)


async def test_a_retry_is_recognised_before_if_match_is_looked_at(datasette, send, run_body, stored):
    await send("POST", "/recipe_runs", run_body(status="in_progress"))
    tag = (await datasette.client.get("/recipe_runs/1")).headers["etag"]
    first = await send("PATCH", "/recipe_runs/1", {"message": "x"}, Idempotency_Key=KEY, If_Match=tag)
    assert (first.status_code, first.json()["revision"]) == (200, 2)
    before = stored()
    for value in (tag, '"9-ab"', "nonsense"):
        again = await send("PATCH", "/recipe_runs/1", {"message": "x"}, Idempotency_Key=KEY, If_Match=value)
        assert (again.status_code, again.headers.get("idempotency-replayed")) == (200, "true"), value
    assert stored() == before
    # a precondition that failed is a refusal
    assert (await send("PATCH", "/recipe_runs/1", {}, Idempotency_Key="new", If_Match=tag)).status_code == 412
    assert (await send("PATCH", "/recipe_runs/1", {}, Idempotency_Key="new")).status_code == 200


async def test_a_key_is_kept_for_two_days(post, connection):
    def age(by):
        at = times.to_text(datetime.now(UTC) - by)
        connection.execute("update idempotency_keys set created_at = ?", [at])

    assert timedelta(hours=48) == KEPT_FOR
    await post()
    age(timedelta(hours=47, minutes=59))
    assert (await post()).json()["id"] == 1
    age(timedelta(hours=48, minutes=1))
    response = await post()
    assert (response.json()["id"], "idempotency-replayed" in response.headers) == (2, False)
    # and what is older goes
    age(timedelta(hours=49))
    await post(key="another")
    assert connection.execute("select count(*) from idempotency_keys").fetchone()[0] == 1


async def test_no_key_and_no_body_is_kept(post, stored, headers):
    await post(message="between us")
    kept = repr(stored()["idempotency_keys"])
    assert KEY not in kept and "between us" not in kept
    assert headers["Authorization"].split("_")[-1] not in kept


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9".encode("latin-1"), "🌊".encode(), "a\tb"])
async def test_odd_keys_are_400(post, stored, key):
    before = stored()
    response = await post(key=key)
    assert (response.status_code, response.json()["type"].split("/")[-1]) == (400, "bad-request")
    assert "Idempotency-Key" in response.json()["detail"]
    assert stored() == before


@pytest.mark.parametrize(
    "key", ["x", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a b", "7000000001/1/extent"]
)
async def test_any_other_key_will_do(post, key):
    assert (await post(key=key)).status_code == 201
    assert (await post(key=key)).headers["idempotency-replayed"] == "true"


# Many at once


async def test_fifty_equal_requests_at_once_make_one_run(post, stored):
    answers = await asyncio.gather(*(post(external_id="7", datasets=[{"url": "gs://b/a"}]) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 49
    after = stored()
    for table in ("recipe_runs", "recipe_run_events", "datasets", "dataset_events", "idempotency_keys"):
        assert len(after[table]) == 1, table


def call(url, method, token, key, body):
    """(status, headers, body) of a request with a key."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, dict(response.headers), json.loads(response.read())


@pytest.mark.slow
def test_two_servers_on_one_folder_make_one_run(data, make_token, run_body, stored):
    token = make_token()
    with running_server(data) as one, running_server(data, "--workers", "2") as two:
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = [
                [
                    pool.submit(
                        call, f"{url}/recipe_runs", "POST", token, f"key {number}", run_body(message=str(number))
                    )
                    for url in (one.url, two.url) * 3
                ]
                for number in range(20)
            ]
            answers = [[future.result() for future in group] for group in answers]
        for group in answers:
            assert {status for status, _, _ in group} == {201}
            assert len({run["id"] for _, _, run in group}) == 1
            assert len({run["message"] for _, _, run in group}) == 1
            assert sum("idempotency-replayed" in headers for _, headers, _ in group) == 5
    after = stored()
    assert len(after["recipe_runs"]) == len(after["recipe_run_events"]) == len(after["idempotency_keys"]) == 20
