"""Errors of Datasette's own pages and of their JSON: one body for programs, one page for people."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from endless_sql import ENDLESS
from explorer_page import check_page
from post_requests import PROBLEM

reads_only = pytest.mark.asyncio(loop_scope="module")


@reads_only
@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("/federation.json?sql=select+absent", 400, "absent"),
        ("/federation.json?sql=selec+1", 400, ""),
        ("/federation.json?sql=select+1;select+2", 400, ""),
        ("/federation.json?sql=delete+from+settings", 400, ""),
        ("/federation.json?sql=select+zeroblob(300000)", 400, ""),
        ("/federation.json?sql=select+replace(hex(zeroblob(90000)),'0','ab')", 400, ""),
        ("/federation/nothing.json", 404, ""),
        ("/nothing.json", 404, "/nothing"),
        ("/nothing/nothing.json", 404, "/nothing"),
        ("/federation/recipe_runs/99.json", 404, ""),
        ("/federation/recipe_runs.json?_sort=nothing", 400, "nothing"),
        ("/federation/recipe_runs.json?_sort=id&_sort_desc=id", 400, "_sort_desc"),
        ("/federation/recipe_runs.json?_where=absent", 400, "absent"),
        ("/federation/recipe_runs.json?_shape=nothing", 400, "nothing"),
        ("/federation/recipe_runs.json?_col=nothing", 400, "nothing"),
        ("/federation/recipe_runs.json?_size=x", 400, "_size"),
        ("/federation/list_recipe_runs.json?_shape=nothing", 400, "nothing"),
    ],
)
async def test_errors_of_datasettes_json_are_problem_details(empty_datasette, path, status, named):
    response = await empty_datasette.client.get(path)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body = response.json()
    assert list(body) == ["type", "title", "status", "detail", "request_id"]
    assert body["status"] == status
    assert named in body["detail"]
    assert "<" not in body["detail"]


@reads_only
@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/recipe_run", ["/recipe_run", "/recipe_runs"]),
        ("/recipe_runs.csv", ["/recipe_runs.csv", "/recipe_runs"]),
        ("/zzz/1", ["/zzz/1"]),
    ],
)
async def test_a_path_that_is_none_names_the_nearest_endpoint(empty_datasette, path, named):
    response = await empty_datasette.client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (404, PROBLEM)
    detail = response.json()["detail"]
    assert re.findall(r"/\w[\w./]*\b", detail) == named
    page = await empty_datasette.client.get(path, headers={"Accept": "text/html"})
    assert (page.status_code, detail in page.text, "<h1>" in page.text) == (404, True, not path.endswith(".csv"))


@reads_only
@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("/federation?sql=select+absent", 400, "absent"),
        ("/federation?sql=delete+from+settings", 400, ""),
        ("/federation/nothing", 404, ""),
        ("/nothing", 404, ""),
        ("/federation/recipe_runs/99", 404, "99"),
        ("/federation/settings/99", 404, ""),
        ("/federation/recipe_runs?_sort=nothing", 400, "nothing"),
        (f"/federation?sql={quote(ENDLESS)}", 400, ""),
        ("/federation/recipe_runs?_where=" + quote("'<script>alert(1)</script>' = absent"), 400, "absent"),
        ("/federation/" + quote("<script>alert(1)"), 404, ""),
        # more digits than Python reads
        ("/federation/recipe_runs/" + "9" * 5000, 404, "999"),
    ],
)
async def test_errors_of_pages_are_pages(empty_datasette, path, status, named):
    response = await empty_datasette.client.get(path, follow_redirects=True, headers={"Accept": "text/html"})
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert named in response.text
    assert "<script>alert" not in response.text
    # with what every page has
    assert "<title>" in response.text and '<link rel="stylesheet"' in response.text
    # who wrote SQL finds it again, in an editor
    written = parse_qs(urlsplit(path).query).get("sql")
    shown = re.findall(r'<textarea id="sql-editor" name="sql">([^<]*)</textarea>', response.text)
    assert list(map(unescape, shown)) == (written or [])


@reads_only
async def test_the_page_of_an_error_in_sql_keeps_its_parameters(empty_datasette):
    page = (await empty_datasette.client.get("/federation?sql=delete+from+a+where+b+%3D+:name&name=%3Ci%3E&_x=1")).text
    fields = re.findall(r'<input type="text" id="qp\d" name="([^"]*)" value="([^"]*)">', page)
    assert fields == [("name", "&lt;i&gt;")]
    check_page(page)


async def test_rows_of_datasettes_json_are_as_they_were(datasette, headers, run_body):
    await datasette.client.post("/recipe_runs", json=run_body(), headers=headers)
    rows = (await datasette.client.get("/federation/recipe_runs.json?_shape=array")).json()
    assert [row["recipe_id"] for row in rows] == ["extent"]
    answer = (await datasette.client.get("/federation.json?sql=select+1+as+one")).json()
    assert (answer["ok"], answer["columns"], answer["rows"]) == (True, ["one"], [[1]])
    lines = await datasette.client.get("/federation/recipe_runs.json?_shape=array&_nl=on")
    assert json.loads(lines.text)["id"] == 1
