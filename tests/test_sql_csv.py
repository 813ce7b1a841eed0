"""SQL as CSV is whole or an error, SQL as JSON says when it is cut, and a column that is a word of SQL is told."""

import asyncio
import csv
import html
import io
import re
import shutil
import sqlite3
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from conftest import started
from endless_sql import ENDLESS
from pangeo_forge_federation.analyst_sql import bounds as answer_bounds
from pangeo_forge_federation.analyst_sql import turns as sql_threads
from pangeo_forge_federation.analyst_sql.turns import QUOTED_COLUMNS
from pangeo_forge_federation.explorer import query_csv as sql_csv
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import CSV_DOWNLOADS, ensure_services
from pangeo_forge_federation.settings import read_metadata
from pangeo_forge_federation.storage.database import FEDERATION
from test_safe_sql import fill

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNS = 1500
# as many rows as anybody likes
NUMBERS = "with recursive c(x) as (select 1 union all select x + 1 from c limit {}) select x from c"
# 20 million characters, in rows of 90,000
LONG = "with recursive c(x) as (select 1 union all select x + 1 from c limit 250) select hex(zeroblob(45000)) from c"
TOO_LARGE = "https://api.pangeo-forge.org/problems/answer-too-large"


def with_all_runs(folder):
    """A Datasette with a canned query that holds every run, and one that nobody may see."""
    metadata = read_metadata()
    queries = metadata["databases"][FEDERATION]["queries"]
    queries["all_runs"] = {"sql": "select id, :of as given from recipe_runs order by id"}
    queries["hidden"] = {"sql": "select 1", "allow": False}
    return make_datasette(folder, metadata=metadata)


def without_sql(folder):
    metadata = read_metadata()
    metadata["databases"][FEDERATION]["allow_sql"] = False
    return make_datasette(folder, metadata=metadata)


@pytest.fixture(scope="module")
def filled(empty_data, tmp_path_factory):
    folder = shutil.copytree(empty_data, tmp_path_factory.mktemp("filled") / "data")
    fill(folder, RUNS)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def datasette(filled):
    async with started(filled, with_all_runs) as made:
        yield made


@pytest.fixture
def get(datasette):
    async def send(path, method="GET", **parameters):
        return await datasette.client.request(method, f"{path}?{urlencode(parameters)}")

    return send


@pytest.fixture
def patient(datasette, monkeypatch):
    """Queries have time to exceed the limits on size, on a slow machine too."""
    monkeypatch.setitem(datasette._settings, "sql_time_limit_ms", 30_000)


def rows_of(response):
    assert response.status_code == 200, response.text
    return list(csv.reader(io.StringIO(response.text, newline="")))


def assert_too_large(response, *words):
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == TOO_LARGE
    assert all(word in response.json()["detail"] for word in words), response.text


@pytest.mark.parametrize("more", [{}, {"_stream": "1"}])
async def test_sql_as_csv_is_whole(get, more):
    rows = rows_of(await get("/federation.csv", sql="select id from recipe_runs order by id", **more))
    assert rows == [["id"], *([str(number)] for number in range(1, RUNS + 1))]


async def test_a_canned_query_as_csv_is_whole_with_its_parameters(get):
    rows = rows_of(await get("/federation/all_runs.csv", of="it's"))
    assert rows == [["id", "given"], *([str(number), "it's"] for number in range(1, RUNS + 1))]
    assert rows_of(await get("/federation/all_runs.csv"))[1] == ["1", ""]


async def test_more_rows_than_an_answer_holds_are_an_error(get, patient):
    assert len(rows_of(await get("/federation.csv", sql=NUMBERS.format(answer_bounds.MAX_ROWS)))) == 100_001
    assert_too_large(await get("/federation.csv", sql=NUMBERS.format(answer_bounds.MAX_ROWS + 1)), "100,000", "limit")


@pytest.mark.parametrize(
    ("path", "sql", "bound"),
    [
        ("/federation.csv", LONG, "16 MiB"),
        ("/federation.json", LONG, "8 MiB"),
        ("/federation.csv", f"select {','.join(['hex(zeroblob(99000))'] * 12)}", "2 MiB"),
    ],
)
async def test_more_bytes_than_an_answer_holds_are_an_error(get, patient, path, sql, bound):
    assert_too_large(await get(path, sql=sql), bound, "limit")


async def test_a_where_of_ones_own_reads_no_more_bytes_than_that(get, monkeypatch):
    monkeypatch.setattr(answer_bounds, "MAX_READ_BYTES", 20_000)
    assert_too_large(await get("/federation/recipe_runs.json", _where="1", _size="max"))
    assert (await get("/federation/recipe_runs.json", _size="max")).status_code == 200


@pytest.mark.parametrize("shape", [{"_shape": "array"}, {"_shape": "arrayfirst"}, {"_shape": "array", "_nl": "on"}])
async def test_json_that_cannot_say_that_it_is_cut_is_an_error(get, shape):
    assert_too_large(await get("/federation.json", sql=NUMBERS.format(1001), **shape), "1,000", "_shape")
    assert (await get("/federation.json", sql=NUMBERS.format(1000), **shape)).status_code == 200
    assert_too_large(await get("/federation/all_runs.json", **shape))


async def test_json_of_other_shapes_says_that_it_is_cut(get):
    for shape in ({}, {"_shape": "objects"}):
        assert (await get("/federation.json", sql=NUMBERS.format(1001), **shape)).json()["truncated"] is True


async def test_cells_and_headers_are_as_datasette_has_them(get):
    sql = """select 1 as a, null as a, 1.5 as b, 'x,"y"' || char(10) || 'é' as c, :given as d"""
    response = await get("/federation.csv", sql=sql, given="it's")
    assert response.text == 'a,a,b,c,d\r\n1,,1.5,"x,""y""\né",it\'s\r\n'
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert (await get("/federation.csv", sql="select 1 as a", _header="off")).text == "1\r\n"
    saved = await get("/federation.csv", sql="select 1 as a", _dl="1")
    assert saved.headers["content-type"] == "text/csv; charset=utf-8"
    assert saved.headers["content-disposition"] == 'attachment; filename="federation.csv"'
    head = await get("/federation.csv", method="HEAD", sql="select 1 as a")
    assert (head.status_code, head.content) == (200, b"")


async def test_a_blob_is_where_it_is_to_be_had(get, datasette):
    (_, (url,)) = rows_of(await get("/federation.csv", sql="select x'ff00' as b"))
    assert (await datasette.client.get(url.removeprefix("http://localhost"))).content == b"\xff\x00"


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("", "?sql="),
        ("delete from recipe_runs", "SELECT"),
        ("select * from pragma_database_list", "pragma_database_list"),
        ("select absent", "absent"),
        ("select 1; select 2", ""),
        (ENDLESS, "1000 ms"),
        (f"select {','.join('1' * 101)}", ""),
    ],
)
async def test_what_is_no_answer_is_a_problem(get, sql, named):
    response = await get("/federation.csv", sql=sql)
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert named in response.json()["detail"]


async def test_permissions_hold(filled, get):
    assert (await get("/federation/hidden.csv")).status_code == 403
    async with started(filled, without_sql) as closed:
        response = await closed.client.get("/federation.csv?sql=select+1")
        assert response.status_code == 403
        assert "select" not in response.text


async def test_a_canned_query_waits_for_a_turn_as_other_sql_does(get, datasette, monkeypatch):
    monkeypatch.setattr(sql_threads, "WAIT_SECONDS", 0.05)
    turns = ensure_services(datasette).sql_turns
    async with turns.turn(), turns.turn(), turns.turn():
        assert (await get("/federation/all_runs.csv")).status_code == 503
    assert (await get("/federation/all_runs.csv")).status_code == 200


class Stalled:
    """Somebody who asks for CSV and does not read it."""

    def __init__(self, datasette):
        self.messages = []
        self._begun = asyncio.Event()
        scope = {"type": "http", "method": "GET", "path": "/federation.csv", "raw_path": b"/federation.csv"}
        scope |= {"query_string": b"sql=select+1", "headers": [], "scheme": "http", "client": None, "server": None}
        self.request = asyncio.create_task(datasette.app()(scope, self._receive, self._send))

    async def until_it_is_sent(self):
        await self._begun.wait()

    async def _receive(self):
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message):
        self.messages.append(message)
        if message["type"] == "http.response.body":
            self._begun.set()
            await asyncio.Event().wait()


async def test_who_does_not_read_holds_up_csv_alone(get, datasette, monkeypatch):
    monkeypatch.setattr(sql_threads, "WAIT_SECONDS", 0.05)
    readers = []
    for _ in range(CSV_DOWNLOADS):
        readers.append(Stalled(datasette))
        await readers[-1].until_it_is_sent()
    assert (await get("/federation.json", sql="select 1")).status_code == 200
    refused = await get("/federation.csv", sql="select 1")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    for reader in readers:
        reader.request.cancel()
    await asyncio.gather(*(reader.request for reader in readers), return_exceptions=True)
    assert (await get("/federation.csv", sql="select 1")).status_code == 200


async def test_what_is_not_read_in_time_is_broken_off(datasette, monkeypatch, caplog):
    monkeypatch.setattr(sql_csv, "SEND_SECONDS", 0.3)
    reader = Stalled(datasette)
    await reader.request
    # never said to be at its end: a server closes such a connection, and its reader sees that something is missing
    assert all(message.get("more_body", True) for message in reader.messages)
    assert [record.args for record in caplog.records if record.name == "federation.sql_csv"] == [
        ("/federation.csv", 0.3)
    ]
    async with ensure_services(datasette).csv_downloads.turn():
        pass


@pytest.mark.parametrize("sql", ["select r.commit from recipe_runs r", "select id from recipe_runs order by COMMIT"])
async def test_a_column_that_is_a_word_of_sql_is_told_how_it_is_written(get, sql):
    name = "COMMIT" if "COMMIT" in sql else "commit"
    for path in ("/federation.json", "/federation.csv"):
        assert f'"{name}"' in (await get(path, sql=sql)).json()["detail"]
    page = await get("/federation", sql=sql)
    assert f"&#34;{name}&#34;" in page.text
    right = await get("/federation.json", sql=sql.replace(name, '"commit"'))
    assert right.status_code == 200
    assert "commit" not in (await get("/federation.json", sql="select from recipe_runs")).text


async def test_every_column_that_is_a_word_of_sql_is_known(datasette):
    def words_of_sql(connection):
        tables = [
            row[0] for row in connection.execute("select name from sqlite_master where type in ('table', 'view')")
        ]
        columns = {
            row[0] for table in tables for row in connection.execute("select name from pragma_table_info(?)", [table])
        }
        assert "run_date" in columns
        found = set()
        for column in columns:
            try:
                connection.execute(f'select {column} from (select 1 as "{column}")')
            except sqlite3.OperationalError:
                found.add(column)
        return found

    assert await datasette.get_database(FEDERATION).execute_fn(words_of_sql) == QUOTED_COLUMNS


async def test_the_csv_link_of_a_table_page_is_the_whole_table(get):
    page = (await get("/federation/recipe_runs", status="success")).text
    (address,) = re.findall(r'<a href="([^"]+)">CSV</a>', page)
    assert len(rows_of(await get(html.unescape(address)))) == RUNS + 1


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("/federation", {"sql": "choose 1"}),
        ("/federation.json", {"sql": "select nothing from recipe_runs"}),
        ("/federation.csv", {"sql": "select nothing from recipe_runs"}),
        ("/federation/recipe_runs", {"_where": "nothing = 1"}),
    ],
)
async def test_a_typo_is_told_to_who_made_it_and_not_to_the_log(get, capfd, path, arguments):
    answer = await get(path, **arguments)
    assert answer.status_code == 400 and ("nothing" in answer.text or "SELECT" in answer.text)
    assert capfd.readouterr() == ("", "")
