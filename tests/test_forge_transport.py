"""How requests are sent: again with the same key, as late as they are asked to, nowhere that they should not go."""

import json
import socket
import threading
import time

import pytest
from forge_process import Forge
from pangeo_forge_federation.client import Client, Problem, Refused, RegistryError, Unreachable
from pangeo_forge_federation.client import transport as transport_module
from pangeo_forge_federation.client.transport import Transport
from werkzeug import Response

RUN = {"recipe_id": "a", "feedstock_id": "f", "commit": "c", "status": "success"}


@pytest.fixture
def client(httpserver, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Client(transport=Transport(httpserver.url_for("").rstrip("/"), "pfk_1_secret", patience=10))


def problem(status, **headers):
    body = {"type": "https://api.pangeo-forge.org/problems/unavailable", "title": "Not now", "detail": "later"}
    return Response(json.dumps(body), status, {"Content-Type": "application/problem+json", **headers})


def answers(httpserver, *responses):
    """The server gives these, one after the other. The requests that it got, with their times."""
    got = []
    waiting = list(responses)

    def answer(request):
        got.append((time.monotonic(), request))
        return waiting.pop(0)

    httpserver.expect_request("/recipe_runs").respond_with_handler(answer)
    return got


def good(body):
    return Response(json.dumps(body), 201, {"Content-Type": "application/json"})


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_says_later_is_sent_again_with_its_key(client, httpserver, status):
    got = answers(httpserver, problem(status), good({"id": 1}))
    assert client.create_recipe_run(RUN) == {"id": 1}
    first, second = (request for _, request in got)
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.data == second.data


def test_retry_after_is_waited_for(client, httpserver):
    got = answers(httpserver, problem(429, **{"Retry-After": "1"}), good({"id": 1}))
    client.create_recipe_run(RUN)
    assert got[1][0] - got[0][0] >= 1


def test_beyond_patience_it_is_not_waited_for(client, httpserver):
    answers(httpserver, problem(503, **{"Retry-After": "3600"}))
    with pytest.raises(Unreachable, match="later") as caught:
        client.create_recipe_run(RUN)
    assert caught.value.retry_after == 3600


@pytest.mark.parametrize("status", [400, 404, 409, 412, 413, 415, 422])
def test_what_is_refused_is_not_sent_again(client, httpserver, status):
    got = answers(httpserver, problem(status, Location="/recipe_runs/7"))
    with pytest.raises(Problem, match="later") as caught:
        client.create_recipe_run(RUN)
    assert (caught.value.status, caught.value.kind, caught.value.location) == (status, "unavailable", "/recipe_runs/7")
    assert len(got) == 1


def test_a_token_that_is_not_good(client, httpserver):
    answers(httpserver, problem(401))
    with pytest.raises(Refused):
        client.create_recipe_run(RUN)


def test_a_write_follows_no_redirect(client, httpserver):
    answers(httpserver, Response("", 301, {"Location": "https://elsewhere.example/recipe_runs"}))
    with pytest.raises(RegistryError, match=r"elsewhere\.example"):
        client.create_recipe_run(RUN)


def test_a_redirect_to_another_host_does_not_get_the_token(client, httpserver):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        httpserver.expect_request("/recipe_runs/1").respond_with_response(
            Response("", 302, {"Location": f"http://localhost:{port}/x"})
        )
        seen = []

        def answer():
            connection, _ = other.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

        thread = threading.Thread(target=answer)
        thread.start()
        assert client.recipe_run(1) == {}
        thread.join()
    assert seen[0].startswith(b"GET /x")
    assert b"pfk_1_secret" not in seen[0]


def test_an_answer_that_is_no_registrys(client, httpserver):
    httpserver.expect_request("/recipe_runs/1").respond_with_data("<html>welcome</html>")
    with pytest.raises(RegistryError):
        client.recipe_run(1)
    httpserver.expect_request("/recipe_runs/2").respond_with_data("<h1>nothing\nhere</h1>", 404)
    with pytest.raises(Problem, match=r"404.*<h1>nothing here</h1>"):
        client.recipe_run(2)


def test_an_answer_that_drips_is_not_read_for_ever(monkeypatch):
    monkeypatch.setattr(transport_module, "RESPONSE_SECONDS", 0.5)
    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen()

        def drip():
            connection, _ = slow.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                try:
                    while True:
                        connection.sendall(b" ")
                        time.sleep(0.1)
                except OSError:
                    # the client has left
                    return

        threading.Thread(target=drip, daemon=True).start()
        url = f"http://127.0.0.1:{slow.getsockname()[1]}"
        with pytest.raises(Unreachable):
            Client(transport=Transport(url, patience=0)).recipe_run(1)


def test_a_proxy_of_the_environment_is_used(httpserver, tmp_path):
    httpserver.expect_request("/health").respond_with_json({"status": "ok", "version": "1", "last_sync_at": None})
    forge = Forge("http://registry.invalid", "pfk_1_a", tmp_path).where(
        HTTP_PROXY=httpserver.url_for(""), http_proxy=httpserver.url_for(""), NO_PROXY="", no_proxy=""
    )
    assert forge.process("health", "--json").returncode == 0
    (request, _) = httpserver.log[0]
    assert request.headers["Host"] == "registry.invalid"


def test_nobody_answers(tmp_path):
    done = Forge("http://127.0.0.1:9", "pfk_1_a", tmp_path)("--patience", "0", "runs", "list")
    assert (done.returncode, done.stderr.count("\n"), "127.0.0.1:9" in done.stderr) == (1, 1, True)


def test_a_next_link_leads_nowhere_else(client, httpserver):
    link = {"Link": '<http://elsewhere.example/recipe_runs?_next=abc&x=1>; rel="next"'}
    got = answers(
        httpserver,
        Response('{"id":1}\n', 200, link),
        Response('{"id":2}\n', 200, {"Content-Type": "application/x-ndjson"}),
    )
    assert [run["id"] for run in client.recipe_runs(status="failure")] == [1, 2]
    assert [dict(request.args) for _, request in got] == [
        {"status": "failure", "_format": "ndjson", "_size": "1000"},
        {"status": "failure", "_format": "ndjson", "_size": "1000", "_next": "abc"},
    ]
