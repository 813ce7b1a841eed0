"""Pages and their files go out compressed to those who take it, each once, and otherwise the same byte for byte."""

import gzip

import httpx
import pytest
import pytest_asyncio

STATIC = "/static/explorer.css"


@pytest_asyncio.fixture
async def fetch(datasette):
    """A function that gives (headers, the bytes as they were sent)."""
    application = datasette.app()

    async def get(path: str, accept: str | None = "gzip", method: str = "GET", **headers: str):
        sent: list[dict] = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "http.request", "body": b""}

        asked = {"host": "registry.example", **headers} | ({} if accept is None else {"accept-encoding": accept})
        url = httpx.URL(path)
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "headers": [(name.encode(), value.encode()) for name, value in asked.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 1),
        }
        await application(scope, receive, send)
        assert not sent[-1].get("more_body")
        names = [name for name, _ in sent[0]["headers"]]
        assert len(names) == len(set(names)), names
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return found, b"".join(message["body"] for message in sent[1:])

    return get


@pytest.mark.parametrize("path", ["/", "/-/statistics", STATIC, "/federation/nothing-here", "/docs"])
async def test_a_page_is_smaller_and_the_same(fetch, path):
    plain_headers, plain = await fetch(path, None)
    headers, packed = await fetch(path)
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 2
    assert headers["content-encoding"] == "gzip"
    assert int(headers.get("content-length", len(packed))) == len(packed)
    assert "content-encoding" not in plain_headers
    assert int(plain_headers.get("content-length", len(plain))) == len(plain)
    for each in (headers, plain_headers):
        assert "accept-encoding" in each["vary"].lower()
    left_out = ("content-length", "content-encoding", "x-request-id")
    assert {name: value for name, value in headers.items() if name not in left_out} == {
        name: value for name, value in plain_headers.items() if name not in left_out
    }


async def test_who_refuses_it_gets_the_page_as_it_is(fetch):
    for accept in ("gzip;q=0", "br", "identity"):
        headers, body = await fetch("/", accept)
        assert "content-encoding" not in headers
        assert body.startswith(b"<!DOCTYPE html>")


async def test_what_is_small_encoded_or_streamed_is_left_alone(fetch):
    headers, body = await fetch("/openapi.json")
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body).startswith(b"{"), "encoded once"
    headers, body = await fetch("/federation/bakeries.csv?_stream=on")
    assert "content-encoding" not in headers
    assert body.startswith(b"id,")
    headers, body = await fetch("/health")
    assert "content-encoding" not in headers
    assert body.startswith(b"{")


async def test_what_is_for_one_person_is_not_compressed(fetch):
    headers, _ = await fetch("/", cookie="a=b")
    assert "private" in headers["cache-control"]
    assert "content-encoding" not in headers


async def test_head_is_left_alone(fetch):
    headers, _ = await fetch("/", method="HEAD")
    assert "content-encoding" not in headers
