"""Each format of lists: Parquet has the same rows as NDJSON, and a new format needs one class."""

import datetime
import io
import json
import re
import subprocess
import sys

import pytest
from conftest import BAKERY
from database_rows import insert
from example_paths import DEMO, LISTS, filled
from pangeo_forge_federation.api import formats, reads
from pangeo_forge_federation.api.formats import FORMATS, Format
from pangeo_forge_federation.records.field_kinds import BOOLEAN, DAY, INTEGER, JSON, NUMBER, TEXT, TIME, column_kinds
from pangeo_forge_federation.services import ensure_services

pytest_plugins = ["demo_fixtures"]

PARQUET = "application/vnd.apache.parquet"
PROBLEM = "application/problem+json"
TYPES = {
    INTEGER: "int64",
    NUMBER: "double",
    BOOLEAN: "bool",
    TIME: "timestamp[us, tz=UTC]",
    DAY: "date32[day]",
    TEXT: "string",
    JSON: "string",
}


@pytest.fixture
def read_parquet():
    """A function that reads the table in a response."""
    parquet = pytest.importorskip("pyarrow.parquet")

    def read(response):
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == PARQUET
        return parquet.read_table(io.BytesIO(response.content))

    return read


def as_json(value, kind):
    """A value of a table as NDJSON has it."""
    if kind == JSON and value is not None:
        return json.loads(value)
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, datetime.date) else value


@pytest.mark.parametrize("name", LISTS)
async def test_parquet_has_the_rows_of_ndjson_in_typed_columns(demo, read_parquet, name):
    query = ensure_services(demo).queries[name]
    path = filled(query.path, DEMO)
    table = read_parquet(await demo.client.get(f"{path}?_format=parquet"))
    kinds = column_kinds(query.record)
    assert {field.name: str(field.type) for field in table.schema} == {
        column: TYPES[kinds[column]] for column in query.columns
    }
    lines = (await demo.client.get(f"{path}?_format=ndjson")).text.splitlines()
    rows = [{column: as_json(value, kinds[column]) for column, value in row.items()} for row in table.to_pylist()]
    assert rows == [json.loads(line) for line in lines]


async def test_parquet_keeps_nulls_long_texts_and_the_largest_values(datasette, connection, read_parquet):
    insert(connection, "bakeries", id=BAKERY)
    insert(connection, "feedstocks", id="gpcp-feedstock", repository="pangeo-forge/gpcp-feedstock")
    given = {
        "bakery_id": BAKERY,
        "feedstock_id": "gpcp-feedstock",
        "recipe_id": "012",
        "commit": "c",
        "status": "success",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "updated_at": "2026-01-01T00:00:00.000000Z",
    }
    insert(connection, "recipe_runs", **given, run_date="0001-01-01T00:00:00.000000Z", message='é\n"' * 15_000)
    insert(connection, "recipe_runs", **given, run_date="9999-12-31T23:59:59.999999Z", message=None)
    (first, second) = read_parquet(await datasette.client.get("/recipe_runs?_format=parquet&_sort=id")).to_pylist()
    assert (first["recipe_id"], first["message"], first["run_date"].year) == ("012", 'é\n"' * 15_000, 1)
    assert (second["message"], second["completed_at"], second["run_date"].microsecond) == (None, None, 999_999)


async def test_parquet_takes_filters_columns_and_pages(demo, read_parquet):
    client = demo.client
    chosen = read_parquet(await client.get("/recipe_runs?_format=parquet&status=failure&_col=status,id&_sort=id"))
    assert chosen.column_names == ["id", "status"]
    assert set(chosen["status"].to_pylist()) == {"failure"}
    page = await client.get("/recipe_runs?_format=parquet&_size=3&_extra=count&_col=id&_sort=id")
    assert (read_parquet(page).num_rows, int(page.headers["x-total-count"]) > 3) == (3, True)
    following = await client.get(re.search(r"<http://[^/]+(/.*)>", page.headers["link"])[1])
    assert read_parquet(following)["id"].to_pylist() == [4, 5, 6]
    empty = read_parquet(await client.get("/recipe_runs?_format=parquet&id=0"))
    assert (empty.num_rows, empty.num_columns) == (0, len(ensure_services(demo).queries["list_recipe_runs"].columns))
    missing = await client.get("/feedstocks/nothing-feedstock/recipe_runs?_format=parquet")
    assert (missing.status_code, missing.headers["content-type"]) == (404, PROBLEM)


async def test_a_parquet_file_has_a_name_and_a_tag_and_is_not_compressed_again(demo, read_parquet):
    url = "/recipe_runs?_format=parquet"
    response = await demo.client.get(url, headers={"Accept-Encoding": "gzip"})
    assert read_parquet(response).num_rows > 100
    assert response.headers["content-disposition"] == 'attachment; filename="recipe_runs.parquet"'
    assert "content-encoding" not in response.headers
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.headers["cache-control"].startswith("public")
    tag = response.headers["etag"]
    again = await demo.client.get(url, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    head = await demo.client.head(url)
    assert (head.headers["etag"], head.content) == (tag, b"")


@pytest.mark.parametrize(("module", "limit", "value"), [(reads, "COUNT_CAP", 100), (formats, "MAX_BYTES", 1000)])
async def test_a_list_beyond_the_limits_is_refused_as_parquet_alone(
    demo, read_parquet, monkeypatch, module, limit, value
):
    monkeypatch.setattr(module, limit, value)
    response = await demo.client.get("/recipe_runs?_format=parquet")
    assert (response.status_code, response.headers["content-type"]) == (400, PROBLEM)
    assert response.json()["type"].endswith("/answer-too-large")
    assert "ndjson" in response.json()["detail"]
    assert len((await demo.client.get("/recipe_runs?_format=ndjson")).text.splitlines()) > 100
    assert read_parquet(await demo.client.get("/recipe_runs?_format=parquet&id=1&_col=id")).num_rows == 1


WITHOUT_PYARROW = """
import asyncio, sys
# other libraries import pandas if it is installed, and pandas imports pyarrow
sys.modules["pandas"] = None
from pathlib import Path
from pangeo_forge_federation.server.application import make_datasette

async def main():
    datasette = make_datasette(Path(sys.argv[1]))
    await datasette.invoke_startup()
    for name in ("json", "csv", "ndjson"):
        response = await datasette.client.get(f"/bakeries?_format={name}")
        assert response.status_code == 200, response.text
    await datasette.client.get("/openapi.json")
    assert "pyarrow" not in sys.modules
    # what Python has for a module that cannot be imported
    sys.modules["pyarrow"] = None
    for query in ("", "&_size=3"):
        response = await datasette.client.get(f"/bakeries?_format=parquet{query}")
        print(response.status_code, response.headers["content-type"], response.text)

asyncio.run(main())
"""


def test_pyarrow_is_imported_on_demand_and_without_it_parquet_is_406(data):
    command = [sys.executable, "-c", WITHOUT_PYARROW, str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        status, content_type, body = line.split(" ", 2)
        assert (status, content_type) == ("406", PROBLEM)
        problem = json.loads(body)
        assert (problem["type"].rpartition("/")[2], problem["status"]) == ("not-acceptable", 406)
        assert "pip install" in problem["detail"]
    assert len(done.stdout.splitlines()) == 2


async def test_a_new_format_needs_one_class(demo, monkeypatch):
    class Tsv(Format):
        name = "tsv"
        content_type = "text/tab-separated-values"

        def head(self):
            return "\t".join(self.columns).encode() + b"\n"

        def rows(self, rows):
            return b"".join("\t".join(map(str, row)).encode() + b"\n" for row in rows)

        def tail(self):
            return b"# end\n"

    monkeypatch.setitem(FORMATS, "tsv", Tsv)
    for size in ("", "&_size=1000"):
        response = await demo.client.get(f"/recipe_runs?_format=tsv&_col=id,status&id__lte=2&_sort=id{size}")
        assert response.headers["content-type"] == "text/tab-separated-values"
        head, first, second, end = response.text.splitlines()
        assert (head, first[:2], second[:2], end) == ("id\tstatus", "1\t", "2\t", "# end")
    document = (await demo.client.get("/openapi.json")).json()
    operation = document["paths"]["/recipe_runs"]["get"]
    assert "text/tab-separated-values" in operation["responses"]["200"]["content"]
    (shape,) = [each for each in operation["parameters"] if each["name"] == "representation"]
    assert "tsv" in shape["schema"]["properties"]["_format"]["enum"]
    assert "tsv" in (await demo.client.get("/recipe_runs?_format=xml")).json()["detail"]
