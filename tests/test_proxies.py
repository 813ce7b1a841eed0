"""Behind a real reverse proxy, under a path prefix too: every link leads back through it."""

import contextlib
import http.client
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from explorer_page import FEEDSTOCK, NOT_FOUND, STATUSES, demo_pages
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.server.demo import demo_token, ensure_demo
from pangeo_forge_federation.settings import BadSetting, public_url
from pangeo_forge_federation.web.public_url import at_public_url
from server_process import running_server

PUBLIC = "https://api.example.org"
# what a proxy sets for itself, and what belongs to one connection
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host"}


@contextlib.contextmanager
def reverse_proxy(target: str, prefix: str, strips: bool) -> Iterator[str]:
    """A reverse proxy for TLS at some host: what is under `prefix` goes to `target`, all else is its own 404."""

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            if not self.path.startswith(prefix + "/") and self.path.partition("?")[0] != prefix:
                self.answer(404, [("X-Of-The-Proxy", "1")], b"")
                return
            path = (self.path[len(prefix) :] or "/") if strips else self.path
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            headers |= {"Host": "10.0.0.7:8001", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
            connection = http.client.HTTPConnection(urlsplit(target).netloc, timeout=20)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection.request(self.command, path if path.startswith("/") else "/" + path, body, headers)
            response = connection.getresponse()
            content = response.read()
            connection.close()
            self.answer(response.status, response.getheaders(), content)

        do_GET = do_HEAD = do_POST = do_PATCH = forward

        def answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in (*HOP_BY_HOP, "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Outside:
    """A client that sees the public address alone."""

    def __init__(self, proxy: str):
        self._proxy = proxy
        self._client = httpx.Client(timeout=20)

    def request(self, method: str, url: str, **more) -> httpx.Response:
        assert url.startswith(PUBLIC), url
        return self._client.request(method, self._proxy + url[len(PUBLIC) :], **more)

    def get(self, url: str, **more) -> httpx.Response:
        return self.request("GET", url, **more)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "demo"
    ensure_demo(folder)
    return folder


@pytest.fixture(scope="module", params=["stripped", "passed on", "no prefix"])
def behind(request, demo):
    """(a client outside, the registry's public address): behind a proxy that takes its prefix off, or does not."""
    prefix = "" if request.param == "no prefix" else "/registry"
    with (
        running_server(demo, FEDERATION_PUBLIC_URL=PUBLIC + prefix, FEDERATION_TRUSTED_PROXIES="127.0.0.1") as server,
        reverse_proxy(server.url, prefix, request.param == "stripped") as proxy,
    ):
        yield Outside(proxy), PUBLIC + prefix


@pytest.mark.slow
def test_links_of_the_api_lead_back_through_the_proxy(behind, demo):
    client, base = behind
    first = client.get(f"{base}/recipe_runs?_size=2&_shape=objects")
    assert first.json()["next_url"].startswith(f"{base}/recipe_runs?_size=2&_shape=objects&_next=")
    assert first.links["next"]["url"] == first.json()["next_url"]
    second = client.get(first.json()["next_url"])
    assert second.json()["rows"][0]["id"] != first.json()["rows"][0]["id"]
    # of a token that the prefix is no part of
    assert client.get(f"{base}/openapi.json").json()["servers"] == [{"url": base}]
    feed = client.get(f"{base}/feed.atom").text
    for link in re.findall(r'<(?:link|id)[^>]*?(?:href="|>)(https?://[^"<]+)', feed):
        assert link.startswith(base), link


def test_location_of_what_was_made(behind, demo, request):
    client, base = behind
    token = request.getfixturevalue("token")
    body = {"recipe_id": "x", "feedstock_id": FEEDSTOCK, "commit": "main", "status": "success"}
    made = client.request("POST", f"{base}/recipe_runs", json=body, headers={"Authorization": f"Bearer {token}"})
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"{base}/recipe_runs/{made.json()['id']}"
    assert client.get(made.headers["location"]).json() == made.json()


@pytest.fixture(scope="module")
def token(demo):
    return demo_token(demo)


ADDRESS = re.compile(r"""(?:href|src|action|data-url)="([^"]*)\"""")


def test_every_link_of_every_page_leads_back_through_the_proxy(behind):
    client, base = behind
    found = {}
    for path in demo_pages():
        page = client.get(base + path)
        assert page.status_code == STATUSES.get(path, 200), path
        addresses = [address.replace("&amp;", "&") for address in ADDRESS.findall(page.text)]
        assert addresses
        # lines to copy
        addresses += [
            line for line in re.findall(r"https?://[^\s'\"<)&]+", page.text) if "127.0.0.1" in line or PUBLIC in line
        ]
        for address in addresses:
            url = urljoin(base + path, address).partition("#")[0]
            if urlsplit(url).netloc in ("api.example.org", "10.0.0.7:8001", "127.0.0.1"):
                found.setdefault(url, path)
    assert len(found) > 100
    strangers = {url: path for url, path in found.items() if not (url + "/").startswith(base + "/")}
    assert strangers == {}
    # and the page that is open is marked
    assert f'<a href="{urlsplit(base).path}/federation" aria-current="page">' in client.get(f"{base}/federation").text
    # one of each kind is enough
    kinds = {}
    for url in found:
        kinds.setdefault(re.sub(r"\d+", "0", urlsplit(url).path), url)
    for url in [*kinds.values()][:12]:
        response = client.get(url)
        assert response.status_code in (200, 302, 404, 405), (url, found[url])
        assert "x-of-the-proxy" not in response.headers, (url, found[url])
        if response.status_code == 404:
            assert url.endswith((NOT_FOUND, "/snapshots/latest")) or found[url] == NOT_FOUND, (
                url,
                found[url],
            )
        if "location" in response.headers:
            assert urljoin(url, response.headers["location"]).startswith(base)


def test_datasettes_own_json_and_redirects_too(behind):
    client, base = behind
    page = client.get(f"{base}/federation/recipe_runs.json?_size=1&_shape=objects").json()
    assert page["next_url"].startswith(f"{base}/federation/recipe_runs.json?")
    assert client.get(page["next_url"]).status_code == 200
    moved = client.get(f"{base}/federation/")
    assert moved.status_code == 302
    assert urljoin(f"{base}/federation/", moved.headers["location"]) == f"{base}/federation"
    if base != PUBLIC:
        assert client.get(f"{base}").status_code == 200


# who may say where a request comes from


@pytest.mark.parametrize(("trusted", "believed"), [("10.0.0.0/8,127.0.0.0/8", True), ("10.1.2.3", False), ("", False)])
@pytest.mark.slow
def test_forwarded_headers_are_believed_from_configured_proxies_alone(data, make_token, tmp_path, trusted, believed):
    token = make_token()
    log = tmp_path / "log"
    forwarded = {
        "X-Forwarded-For": "198.51.100.7, 203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil",
    }
    environment = {"FEDERATION_LOG": "json", "FEDERATION_TRUSTED_PROXIES": trusted}
    with log.open("w") as stderr, running_server(data, stderr=stderr, **environment) as server:
        sent = {**forwarded, "Authorization": f"Bearer {token}"}
        body = {"recipe_id": "x", "feedstock_id": FEEDSTOCK, "commit": "main", "status": "success"}
        made = httpx.post(f"{server.url}/recipe_runs", json=body, headers=sent)
    host = server.url.partition("//")[2]
    assert made.headers["location"] == f"{'https' if believed else 'http'}://{host}/recipe_runs/1"
    (line,) = [line for line in map(json.loads, log.read_text().splitlines()) if line["path"] == "/recipe_runs"]
    # the last that no proxy of ours is: what a client itself writes before it counts for nothing
    assert line["client"] == ("203.0.113.9" if believed else "127.0.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "api.example.org",
        "ftp://a",
        "https://",
        "https://a b",
        "https://a/b?c",
        "https://u:p@a",
        "https://a//b",
        "https://a/%2F",
    ],
)
def test_a_public_url_that_is_none_is_refused(url):
    with pytest.raises(BadSetting, match="FEDERATION_PUBLIC_URL"):
        public_url({"FEDERATION_PUBLIC_URL": url})


@pytest.mark.parametrize(
    ("url", "read"),
    [("", None), ("https://a.example/", "https://a.example"), ("http://[::1]:8001/a/b-c/", "http://[::1]:8001/a/b-c")],
)
def test_a_public_url_is_read_without_its_last_slash(url, read):
    assert public_url({"FEDERATION_PUBLIC_URL": url}) == read


@pytest.mark.parametrize("prefix", ["/federation", "/recipe_runs", "/static/x", "/-"])
def test_a_prefix_that_is_a_path_of_the_registry_is_refused(data, monkeypatch, prefix):
    monkeypatch.setenv("FEDERATION_PUBLIC_URL", PUBLIC + prefix)
    with pytest.raises(BadSetting, match="/" + prefix.split("/")[1]):
        make_datasette(data).app()


async def test_a_path_that_only_begins_like_the_prefix_is_another():
    seen = []

    async def application(scope, receive, send):
        seen.append((scope["path"], scope["raw_path"], dict(scope["headers"])[b"host"], scope["scheme"]))

    wrapped = at_public_url(application, "https://a.example/r")
    for path in ("/r", "/r/", "/r/x%2Fy", "/rx", "/x/r/y"):
        scope = {
            "type": "http",
            "path": path,
            "raw_path": path.encode(),
            "headers": [(b"host", b"b")],
            "scheme": "http",
        }
        await wrapped(scope, None, None)
    assert seen == [(path, path.encode(), b"a.example", "https") for path in ("/", "/", "/x%2Fy", "/rx", "/x/r/y")]
