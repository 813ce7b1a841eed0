"""POST /recipe_runs: what a bakery may record, what is refused and in which words."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from conftest import BAKERY, OTHER_BAKERY
from federation import times, tokens
from federation.database import TOKENS, connect, database_path

PROBLEM = "application/problem+json"
FEEDSTOCK = "northern-sea-ice-feedstock"
MIB = 1024 * 1024


@pytest.fixture
def post(datasette, headers):
    """A function that posts a body (a value, or bytes as they are) and gives the response."""

    async def send(body, **more):
        sent = {**headers, "Content-Type": "application/json", **more.pop("headers", {})}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await datasette.client.post("/recipe_runs", content=content, headers=sent, **more)

    return send


@pytest.fixture
def get(datasette):
    async def read(path):
        response = await datasette.client.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    return read


@pytest.fixture
def recorded(post, run_body):
    """A function that records a run and gives it."""

    async def record(**changes):
        response = await post(run_body(**changes))
        assert response.status_code == 201, response.text
        return response.json()

    return record


def faults(response, status=422):
    """Pointer -> detail of a refusal."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


def ago(**span):
    return times.to_text(datetime.now(UTC) - timedelta(**span))


# What is answered


async def test_a_run_is_answered_whole(post, run_body, get):
    before = times.now()
    response = await post(
        run_body(
            run_date="2026-01-01T00:00:00+02:00",
            completed_at="2026-01-01T00:30:00Z",
            version="0.10.4",
            message="done",
            log_url="https://logs.example/1",
            external_id="77/1/extent",
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
        "id": 1,
        "recipe_id": "extent",
        "run_date": "2025-12-31T22:00:00.000000Z",
        "bakery_id": BAKERY,
        "feedstock_id": FEEDSTOCK,
        "commit": "0f2c9a7d",
        "status": "success",
        "message": "done",
        "completed_at": "2026-01-01T00:30:00.000000Z",
        "version": "0.10.4",
        "is_test": False,
        "log_url": "https://logs.example/1",
        "external_id": "77/1/extent",
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
    assert told["/commit"] == "is required"
    assert "timed_out" in told["/status"]


async def test_a_refusal_is_problem_details(post, run_body):
    response = await post(run_body(status=...))
    assert response.json() == {
        "type": "https://api.pangeo-forge.org/problems/invalid",
        "title": "The body does not fit",
        "status": 422,
        "detail": "/status is required",
        "errors": [{"pointer": "/status", "detail": "is required"}],
    }


@pytest.mark.parametrize(
    ("name", "near"),
    [("feedstock", "feedstock_id"), ("Status", "status"), ("run_dat", "run_date"), ("commit_sha", "commit")],
)
async def test_an_unknown_field_has_a_suggestion(post, run_body, name, near):
    told = faults(await post(run_body(**{name: "x"})))
    assert f"did you mean {near}?" in told[f"/{name}"]


@pytest.mark.parametrize("name", ["id", "created_at", "revision", "is_stale", "feedstock_title", "datasets_count"])
async def test_what_the_registry_sets_cannot_be_sent(post, run_body, name):
    assert "is not a field" in faults(await post(run_body(**{name: 1})))[f"/{name}"]


@pytest.mark.parametrize("body", [b"null", b'"run"', b"7", b"true"])
async def test_a_body_is_an_object_or_an_array(post, body):
    assert faults(await post(body)) == {"": "must be an object"}


# Who may


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic dXNlcjpwYXNz",
        b"pfk_1_" + b"x" * 43,
        b"Bearer pfk_1",
        b"Bearer pfk_1_short",
        b"Bearer pfk_0_" + b"x" * 43,
        b"Bearer pfk_1-2-" + b"x" * 43,
        b"Bearer pfk_1_" + b"x" * 44,
        b"Bearer pfk_1_x\r ",
        b"Bearer pfk_x_" + b"x" * 43,
        b"Bearer pfk_999999999999999999_" + b"x" * 43,
        b"Bearer pfk_99_" + b"x" * 43,
        b"Bearer pfk_1_" + b"x" * 43,
        b"Bearer 1-" + b"0" * 64,
    ],
)
async def test_no_token_or_a_bad_one_is_401(datasette, headers, run_body, value, get):
    sent = {} if value is None else {"Authorization": value}
    response = await datasette.client.post("/recipe_runs", json=run_body(), headers=sent)
    assert response.status_code == 401
    assert response.headers["content-type"] == PROBLEM
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["type"].endswith("/unauthorized")
    assert await get("/recipe_runs") == []


async def test_the_stored_form_of_a_token_is_no_token(datasette, headers, data, run_body):
    connection = connect(database_path(data, TOKENS))
    stored = connection.execute("select secret_sha256 from tokens").fetchone()[0]
    connection.close()
    for form in (f"1-{stored}", f"pfk_1_{stored}", f"pfk_1_{stored[:43]}"):
        response = await datasette.client.post(
            "/recipe_runs", json=run_body(), headers={"Authorization": f"Bearer {form}"}
        )
        assert response.status_code == 401


async def test_an_expired_or_revoked_token_is_401(datasette, data, make_token, run_body):
    expired, revoked = make_token(days=1e-9), make_token()
    connection = connect(database_path(data, TOKENS))
    tokens.revoke_token(connection, int(revoked.split("_")[1]))
    connection.close()
    for token in (expired, revoked):
        for method in ("GET", "POST"):
            response = await datasette.client.request(
                method, "/recipe_runs", json=run_body(), headers={"Authorization": f"Bearer {token}"}
            )
            assert response.status_code == 401, (token, method)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
async def test_a_token_works_however_its_scheme_is_written(datasette, make_token, run_body, scheme):
    response = await datasette.client.post(
        "/recipe_runs", json=run_body(), headers={"Authorization": f"{scheme}{make_token()} "}
    )
    assert response.status_code == 201


async def test_a_token_in_a_cookie_or_the_url_counts_for_nothing(datasette, make_token, run_body):
    token = make_token()
    response = await datasette.client.post("/recipe_runs", json=run_body(), headers={"Cookie": f"ds_actor={token}"})
    assert response.status_code == 401
    response = await datasette.client.post(f"/recipe_runs?_auth_token={token}", json=run_body())
    assert response.status_code in (400, 401)


async def test_another_bakerys_name_is_403(post, run_body, get):
    response = await post(run_body(bakery_id=OTHER_BAKERY))
    assert response.status_code == 403
    assert response.json()["type"].endswith("/forbidden")
    assert BAKERY in response.json()["detail"] and OTHER_BAKERY in response.json()["detail"]
    assert await get("/recipe_runs") == []
    assert await get("/bakeries") == []


async def test_its_own_name_in_another_case_is_its_own(post, recorded, run_body):
    await recorded()
    response = await post(run_body(bakery_id=BAKERY.upper()))
    assert response.status_code == 201
    assert response.json()["bakery_id"] == BAKERY


async def test_an_administrator_names_the_bakery(datasette, make_token, run_body, get):
    admin = {"Authorization": f"Bearer {make_token(None)}"}
    response = await datasette.client.post("/recipe_runs", json=run_body(), headers=admin)
    assert list(faults(response)) == ["/bakery_id"]
    for bakery_id in (BAKERY, OTHER_BAKERY):
        response = await datasette.client.post("/recipe_runs", json=run_body(bakery_id=bakery_id), headers=admin)
        assert response.status_code == 201
        assert response.json()["bakery_id"] == bakery_id
    assert (await get("/recipe_runs/1/events"))[0]["actor_bakery_id"] is None
    assert {row["id"]: row["listed"] for row in await get("/bakeries")} == {BAKERY: False, OTHER_BAKERY: False}


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
        assert str(count) in response.json()["detail"] and "1000" in response.json()["detail"]
    assert await get("/recipe_runs") == []
    response = await post([run_body()] * 1000)
    assert response.status_code == 201
    assert len(response.json()) == 1000


# Bodies that cannot be read


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not JSON"),
        (b"{'status': 1}", "not JSON"),
        (b"status=success", "not JSON"),
        (b'{"status": "success"} {}', "not JSON"),
        (b'{"status": "success", "status": "failure"}', "twice"),
        (b'{"datasets": [{"url": "a", "url": "b"}]}', "twice"),
        (b'{"recipe_id": NaN}', "NaN"),
        (b'{"recipe_id": -Infinity}', "Infinity"),
        (b'{"recipe_id": 1e999}', "too large"),
        (b'{"recipe_id": 9223372036854775808}', "64 bits"),
        (b'{"recipe_id": ' + b"9" * 5000 + b"}", "64 bits"),
        (b'{"recipe_id": "\xff"}', "UTF-8"),
        ('{"recipe_id": "é"}'.encode("utf-16"), "UTF-8"),
        (b"[" * 101 + b"]" * 101, "nested"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested"),
        (b'\xef\xbb\xbf{"status": "success"}', "JSON"),
    ],
)
async def test_what_is_no_json_that_can_be_kept_is_400(post, body, said):
    response = await post(body)
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == PROBLEM
    assert response.json()["type"].endswith("/invalid-json")
    assert said in json.dumps(response.json(), ensure_ascii=False)


@pytest.mark.parametrize("character", ["\\u0000", "\\ud800", "\\udc00", "\\ude00\\ud83d"])
async def test_characters_that_no_text_holds_are_400_with_their_place(post, character):
    body = b'{"message": "a' + character.encode() + b'", "datasets": [{"title": "' + character.encode() + b'"}]}'
    assert set(faults(await post(body), status=400)) == {"/message", "/datasets/0/title"}


@pytest.mark.parametrize(
    "name", ["recipe_id", "commit", "version", "external_id", "message", "log_url", "feedstock_id", "bakery_id"]
)
@pytest.mark.parametrize("character", ["\x01", "\x07", "\x0b", "\x7f", "\x85"])
async def test_other_control_characters_are_422(post, run_body, name, character):
    assert list(faults(await post(run_body(**{name: f"a{character}b"})))) == [f"/{name}"]


async def test_a_pair_of_surrogates_is_a_character(recorded, post):
    body = b'{"recipe_id": "\\ud83c\\udf0a", "feedstock_id": "a", "commit": "a", "status": "success"}'
    assert (await post(body)).json()["recipe_id"] == "🌊"


async def test_terminal_colours_are_dropped_and_the_rest_is_kept(recorded, get):
    run = await recorded(
        message="\x1b[1;31mError\x1b[0m: \x1b]8;;https://a.example\x07link\x1b]8;;\x07\ttab\r\nline \u202eright\u202c 𝄞"
    )
    assert run["message"] == "Error: link\ttab\r\nline \u202eright\u202c 𝄞"
    assert (await get("/recipe_runs/1"))["message"] == run["message"]


@pytest.mark.parametrize("value", [0, 1, 1.5, "true", []])
async def test_a_boolean_is_true_or_false(post, run_body, value):
    assert list(faults(await post(run_body(is_test=value)))) == ["/is_test"]


async def test_null_is_as_left_out(recorded):
    optional = ("run_date", "bakery_id", "message", "completed_at", "version", "is_test", "log_url", "external_id")
    run = await recorded(**dict.fromkeys((*optional, "datasets")))
    assert (run["bakery_id"], run["is_test"], run["datasets"]) == (BAKERY, False, [])
    assert run["run_date"]


async def test_required_fields_cannot_be_null(post, run_body):
    names = ("recipe_id", "feedstock_id", "commit", "status")
    assert set(faults(await post(run_body(**dict.fromkeys(names))))) == {f"/{name}" for name in names}


# The envelope


async def test_a_body_beyond_a_mebibyte_is_413(post, run_body, get):
    fits = json.dumps([run_body(message="x" * 65_000)] * 15).encode()
    body = fits + b" " * (MIB - len(fits))
    assert (await post(body)).status_code == 201
    response = await post(body + b" ")
    assert response.status_code == 413
    assert response.json()["type"].endswith("/too-large")
    assert len(await get("/recipe_runs")) == 15


async def test_a_chunked_body_beyond_a_mebibyte_is_413(datasette, headers, get):
    sent = 0

    async def chunks():
        nonlocal sent
        for _ in range(100):
            sent += MIB // 10
            yield b" " * (MIB // 10)

    response = await datasette.client.post(
        "/recipe_runs", content=chunks(), headers={**headers, "Content-Type": "application/json"}
    )
    assert "content-length" not in response.request.headers
    assert response.status_code == 413
    assert await get("/recipe_runs") == []


async def test_a_chunked_body_is_read(datasette, headers, run_body):
    async def chunks():
        for byte in json.dumps(run_body()).encode():
            yield bytes([byte])

    response = await datasette.client.post(
        "/recipe_runs", content=chunks(), headers={**headers, "Content-Type": "application/json"}
    )
    assert response.status_code == 201


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/jsonp"],
)
async def test_another_content_type_is_415(post, run_body, content_type):
    response = await post(run_body(), headers={"Content-Type": content_type})
    assert response.status_code == 415
    assert "application/json" in response.json()["detail"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", " application/json ;x=y"]
)
async def test_a_content_type_with_parameters_is_read(post, run_body, content_type):
    assert (await post(run_body(), headers={"Content-Type": content_type})).status_code == 201


async def test_a_compressed_body_is_415(post, run_body):
    body = gzip.compress(json.dumps(run_body()).encode())
    response = await post(body, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415
    assert "gzip" in response.json()["detail"]
    assert (await post(run_body(), headers={"Content-Encoding": "identity"})).status_code == 201


@pytest.mark.parametrize("query", ["status=success", "_format=csv", "dry_run"])
async def test_parameters_in_the_url_are_400(post, run_body, get, query):
    response = await post(run_body(), params=query)
    assert response.status_code == 400
    assert response.json()["type"].endswith("/bad-parameter")
    assert await get("/recipe_runs") == []


@pytest.mark.parametrize("path", ["/recipe_runs/", "//recipe_runs"])
async def test_a_slash_at_the_end_or_twice_is_served_the_same(datasette, headers, run_body, path):
    assert (await datasette.client.post(path, json=run_body(), headers=headers)).status_code == 201


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


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00.000000Z"),
        ("2026-01-01t12:00:00z", "2026-01-01T12:00:00.000000Z"),
        ("2026-01-01 12:00:00+00:00", "2026-01-01T12:00:00.000000Z"),
        ("2026-01-01T00:30:00+05:45", "2025-12-31T18:45:00.000000Z"),
        ("2025-12-31T23:59:59.9999996Z", "2025-12-31T23:59:59.999999Z"),
        ("2026-01-01T12:00:00.5-00:00", "2026-01-01T12:00:00.500000Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
    ],
)
async def test_times_are_kept_in_one_form(recorded, sent, stored):
    assert (await recorded(run_date=sent))["run_date"] == stored


@pytest.mark.parametrize(
    "sent",
    [
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
    ],
)
async def test_what_is_no_rfc_3339_is_422(post, run_body, sent):
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


@pytest.mark.parametrize("name", ["a/b/c", "/a", "a/", "a b", "-a/b", "a/..", "pangeo-forge/.", "é", "a%2Fb", "."])
async def test_what_is_no_feedstocks_name_is_422(post, run_body, name):
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


@pytest.mark.parametrize(
    "url",
    [
        "gs://leap-persistent/run/2023-05-13 13:34:59.702232.zarr",
        "gs://leap-persistent/{variable}/{time:%Y}.zarr",
        "s3://bucket/100%/a%20b.zarr",
        "s3://bucket/%zz?x=1#part",
        "https://data.example/æøå/海.zarr",
        "abfs://container@account.dfs.core.windows.net/store.zarr",
        "az://container/store.zarr",
        "http://[2001:db8::1]:8080/store.zarr",
    ],
)
async def test_a_url_is_kept_byte_for_byte(recorded, datasette, get, url):
    run = await recorded(datasets=[{"url": url}])
    assert run["datasets"][0]["url"] == url
    await recorded(datasets=[{"url": url}])
    response = await datasette.client.get("/datasets", params={"url": url})
    assert [row["url"] for row in response.json()] == [url]
    assert (await get("/datasets/1/lineage"))["dataset"]["url"] == url
    csv = await datasette.client.get("/datasets?_format=csv&_col=url")
    assert url in csv.text
    assert (await datasette.client.get("/federation/datasets/1")).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
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
    ],
)
async def test_what_is_no_url_of_a_store_is_422(post, run_body, get, url):
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
