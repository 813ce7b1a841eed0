"""What goes around every body: ETag and 304, gzip, CORS, Cache-Control, Vary."""

import gzip

import httpx
import pytest
import pytest_asyncio

CACHED = "public, max-age=5, stale-while-revalidate=60"
IDENTITY = {"Accept-Encoding": "identity"}


@pytest_asyncio.fixture
async def client(datasette, headers, run_body):
    """A client of a registry with some runs, so that a list is worth compressing."""
    runs = [run_body(message=f"run {number}") for number in range(20)]
    assert (await datasette.client.post("/recipe_runs", json=runs, headers=headers)).status_code == 201
    return datasette.client


async def raw(client, path, **headers):
    """(response, the bytes as they came over the wire)."""
    opened = httpx.AsyncClient(transport=httpx.ASGITransport(app=client.app), base_url="http://localhost")
    async with opened.stream("GET", path, headers=headers) as response:
        return response, b"".join([part async for part in response.aiter_raw()])


async def test_an_etag_is_strong_and_of_the_bytes(client):
    first, second = [await client.get("/recipe_runs", headers=IDENTITY) for _ in range(2)]
    assert first.headers["etag"] == second.headers["etag"]
    assert first.headers["etag"].startswith('"')
    assert first.content == second.content
    other = await client.get("/recipe_runs?_size=1", headers=IDENTITY)
    assert other.headers["etag"] != first.headers["etag"]


async def test_what_is_known_already_is_304(client):
    first = await client.get("/recipe_runs", headers=IDENTITY)
    again = await client.get("/recipe_runs", headers={**IDENTITY, "If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    for name in ("etag", "cache-control", "access-control-allow-origin", "vary"):
        assert again.headers[name] == first.headers[name]
    assert "content-type" not in again.headers


async def test_each_form_of_if_none_match(client):
    for form in ["{}", "W/{}", '"other", {}', '"other",W/{} , "third"', "*"]:
        tag = (await client.get("/recipe_runs/1", headers=IDENTITY)).headers["etag"]
        response = await client.get("/recipe_runs/1", headers={**IDENTITY, "If-None-Match": form.format(tag)})
        assert response.status_code == 304


async def test_another_tag_gets_the_body(client):
    for value in ['"other"', "", "nonsense", '""', 'W/"other"']:
        response = await client.get("/recipe_runs/1", headers={**IDENTITY, "If-None-Match": value})
        assert response.status_code == 200
        assert response.json()["id"] == 1


async def test_a_new_run_makes_a_new_tag(client, headers, run_body):
    before = (await client.get("/recipe_runs", headers=IDENTITY)).headers["etag"]
    await client.post("/recipe_runs", json=run_body(), headers=headers)
    after = await client.get("/recipe_runs", headers={**IDENTITY, "If-None-Match": before})
    assert after.status_code == 200
    assert after.headers["etag"] != before


async def test_a_records_tag_begins_with_its_revision(client):
    response = await client.get("/recipe_runs/1")
    assert response.headers["etag"].startswith(f'"{response.json()["revision"]}-')


async def test_gzip_has_a_tag_of_its_own(client):
    plain = await client.get("/recipe_runs", headers=IDENTITY)
    zipped = await client.get("/recipe_runs", headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert zipped.content == plain.content
    for encoding, tag, status in [
        ("gzip", zipped.headers["etag"], 304),
        ("identity", plain.headers["etag"], 304),
        ("gzip", plain.headers["etag"], 200),
        ("identity", zipped.headers["etag"], 200),
    ]:
        response = await client.get("/recipe_runs", headers={"Accept-Encoding": encoding, "If-None-Match": tag})
        assert response.status_code == status, (encoding, tag)


async def test_gzip_is_smaller_and_its_length_is_that_of_the_bytes_sent(client):
    plain, sent_plain = await raw(client, "/recipe_runs", **IDENTITY)
    zipped, sent = await raw(client, "/recipe_runs", **{"Accept-Encoding": "gzip, deflate, br"})
    assert gzip.decompress(sent) == sent_plain
    assert int(zipped.headers["content-length"]) == len(sent) < len(sent_plain) // 3
    assert int(plain.headers["content-length"]) == len(sent_plain)
    # the same body gives the same bytes, or the strong tag would lie
    assert (await raw(client, "/recipe_runs", **{"Accept-Encoding": "gzip"}))[1] == sent


async def test_gzip_when_asked_for(client):
    for accepted in ["gzip", "GZIP;q=0.5", "deflate, gzip;q=1.0, *;q=0.5", "*", "br, x-gzip"]:
        response = await client.get("/recipe_runs", headers={"Accept-Encoding": accepted})
        assert response.headers["content-encoding"] == "gzip"


async def test_no_gzip_when_not_asked_for(client):
    for accepted in ["identity", "", "br", "gzip;q=0", "gzip; q=0.000", "deflate, gzip;q=0, br", "*;q=0"]:
        response, body = await raw(client, "/recipe_runs", **{"Accept-Encoding": accepted})
        assert "content-encoding" not in response.headers
        assert body.startswith(b"[")


@pytest.mark.parametrize("accepted", ["gzip;q=0, *", "*, gzip;q=0"])
async def test_gzip_refused_by_name_is_not_taken_from_the_star(client, accepted):
    response, body = await raw(client, "/recipe_runs", **{"Accept-Encoding": accepted})
    assert "content-encoding" not in response.headers
    assert body.startswith(b"[")


async def test_small_bodies_are_not_compressed(client):
    response = await client.get("/recipe_runs?status=failure", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in response.headers
    assert response.content == b"[]"


@pytest.mark.parametrize("format", ["csv", "ndjson"])
async def test_a_streamed_list_is_compressed_too(client, format):
    response = await client.get(f"/recipe_runs?_format={format}", headers={"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert len(response.text.splitlines()) == 20 + (format == "csv")
    assert response.text == (await client.get(f"/recipe_runs?_format={format}", headers=IDENTITY)).text


async def test_what_may_be_kept_and_what_not(client, headers, run_body):
    for path in ("/recipe_runs", "/recipe_runs/1", "/stats", "/bakeries"):
        assert (await client.get(path)).headers["cache-control"] == CACHED
    assert (await client.get("/recipe_runs/99")).headers["cache-control"] == "no-store"
    assert (await client.get("/recipe_runs?nonsense=1")).headers["cache-control"] == "no-store"
    assert (await client.get("/health")).headers["cache-control"] == "no-store"
    response = await client.post("/recipe_runs", json=run_body(), headers=headers)
    assert "no-store" in response.headers["cache-control"]
    # what a token's owner reads is not for shared caches
    assert "public" not in (await client.get("/recipe_runs", headers=headers)).headers["cache-control"]


async def test_vary_names_what_an_answer_depends_on(client, headers):
    """A cache must not hand one reader's 401, cookie or encoding to another."""
    for path in ("/recipe_runs", "/recipe_runs?_format=csv", "/recipe_runs/1", "/recipe_runs/99"):
        for extra in ({}, {"Accept-Encoding": "gzip"}, headers):
            response = await client.get(path, headers=extra)
            names = {name.strip().lower() for name in response.headers["vary"].split(",")}
            assert {"authorization", "cookie"} <= names, path
            # a small body is never compressed
            assert ("accept-encoding" in names) == (len(response.content) >= 1000), path


async def test_a_body_holds_no_clock(client):
    """Or no tag would live."""
    for path in ("/recipe_runs", "/recipe_runs/1", "/feedstocks", "/bakeries"):
        assert (await client.get(path)).content == (await client.get(path)).content


async def test_any_website_may_read_any_answer(client):
    for method, path, extra, status in [
        ("GET", "/recipe_runs", {}, 200),
        ("HEAD", "/recipe_runs", {}, 200),
        ("GET", "/recipe_runs/1", {"If-None-Match": "*"}, 304),
        ("GET", "/recipe_runs?nonsense=1", {}, 400),
        ("GET", "/recipe_runs", {"Cookie": "ä".encode()}, 400),
        ("GET", "/recipe_runs", {"Host": "a b"}, 400),
        ("POST", "/recipe_runs", {}, 401),
        ("GET", "/recipe_runs", {"Authorization": "Bearer nonsense"}, 401),
        ("GET", "/recipe_runs/99", {}, 404),
        ("GET", "/recipe_runs/1/nothing", {}, 404),
        ("DELETE", "/recipe_runs", {}, 405),
        ("OPTIONS", "/recipe_runs", {}, 204),
        ("GET", "/health", {}, 200),
    ]:
        response = await client.request(method, path, headers=extra)
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == "*"
        exposed = {name.strip() for name in response.headers["access-control-expose-headers"].split(",")}
        assert {"Link", "ETag", "Location"} <= exposed
        # with a star, a browser would refuse an answer that also says this
        assert "access-control-allow-credentials" not in response.headers


async def test_writes_may_be_read_by_any_website_too(client, headers, run_body):
    for body, status in [(run_body(), 201), (run_body(status=...), 422)]:
        response = await client.post("/recipe_runs", json=body, headers=headers)
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == "*"


async def test_a_browser_asks_first_whether_it_may_post(client):
    response = await client.options(
        "/recipe_runs",
        headers={
            "Origin": "https://dashboard.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, if-match",
        },
    )
    assert response.status_code == 204
    assert response.content == b""
    assert "POST" in response.headers["access-control-allow-methods"].split(", ")
    allowed = {name.strip().lower() for name in response.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "idempotency-key", "if-match"} <= allowed
    assert int(response.headers["access-control-max-age"]) > 0


async def test_there_is_no_negotiation_by_accept(client):
    for accept in ("text/html", "text/csv", "application/xml", "*/*"):
        response = await client.get("/recipe_runs", headers={"Accept": accept})
        assert response.headers["content-type"] == "application/json; charset=utf-8"


async def test_head_is_get_without_a_body(client):
    for path in ["/recipe_runs", "/recipe_runs/1", "/stats", "/health", "/recipe_runs?_format=csv"]:
        got = await client.get(path, headers=IDENTITY)
        head = await client.head(path, headers=IDENTITY)
        assert head.status_code == got.status_code == 200
        assert head.content == b""
        for name in ("content-type", "etag", "content-length", "cache-control"):
            assert head.headers.get(name) == got.headers.get(name), name


async def test_absolute_links_are_those_of_the_request_or_of_the_setting(datasette, client, headers, monkeypatch):
    response = await client.get("/recipe_runs?_size=1", headers={"Host": "one.example:8001"})
    assert response.headers["link"].startswith("<http://one.example:8001/recipe_runs?_size=1&_next=")
    assert response.headers["link"].endswith('>; rel="next"')
    other = await client.get("/recipe_runs?_size=1", headers={"Host": "two.example"})
    assert "one.example" not in other.headers["link"]
    # nobody but a configured proxy may say where this is
    forged = {"Host": "one.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    assert (await client.get("/recipe_runs?_size=1", headers=forged)).headers["link"].startswith("<http://one.example/")
