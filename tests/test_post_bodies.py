"""POST /recipe_runs: bodies that cannot be read, and what goes around them."""

import gzip
import json

import pytest
from conftest import BAKERY
from pangeo_forge_federation.records.bodies import create_model_of
from pangeo_forge_federation.records.models import RecipeRun
from post_requests import MIB, PROBLEM, faults

# Bodies that cannot be read


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "JSON"),
        (b"{'status': 1}", "JSON"),
        (b"status=success", "JSON"),
        (b'{"status": "success"} {}', "JSON"),
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
    optional = [name for name, info in create_model_of(RecipeRun).model_fields.items() if not info.is_required()]
    run = await recorded(**dict.fromkeys(optional))
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
