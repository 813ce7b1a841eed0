"""Every error is RFC 9457 problem details, made in one place; docs/errors.md has each with a body that really came."""

import json
import logging
import re
import sqlite3
import sys
from urllib.parse import quote

import pytest
from conftest import OTHER_BAKERY
from endless_sql import ENDLESS
from pangeo_forge_federation.access.rate_limit import RateLimit
from pangeo_forge_federation.problems import KINDS, TYPE_PREFIX
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path
from pangeo_forge_federation.storage.snapshots import make_snapshot

reads_only = pytest.mark.asyncio(loop_scope="module")

PROBLEM = "application/problem+json"
DOCS = ROOT / "docs" / "errors.md"
MANY = "with recursive c(x) as (select 1 union all select x + 1 from c limit 1001) select x from c"


async def cause(kind, datasette, headers, run_body):
    """The answer to a request that ends in this kind of error."""
    client = datasette.client
    if kind == "bad-request":
        return await client.get("/recipe_runs/%FF")
    if kind == "bad-parameter":
        return await client.get("/recipe_runs?_size=5000")
    if kind == "slow-query":
        return await client.get(f"/federation.json?sql={quote(ENDLESS)}")
    if kind == "answer-too-large":
        return await client.get(f"/federation.json?sql={quote(MANY)}&_shape=array")
    if kind == "invalid-json":
        return await client.post(
            "/recipe_runs",
            content='{"status": "success", "status": "failure"}',
            headers={**headers, "Content-Type": "application/json"},
        )
    if kind == "unauthorized":
        return await client.post("/recipe_runs", json=run_body())
    if kind == "forbidden":
        return await client.post("/recipe_runs", json=run_body(bakery_id=OTHER_BAKERY), headers=headers)
    if kind == "not-found":
        return await client.get("/recipe_runs/1568")
    if kind == "method-not-allowed":
        return await client.post("/bakeries", json={}, headers=headers)
    if kind == "not-acceptable":
        with pytest.MonkeyPatch.context() as monkeypatch:
            # what Python has for a module that cannot be imported
            monkeypatch.setitem(sys.modules, "pyarrow", None)
            return await client.get("/recipe_runs?_format=parquet")
    if kind == "conflict":
        await client.post("/recipe_runs", json=run_body(external_id="7000000001/1/extent"), headers=headers)
        return await client.post("/recipe_runs", json=run_body(external_id="7000000001/1/extent"), headers=headers)
    if kind == "precondition-failed":
        await client.post("/recipe_runs", json=run_body(status="in_progress"), headers=headers)
        tag = (await client.get("/recipe_runs/1")).headers["etag"]
        await client.patch("/recipe_runs/1", json={"message": "mine"}, headers=headers)
        return await client.patch("/recipe_runs/1", json={"message": "yours"}, headers={**headers, "If-Match": tag})
    if kind == "idempotency-key-reused":
        keyed = {**headers, "Idempotency-Key": "7000000001/1/extent"}
        await client.post("/recipe_runs", json=run_body(), headers=keyed)
        return await client.post("/recipe_runs", json=run_body(commit="another"), headers=keyed)
    if kind == "too-many-requests":
        ensure_services(datasette).rate_limit = RateLimit(2)
        for _ in range(2):
            await client.post("/recipe_runs", json=run_body(), headers=headers)
        return await client.post("/recipe_runs", json=run_body(), headers=headers)
    if kind == "too-large":
        return await client.post("/recipe_runs", json=run_body(message="x" * 2**20), headers=headers)
    if kind == "range-not-satisfiable":
        make_snapshot(ensure_services(datasette).data)
        return await client.get("/snapshots/latest", headers={"Range": "bytes=9999999-"}, follow_redirects=True)
    if kind == "unsupported-media-type":
        return await client.post("/recipe_runs", data={"status": "success"}, headers=headers)
    if kind == "invalid":
        return await client.post(
            "/recipe_runs", json=run_body(commit=..., status="ok", log_ur="https://logs.example/1"), headers=headers
        )
    if kind == "internal":
        # somebody took a table away under the running server
        connection = sqlite3.connect(ensure_services(datasette).data / "federation.db")
        connection.execute("drop view recipe_run_summaries")
        connection.close()
        return await client.get("/recipe_runs")
    if kind == "unavailable":
        # somebody else has begun a write and does not end it
        await ensure_services(datasette).writer.write(lambda connection: connection.execute("pragma busy_timeout = 10"))
        other = connect(database_path(ensure_services(datasette).data, FEDERATION))
        other.execute("begin immediate")
        response = await client.post("/recipe_runs", json=run_body(), headers=headers)
        other.close()
        return response
    raise AssertionError(f"nothing here causes {kind}")


def sections():
    """Kind -> its section in the docs."""
    parts = re.split(r"^## `([a-z-]+)`$", DOCS.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def body_in(section):
    return comparable(json.loads(re.search(r"```json\n(.*?)```", section, re.DOTALL)[1]))


def comparable(body):
    """What programs read of it: words may change, and each request has an id of its own."""
    body = body | {name: bool(body[name]) for name in ("title", "detail", "request_id")}
    for error in body.get("errors", ()):
        error["detail"] = bool(error["detail"])
    return body


def test_every_kind_is_documented_and_no_other():
    assert list(sections()) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_section_has_type_and_status(kind):
    status = KINDS[kind][0]
    section = sections()[kind]
    assert f"`{TYPE_PREFIX}{kind}`" in section
    assert f"**{status}**" in section
    body = body_in(section)
    assert (body["type"], body["status"]) == (TYPE_PREFIX + kind, status)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_has_the_body_of_the_docs(datasette, headers, run_body, kind):
    response = await cause(kind, datasette, headers, run_body)
    assert response.status_code == KINDS[kind][0]
    assert response.headers["content-type"] == PROBLEM
    assert "no-store" in response.headers["cache-control"]
    assert response.headers["access-control-allow-origin"] == "*"
    body = response.json()
    assert list(body)[:4] == ["type", "title", "status", "detail"]
    assert comparable(body) == body_in(sections()[kind])


async def test_headers_that_an_error_brings(datasette, headers, run_body):
    unauthorized = await cause("unauthorized", datasette, headers, run_body)
    assert unauthorized.headers["www-authenticate"] == 'Bearer realm="federation"'
    refused = await cause("method-not-allowed", datasette, headers, run_body)
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"
    conflict = await cause("conflict", datasette, headers, run_body)
    assert conflict.headers["location"] == "http://localhost/recipe_runs/1"
    unavailable = await cause("unavailable", datasette, headers, run_body)
    assert int(unavailable.headers["retry-after"]) > 0
    limited = await cause("too-many-requests", datasette, headers, run_body)
    assert int(limited.headers["retry-after"]) > 0


async def test_nothing_is_stored_when_it_says_so_and_the_next_write_works(datasette, headers, run_body):
    assert (await cause("unavailable", datasette, headers, run_body)).status_code == 503
    assert (await datasette.client.get("/recipe_runs")).json() == []
    assert (await datasette.client.post("/recipe_runs", json=run_body(), headers=headers)).status_code == 201
    assert len((await datasette.client.get("/recipe_runs")).json()) == 1


async def test_the_cause_of_a_500_is_in_the_log_alone(datasette, headers, run_body, caplog):
    with caplog.at_level(logging.ERROR):
        response = await cause("internal", datasette, headers, run_body)
    assert response.status_code == 500
    assert "recipe_run_summaries" not in response.text
    assert "GET /recipe_runs" in caplog.text
    assert "OperationalError" in caplog.text and "recipe_run_summaries" in caplog.text
    # with the traceback, and without local variables: a token may be among them
    assert "Traceback" in caplog.text
    assert headers["Authorization"].split("_")[-1] not in caplog.text


async def test_where_even_the_error_page_cannot_be_made_the_guard_answers(datasette, caplog, monkeypatch):
    # no template is found any more
    monkeypatch.setattr(datasette.jinja_env, "loader", None)
    with caplog.at_level(logging.ERROR):
        response = await datasette.client.get("/-/patterns")
    assert response.status_code == 500
    assert response.headers["content-type"] == PROBLEM
    assert "loader" not in response.text
    assert "GET /-/patterns" in caplog.text
    assert "loader" in caplog.text


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/recipe_runs", "GET, HEAD, OPTIONS, PATCH, POST"),
        ("/recipe_runs/1", "GET, HEAD, OPTIONS, PATCH"),
        ("/datasets", "GET, HEAD, OPTIONS, POST"),
        ("/datasets/1", "GET, HEAD, OPTIONS, PATCH"),
        ("/bakeries", "GET, HEAD, OPTIONS"),
        ("/feedstocks/some-feedstock/recipe_runs", "GET, HEAD, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_method_that_is_not_offered(datasette, headers, path, allow):
    for method in ("PUT", "DELETE", "TRACE", "PROPFIND", "CONNECT"):
        response = await datasette.client.request(method, path, headers=headers)
        assert response.status_code == 405, method
        assert response.headers["content-type"] == PROBLEM
        assert response.headers["allow"] == allow
        assert method in response.json()["detail"]
    options = await datasette.client.options(path)
    assert options.status_code == 204
    assert options.headers["allow"] == options.headers["access-control-allow-methods"] == allow


async def test_a_405_comes_before_the_body_is_looked_at(datasette):
    response = await datasette.client.post("/bakeries", content=b"x" * 2**21)
    assert response.status_code == 405


async def test_head_of_an_error_is_its_status_and_headers(datasette):
    for path, status in (("/recipe_runs/99", 404), ("/recipe_runs?nonsense=1", 400), ("/recipe_runs/%FF", 400)):
        got, head = await datasette.client.get(path), await datasette.client.head(path)
        assert head.status_code == got.status_code == status
        assert head.content == b""
        for name in ("content-type", "content-length"):
            assert head.headers[name] == got.headers[name]


@reads_only
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Cookie", b"ds_actor=\xc3\xa4"),
        ("Cookie", b"\xff\xfe"),
        ("Authorization", b"Bearer pfk_1_\xc3\xa4"),
        ("Authorization", b"\xff"),
        ("x-csrftoken", b"\xc3\xa4"),
        ("X-CSRFToken", b"\xff"),
    ],
)
@pytest.mark.parametrize("path", ["/recipe_runs", "/", "/federation", "/federation.json", "/health", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_header_that_is_not_ascii_is_400(empty_datasette, name, value, path, method):
    response = await empty_datasette.client.request(method, path, headers={name: value})
    assert response.status_code == 400
    assert response.headers["content-type"] == PROBLEM
    assert name.lower() in response.json()["detail"]


async def test_several_authorization_headers_are_401(datasette, headers):
    token = headers["Authorization"]
    response = await datasette.client.get(
        "/recipe_runs", headers=[("Authorization", token), ("Authorization", "Bearer x")]
    )
    assert response.status_code == 401


@reads_only
@pytest.mark.parametrize("value", [b"Bearer", b"Bearer x", b"Bearer a-b-c", b"Bearer pfk_1_x\r ", b"Negotiate x", b""])
@pytest.mark.parametrize("path", ["/recipe_runs", "/recipe_runs/1", "/health", "/federation.json"])
async def test_a_get_with_a_bad_token_is_401_too(empty_datasette, value, path):
    response = await empty_datasette.client.get(path, headers={"Authorization": value})
    assert response.status_code == 401
    assert response.headers["content-type"] == PROBLEM
    assert "www-authenticate" in response.headers


@reads_only
@pytest.mark.parametrize(
    "host", ["a b", "evil.example/x", "a,b", "user@host", "<script>", "a:b", "a:123456", "[::g]", "é"]
)
async def test_a_host_that_is_none_is_400(empty_datasette, host):
    """Or links would go wherever somebody wants them to."""
    for path in ("/recipe_runs", "/recipe_runs/1", "/stats"):
        response = await empty_datasette.client.get(path, headers={"Host": host.encode()})
        assert response.status_code == 400, path
        assert response.headers["content-type"] == PROBLEM
        assert "Host" in response.json()["detail"]


@reads_only
@pytest.mark.parametrize("host", ["a.example", "a.example:8001", "127.0.0.1:80", "[::1]:8001", "my_host"])
async def test_a_host_that_is_one(empty_datasette, host):
    assert (await empty_datasette.client.get("/recipe_runs", headers={"Host": host})).status_code == 200


NASTY = [
    "%00",
    "%FF",
    "%C3%28",
    "%ED%A0%80",
    "%0D%0A",
    "%1B",
    "%7F",
    "%E2%80%A8",
    "x" * 10_000,
    "9" * 400,
    "'",
    "%25",
    "--",
]


async def test_anything_in_a_path_is_400_or_404(datasette, headers, run_body):
    await datasette.client.post("/recipe_runs", json=run_body(), headers=headers)
    for nasty in NASTY:
        for path in (
            f"/recipe_runs/{nasty}",
            f"/recipe_runs/{nasty}/events",
            f"/bakeries/{nasty}",
            f"/bakeries/{nasty}/recipes_runs",
            f"/feedstocks/{nasty}",
            f"/feedstocks/a%2F{nasty}/datasets",
            f"/datasets/{nasty}/lineage",
            f"/maintainers/{nasty}",
            f"/recipe_runs/1/{nasty}",
        ):
            response = await datasette.client.get(path)
            if response.status_code == 302:
                # Datasette's pages have an encoding of their own
                response = await datasette.client.get(response.headers["location"])
            assert response.status_code in (400, 404), path
            assert response.headers["content-type"] == PROBLEM
            assert json.loads(response.content.decode("utf-8"))["status"] == response.status_code
            assert len(response.content) < 2000


@reads_only
@pytest.mark.parametrize("nasty", NASTY)
async def test_anything_on_a_page_is_no_500(empty_datasette, nasty):
    for path in (
        f"/{nasty}",
        f"/{nasty}.json",
        f"/federation/{nasty}",
        f"/federation/{nasty}.json",
        f"/federation/recipe_runs/{nasty}.json",
        f"/federation/recipe_runs.json?{nasty}={nasty}",
        f"/federation/get_recipe_run.json?recipe_run_id={nasty}",
    ):
        response = await empty_datasette.client.get(path, follow_redirects=True)
        assert response.status_code < 500, path


async def test_anything_in_a_query_is_no_500_and_finds_nobody_elses_row(datasette, headers, run_body):
    await datasette.client.post("/recipe_runs", json=run_body(external_id="known"), headers=headers)
    for nasty in [*NASTY, "%", "%F0%9F%92%A9", "[", "a&a", "%2B", "\\", "%_"]:
        for name in (
            nasty,
            "external_id",
            "external_id__in",
            "external_id__contains",
            "id",
            "id__gt",
            "run_date",
            "run_date__gte",
            "is_test",
            "message__isnull",
            "_next",
            "_size",
            "_sort",
            "_col",
            "_shape",
            "_extra",
            "_format",
            "feedstock_id",
            "bakery_id",
        ):
            response = await datasette.client.get(f"/recipe_runs?{name}={nasty}")
            if response.status_code == 200:
                assert response.json() == [], (name, response.text)
            else:
                assert response.status_code == 400, name
                assert response.headers["content-type"] == PROBLEM
                json.loads(response.content.decode("utf-8"))


@reads_only
@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("statsu=failure", "status"),
        ("status__is=failure", "startswith"),
        ("_size=0", ""),
        ("_size=1001", ""),
        ("_size=10&_size=20", ""),
        ("_offset=10", "_size"),
        ("is_test=yes", "true"),
        ("id=abc", ""),
        ("id=9223372036854775808", ""),
        ("run_date__gte=2026-13", ""),
        ("run_date__gte=2026-01-01T00:00:00+02:00", "%2B"),
        ("status__in=[", ""),
        ('status__in=[["success"]]', ""),
        ("_sort=message", "run_date"),
        ("_next=abc", ""),
        ("_format=xml", "ndjson"),
        ("_shape=array2", "objects"),
        ("_extra=total", "count"),
        ("_col=nothing", "nothing"),
        ("datasets=1", ""),
    ],
)
async def test_a_parameter_that_cannot_be_read_is_named_with_what_may_stand_there(empty_datasette, query, named):
    response = await empty_datasette.client.get(f"/recipe_runs?{query}")
    assert response.status_code == 400
    body = response.json()
    assert body["type"] == TYPE_PREFIX + "bad-parameter"
    assert named in body["detail"]
    assert body["parameter"] in query
    assert body["parameter"] in body["detail"]


@reads_only
@pytest.mark.parametrize("path", ["/recipe_runs/1", "/feedstocks/a", "/stats", "/health", "/openapi.json"])
async def test_what_takes_no_parameters_ignores_none(empty_datasette, path):
    response = await empty_datasette.client.get(f"{path}?nonsense=1")
    assert response.status_code == 400
    assert response.json()["type"] == TYPE_PREFIX + "bad-parameter"
