"""Every answer has the id of its request, and so have each problem and each line of the log."""

import json
import logging
import re
import urllib.error
import urllib.request

import pytest
from pangeo_forge_federation.request_notes import RequestNote, current_note
from pangeo_forge_federation.server.logs import JsonFormatter
from pangeo_forge_federation.values.redaction import redact
from server_process import running_server

MADE_HERE = re.compile(r"[0-9a-f]{12}-[0-9a-f]+")


async def test_every_answer_names_its_request(datasette):
    for method, path, status in [
        ("GET", "/recipe_runs", 200),
        ("HEAD", "/recipe_runs", 200),
        ("OPTIONS", "/recipe_runs", 204),
        ("GET", "/recipe_runs?_format=csv", 200),
        ("GET", "/recipe_runs/99", 404),
        ("POST", "/recipe_runs", 401),
        ("GET", "/federation", 200),
        ("GET", "/nothing", 404),
        ("GET", "/static/explorer.css", 200),
        ("GET", "/federation.json?sql=nonsense", 400),
        ("GET", "/snapshots/latest", 404),
    ]:
        first, second = [await datasette.client.request(method, path) for _ in range(2)]
        assert first.status_code == status
        assert MADE_HERE.fullmatch(first.headers["x-request-id"])
        assert first.headers["x-request-id"] != second.headers["x-request-id"]
        if first.headers.get("content-type") == "application/problem+json" and method != "HEAD":
            assert first.json()["request_id"] == first.headers["x-request-id"]


async def test_a_304_and_what_the_guard_refuses_have_one_too(datasette):
    tag = (await datasette.client.get("/recipe_runs")).headers["etag"]
    again = await datasette.client.get("/recipe_runs", headers={"If-None-Match": tag})
    assert again.status_code == 304
    assert MADE_HERE.fullmatch(again.headers["x-request-id"])
    refused = await datasette.client.get("/recipe_runs", headers={"Authorization": "Bearer nonsense"})
    assert refused.status_code == 401
    assert refused.json()["request_id"] == refused.headers["x-request-id"]
    assert "X-Request-Id" in refused.headers["access-control-expose-headers"]


async def test_an_id_that_comes_with_a_request_is_kept(datasette):
    for sent in ["a", "0b0cf6a3-9f5e-4a2d-8f0f-7a1c1e3f5d10", "host:8001/3+x=@_.-", "x" * 128]:
        response = await datasette.client.get("/recipe_runs/99", headers={"X-Request-Id": sent})
        assert response.headers["x-request-id"] == response.json()["request_id"] == sent


async def test_one_that_is_not_well_formed_is_replaced(datasette):
    for sent in ["", "a b", "x" * 129, '"', "a\tb", "<script>", "%0d%0a", "ä".encode()]:
        response = await datasette.client.get("/recipe_runs/99", headers={"X-Request-Id": sent})
        assert response.status_code == 404
        assert MADE_HERE.fullmatch(response.headers["x-request-id"])


async def test_a_page_that_failed_shows_it(datasette, monkeypatch):
    def fail(*_):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(datasette, "metadata", fail)
    response = await datasette.client.get("/", headers={"X-Request-Id": "shown-on-the-page"})
    assert response.status_code == 500
    assert "shown-on-the-page" in response.text


def test_a_line_is_one_object_whatever_is_in_it():
    try:
        raise ValueError("two\nlines, and pfk_7_" + "s" * 43)
    except ValueError as caught:
        error = (type(caught), caught, caught.__traceback__)
    record = logging.LogRecord("federation.x", logging.ERROR, __file__, 1, "%s failed", ("pfk_12_abc\u2028",), error)
    token = current_note.set(RequestNote("my-request"))
    try:
        text = JsonFormatter().format(record)
    finally:
        current_note.reset(token)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["logger"], line["request_id"]) == ("error", "federation.x", "my-request")
    assert line["message"] == "pfk_12_[secret]\u2028 failed"
    assert "ValueError: two\nlines" in line["traceback"]
    assert "sss" not in text
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])


@pytest.mark.parametrize("token", ["pfk_7_" + "s" * 43, "pfk%5F7%5F" + "s" * 43, "PFK_7_" + "s" * 43, "pfk_7%5f-s%2Ds"])
def test_no_form_of_a_token_is_in_a_line(token):
    assert redact(f"/recipe_runs?token={token}&x=1") == "/recipe_runs?token=pfk_7_[secret]&x=1"


def test_a_server_writes_a_line_a_request_and_never_a_token(data, make_token, run_body, tmp_path):
    token = make_token()
    log = tmp_path / "log"
    with log.open("w") as stderr, running_server(data, stderr=stderr, FEDERATION_LOG="json") as server:
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "X-Request-Id": "of-a-post"}
        request = urllib.request.Request(f"{server.url}/recipe_runs", json.dumps(run_body()).encode(), sent)
        with urllib.request.urlopen(request) as response:
            assert response.status == 201
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{server.url}/recipe_runs?token={token}")
        with urllib.request.urlopen(f"{server.url}/federation") as response:
            assert response.status == 200
    text = log.read_text()
    assert token.rsplit("_", 1)[-1] not in text
    lines = [line for line in map(json.loads, text.splitlines()) if line.get("path") != "/health"]
    assert all(line["logger"] == "federation.requests" for line in lines)
    post, refused, page = lines
    assert post["duration_ms"] > 0
    told = ("request_id", "method", "path", "endpoint", "status", "client", "token_id")
    assert {name: post[name] for name in told} == {
        "request_id": "of-a-post",
        "method": "POST",
        "path": "/recipe_runs",
        "endpoint": "/recipe_runs",
        "status": 201,
        "client": "127.0.0.1",
        "token_id": 1,
    }
    assert (refused["status"], refused["problem"]) == (400, "bad-parameter")
    assert refused["path"] == "/recipe_runs?token=pfk_1_[secret]"
    assert (page["path"], page["endpoint"]) == ("/federation", "other")


def test_without_being_asked_a_server_says_nothing_of_requests(data, tmp_path):
    log = tmp_path / "log"
    with log.open("w") as stderr, running_server(data, stderr=stderr) as server:
        urllib.request.urlopen(f"{server.url}/recipe_runs").close()
    assert log.read_text() == ""


def test_a_format_that_there_is_not_is_one_line(data, capfd):
    with pytest.raises(AssertionError, match="the server said ''"), running_server(data, FEDERATION_LOG="xml"):
        pass
    error = capfd.readouterr().err
    assert (error.count("\n"), "FEDERATION_LOG" in error) == (1, True)
