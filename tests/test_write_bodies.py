"""Whatever is sent to the endpoints that write: stored whole, or refused with a problem body and nothing stored.

    FEDERATION_EXAMPLES=2000 .venv/bin/python -m pytest tests/test_write_bodies.py

is the long form.
"""

import asyncio
import contextlib
import gzip
import json
import os
import socket

import pytest
from conftest import BAKERY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.explorer.other_facts import is_sent
from pangeo_forge_federation.records.field_kinds import BOOLEAN, INTEGER, NUMBER, TIME, column_kinds
from pangeo_forge_federation.records.models import Dataset, RecipeRun
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect, database_path
from server_process import running_server

PROBLEM = "application/problem+json"
EXAMPLES = int(os.environ.get("FEDERATION_EXAMPLES", "150"))
ENDPOINTS = (
    ("POST", "/recipe_runs"),
    ("PATCH", "/recipe_runs/1"),
    ("PATCH", "/recipe_runs?external_id=known"),
    ("POST", "/datasets"),
    ("PATCH", "/datasets/1"),
)
# what a body that cannot be stored may be answered
REFUSED = (400, 403, 409, 413, 422)
GOOD_RUN = {"recipe_id": "extent", "feedstock_id": "a-feedstock", "commit": "0f2c9a7d", "status": "in_progress"}


class Registry:
    """A registry that is asked from outside any event loop, since hypothesis knows of none."""

    def __init__(self, data):
        self.loop = asyncio.new_event_loop()
        self.datasette = make_datasette(data)
        self.loop.run_until_complete(self.datasette.invoke_startup())
        connection = connect(database_path(data, TOKENS))
        self.headers = {"Authorization": f"Bearer {tokens.create_token(connection, BAKERY, 'test', 1)}"}
        connection.close()
        self.reader = connect(database_path(data, FEDERATION))
        run = {**GOOD_RUN, "external_id": "known", "datasets": [{"url": "gs://bucket/known"}]}
        assert self.send("POST", "/recipe_runs", json.dumps(run).encode()).status_code == 201

    def send(self, method, path, body):
        headers = {**self.headers, "Content-Type": "application/json"}
        return self.loop.run_until_complete(self.datasette.client.request(method, path, content=body, headers=headers))

    def keep_known(self):
        """A patch that was accepted may have taken the external id away by which the others find run 1."""
        if self.reader.execute("select external_id from recipe_runs where id = 1").fetchone()[0] != "known":
            assert self.send("PATCH", "/recipe_runs/1", b'{"external_id": "known"}').status_code == 200

    def state(self):
        """Whatever a write would move: the rows of every table, and how often each was changed."""
        tables = [row[0] for row in self.reader.execute("select name from sqlite_master where type = 'table'")]
        counts = {table: self.reader.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}
        changes = [
            tuple(self.reader.execute(f"select sum(revision), max(updated_at) from {table}").fetchone())
            for table in ("recipe_runs", "datasets")
        ]
        return counts, changes

    def close(self):
        self.reader.close()
        ensure_services(self.datasette).close()
        for database in self.datasette.databases.values():
            database.close()
        self.loop.close()


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEDERATION_WRITES_PER_MINUTE", "0")
        for name in ("FEDERATION_DATA", "FEDERATION_PUBLIC_URL"):
            patch.delenv(name, raising=False)
        made = Registry(tmp_path_factory.mktemp("bodies"))
    yield made
    made.close()


def assert_whole_or_nothing(registry, method, path, body):
    before = registry.state()
    response = registry.send(method, path, body)
    if response.status_code in (200, 201):
        registry.keep_known()
        return response
    assert response.status_code in REFUSED, (method, path, body[:500], response.text)
    assert response.headers["content-type"] == PROBLEM
    problem = json.loads(response.content.decode("utf-8"))
    assert problem["status"] == response.status_code and problem["detail"]
    assert registry.state() == before, (method, path, body[:500])
    return response


texts = st.text(st.characters(exclude_categories=()), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
moments = st.sampled_from(
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00+02:00", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-01"]
)
urls = st.sampled_from(
    ["gs://bucket/a", "gs://bucket/known", "https://h/{x} y", "gs://", "https://u:p@h/", "file:///x"]
)
statuses = st.sampled_from(["success", "RUNNING", "queued", "Failed", "done", ""])
nested = st.lists(
    st.fixed_dictionaries({}, optional={"url": urls | values, "title": texts, "format": values}), max_size=3
)
# nearly valid: each field is mostly what it should be, by its kind ...
OF_KIND = {INTEGER: st.integers(), NUMBER: st.floats() | st.integers(), BOOLEAN: st.booleans(), TIME: moments}
OPTIONAL = {
    name: OF_KIND.get(kind, texts) | values
    for record in (RecipeRun, Dataset)
    for name, kind in column_kinds(record).items()
    if is_sent(record.model_fields[name])
} | {
    # ... or by what it means
    "feedstock_id": st.sampled_from(["a-feedstock", "owner/name", "a/b/c", ""]) | texts,
    "status": statuses | values,
    "bakery_id": st.sampled_from([BAKERY, BAKERY.upper(), "other.bakery", "a b"]) | values,
    "message": texts | st.just("\x1b[31mred\x1b[0m") | values,
    "log_url": urls | values,
    "external_id": st.sampled_from(["known", "new", ""]) | texts,
    "datasets": nested | values,
    "url": urls | values,
    "id": st.just(1),
}
objects = st.fixed_dictionaries({}, optional=OPTIONAL)
changed_runs = objects.map(lambda changes: GOOD_RUN | changes)
# few fields, so that many are accepted
small = st.dictionaries(st.sampled_from(sorted(OPTIONAL)), st.none(), max_size=2).flatmap(
    lambda chosen: st.fixed_dictionaries({name: OPTIONAL[name] for name in chosen})
)
bodies = (
    values
    | objects
    | changed_runs
    | small
    | small.map(lambda changes: GOOD_RUN | changes)
    | small.map(lambda changes: {"url": "gs://bucket/new"} | changes)
    | st.lists(changed_runs | values, max_size=3)
)


def bytes_of(value):
    return json.dumps(value).encode()


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_whatever_is_sent_is_stored_whole_or_refused(registry, method, path):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(bodies)
    def check(value):
        assert_whole_or_nothing(registry, method, path, bytes_of(value))

    check()


def test_whatever_bytes_are_sent(registry):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.sampled_from(ENDPOINTS), st.binary(max_size=60), st.integers(0, 200), st.integers(0, 20))
    def check(endpoint, inserted, place, left_out):
        good = bytes_of({**GOOD_RUN, "datasets": [{"url": "gs://bucket/a"}]})
        assert_whole_or_nothing(registry, *endpoint, good[:place] + inserted + good[place + left_out :])

    check()


# What clients really send


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        (b"", 400, ""),
        (b" \n", 400, ""),
        (b'{"recipe_id": "extent"', 400, "line 1, column"),
        (b"[]", 422, ""),
        (b"null", 422, ""),
        (b'"success"', 422, ""),
        (bytes_of([GOOD_RUN] * 1001), 422, ""),
        (bytes_of([GOOD_RUN, {**GOOD_RUN, "status": "x"}]), 422, "/1/status"),
        (bytes_of([GOOD_RUN, []]), 422, "/1"),
        (bytes_of({name.title(): value for name, value in GOOD_RUN.items()}), 422, "/Status"),
        (bytes_of({**GOOD_RUN, "id": 7}), 422, "/id"),
        (bytes_of({**GOOD_RUN, "run_date": "0000-01-01T00:00:00Z"}), 422, "/run_date"),
        (bytes_of({**GOOD_RUN, "run_date": "9999-12-31T23:59:59Z"}), 422, "/run_date"),
        (
            bytes_of(
                {
                    **GOOD_RUN,
                    "status": "success",
                    "run_date": "2026-01-01T00:00:00Z",
                    "completed_at": "2025-12-31T23:59:59Z",
                }
            ),
            422,
            "/completed_at",
        ),
        (bytes_of({**GOOD_RUN, "status": "success", "datasets": [{"title": "x"}]}), 422, "/datasets/0/url"),
        (b'{"recipe_id": "extent", "recipe_id": "extent"}', 400, "recipe_id"),
        (b'{"recipe_id": NaN}', 400, ""),
        (b'{"recipe_id": "\\u0000"}', 400, "/recipe_id"),
        (b'{"recipe_id": "\\ud800"}', 400, "/recipe_id"),
        (b'{"recipe_id": 18446744073709551616}', 400, ""),
        (b"[" * 101 + b"]" * 101, 400, "100"),
        (b'{"recipe_id": "\xff"}', 400, ""),
        (gzip.compress(bytes_of(GOOD_RUN), mtime=0), 400, ""),
        (bytes_of({**GOOD_RUN, "commit": "x" * 501}), 422, "500"),
        (bytes_of({**GOOD_RUN, "message": "a\x07b"}), 422, "U+0007"),
    ],
)
def test_bad_input_is_refused_and_the_way_out_named(registry, body, status, named):
    response = assert_whole_or_nothing(registry, "POST", "/recipe_runs", body)
    assert response.status_code == status
    assert named in response.text


@pytest.mark.parametrize(
    ("field", "sent", "kept"),
    [
        ("commit", "refs/heads/main", "refs/heads/main"),
        ("message", "\u202egnp.exe\u202c \u2066x\u2069", "\u202egnp.exe\u202c \u2066x\u2069"),
        ("message", "\x1b[1;31mError\x1b[0m: \x1b]8;;https://x\x07link\x1b]8;;\x07", "Error: link"),
        ("message", "tab\tand\r\nlines", "tab\tand\r\nlines"),
        ("version", "", ""),
        ("version", None, None),
        ("message", "🌊" * 100, "🌊" * 100),
    ],
)
def test_what_is_odd_and_real_is_accepted(registry, field, sent, kept):
    response = assert_whole_or_nothing(registry, "POST", "/recipe_runs", bytes_of({**GOOD_RUN, field: sent}))
    assert response.status_code == 201
    assert response.json()[field] == kept


def test_which_item_of_an_array_is_taken_or_forbidden_is_said(registry):
    for change, status in (({"external_id": "known"}, 409), ({"bakery_id": "other.bakery"}, 403)):
        body = bytes_of([GOOD_RUN, {**GOOD_RUN, **change}])
        response = assert_whole_or_nothing(registry, "POST", "/recipe_runs", body)
        assert response.status_code == status
        assert [error["pointer"] for error in response.json()["errors"]] == ["/1"]


def test_the_largest_array_is_answered_however_short_a_read_may_be(registry, monkeypatch):
    """It is stored by then: that reading it all takes longer than one statement may must not make a refusal of it."""
    monkeypatch.setattr(ensure_services(registry.datasette).reads.reader, "time_limit", 5)
    runs = [
        {**GOOD_RUN, "datasets": [{"url": f"gs://bucket/{number}/{each}"} for each in range(8)]}
        for number in range(1000)
    ]
    response = assert_whole_or_nothing(registry, "POST", "/recipe_runs", bytes_of(runs))
    assert response.status_code == 201
    assert [run["datasets"][0]["url"] for run in response.json()] == [f"gs://bucket/{n}/0" for n in range(1000)]


# On the wire


def talk(url, *parts, break_off=False):
    """What a server answers to these bytes."""
    host, port = url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        # closing the connection of a body that was not read resets it; the response can be read all the same
        with contextlib.suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
            if break_off:
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while received := connection.recv(65536):
                answer += received
    return answer


def test_bodies_that_break_off_and_lengths_that_lie(data, make_token, stored):
    token, good = make_token().encode(), bytes_of(GOOD_RUN)
    size, chunked = len(good), b"Transfer-Encoding: chunked"

    def head(*lines):
        common = (b"POST /recipe_runs HTTP/1.1", b"Host: x", b"Connection: close", b"Content-Type: application/json")
        return b"\r\n".join([*common, b"Authorization: Bearer " + token, *lines, b"", b""])

    def length(number):
        return b"Content-Length: %d" % number

    with running_server(data) as server:
        before = stored()
        for parts in (
            (head(length(size)), good[:-10]),
            (head(length(size + 1)), good),
            (head(chunked), b"%x\r\n" % size, good),
            (head(chunked), b"%x\r\n" % (size + 5), good),
        ):
            # whoever broke off is not there to be answered
            assert not talk(server.url, *parts, break_off=True).startswith(b"HTTP/1.1 2"), parts
            assert stored() == before, parts
        for parts, status in (
            ((head(length(size - 10)), good), 400),
            ((head(length(-1)), good), 400),
            ((head(b"Content-Length: many"), good), 400),
            ((head(length(size), length(size + 1)), good), 400),
            ((head(length(2**40)), good), 413),
            ((head(),), 400),
            ((head(chunked), b"zz\r\n"), 400),
            ((head(length(size), b"Idempotency-Key: caf\xc3\xa9"), good), 400),
            ((head(length(size), b"Content-Encoding: br"), good), 415),
            ((head(length(size), b"Authorization: Bearer \xff"), good), 400),
            # a line end that came with a token's file
            ((b"GET /recipe_runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer pfk_1_x\r \r\n\r\n",), 400),
        ):
            answer = talk(server.url, *parts)
            assert answer.startswith(b"HTTP/1.1 %d " % status), (parts, answer)
            assert stored() == before, parts
        for parts in (
            (head(length(size)), good),
            (head(chunked), b"%x\r\n" % size, good, b"\r\n0\r\n\r\n"),
            (head(chunked), *(b"1\r\n%c\r\n" % byte for byte in good), b"0\r\n\r\n"),
        ):
            assert talk(server.url, *parts).startswith(b"HTTP/1.1 201 "), parts
    assert len(stored()["recipe_runs"]) == 3
