"""What the explorer's pages say: the same numbers as the API, and nobody's markup but ours."""

import ast
import asyncio
import hashlib
import json
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import datasette as datasette_package
import pytest
import pytest_asyncio
from conftest import BAKERY
from datasette.utils import tilde_encode
from federation.content_security import POLICY
from federation.database import transaction
from federation.demo import ensure_demo
from federation.explorer import words
from federation.explorer.links import external, linked_text, web_url
from federation.explorer.marks import DRAWINGS, WORDS, status_mark
from federation.explorer.snippets import snippet
from federation.explorer.stacks import make_line, make_stacks
from federation.explorer.strip import make_strip
from federation.explorer.timeline import HEIGHT, LEAST, make_timeline
from federation.registry import registry_of
from federation.server import make_datasette
from federation.settings import ROOT

# The templates of Datasette 0.65.5 that ours were written for. Where one of these changes, read what changed, carry it
# over, and write down the new hash.
UPSTREAM = {
    "_codemirror.html": "adc9b239432e853b62049bebf493ea948a2410ee295b7fa9a054e644588535d7",
    "_codemirror_foot.html": "57f0251b9c1fbe032faf49694bcf7ef1940c6c4fa9a7e2bfb587e79f758dcd12",
    "_close_open_menus.html": "eda6b9dbf39ab061a9e29dcb05fdb5728d91dce8bcf5de436c0066c22a840fe2",
    "_crumbs.html": "882c9d69e13363b440d4b977d432ae7287548d53e71ca199327c1acece3c9c81",
    "_description_source_license.html": "13fcf73b733dadc598f79a11ce5ec04df6205d13deefeb76bd388008cc072e51",
    "_facet_results.html": "622d3c764aa14f17f07714af7bbdee5719adfbce9cce5358fd3df3e2df137f30",
    "_footer.html": "d190d9e7dc5046c1bdfb2b738c60754143eab44fdbae2d9a74e7b8f1aa2cf44b",
    "_table.html": "f75a8872713f28fdce49b9a44a397f26ba1b5db5e82a74dda1f20ec14faaaa57",
    "base.html": "bb22df33caea147e1db3b238878f2716ab698c81be89a66d9dabd5649e899dc2",
    "database.html": "4fd5e97823bb5380b54c4f4f5285f07d1db74e366ef6225aa46dddfcf5b2c88a",
    "error.html": "c2115d1fdbff1a480b804fe880bafec9a754544f7b154e5322f680309ee3b497",
    "index.html": "ed57b14bb5656bcdb133170a1d3aa2e2c71255662b1b0ecce7a86dc8a9406294",
    "query.html": "bc3559df0e209da97d0bb46d0da5e36e02a9a561e4e473d1b79f62776786b435",
    "row.html": "ff5dde41541c39dd09f1dee1bbb3e4e58e8487775b17e1c9650bd558eb1b5a17",
    "table.html": "81cec4b0f7948bf0b4756b1a0ce706ce30d5694e506fd5639f3cd08a4a8f88a9",
}
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"""
BAD_URL = "javascript:alert(1)//https://example.org"
FEEDSTOCK = "northern-sea-ice-feedstock"
VOID = {"meta", "link", "input", "img", "br", "hr", "wbr"}
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Page(HTMLParser):
    """What a test asks of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def check_page(text: str) -> Page:
    """The rules for every page: one heading, landmarks, no script but ours, no link that a browser should not open."""
    page = Page(text)
    assert page.open == [], "elements that nothing closes"
    assert page.all("html") == [{"lang": "en"}]
    assert page.headings.count(1) == 1
    assert all(later - before <= 1 for before, later in pairwise(page.headings)), page.headings
    for landmark in ("header", "main", "footer"):
        assert len(page.all(landmark)) == 1
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for script in page.all("script"):
        assert (script.get("src") or "").startswith("/"), script
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
    for anchor in page.all("a"):
        address = urlsplit(anchor["href"])
        assert address.scheme in ("", "http", "https"), anchor
        if address.netloc and address.hostname != "localhost":
            assert "noopener" in (anchor.get("rel") or "").split(), anchor
    return page


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer") / "demo"
    ensure_demo(folder)
    return folder


@pytest_asyncio.fixture
async def demo(demo_folder):
    made = make_datasette(demo_folder)
    await made.invoke_startup()
    yield made
    registry_of(made).close()
    for database in made.databases.values():
        database.close()


PAGES = [
    "/",
    f"/federation/feedstocks/{FEEDSTOCK}",
    "/federation/feedstocks/upper-ocean-reanalysis-feedstock",
    "/federation/feedstocks/ocean-colour-feedstock",
    "/federation/recipe_runs/1",
    "/federation/datasets/1",
    f"/federation/bakeries/{tilde_encode(BAKERY)}",
    "/federation/maintainers/maren-solvik-ice",
    "/-/statistics",
    "/-/snapshots",
    "/-/search",
    "/-/search?q=ice",
    "/-/search?q=northlight",
    "/docs",
    "/federation",
    "/federation?sql=select+1",
    "/federation?sql=nonsense",
    "/federation/list_feedstocks",
    "/federation/recipe_runs_by_day?bakery_id=",
    "/federation/feedstock_summaries",
    "/federation/feedstock_summaries?_columns=all",
    "/federation/recipe_run_summaries?status=failure&_facet=feedstock_id",
    "/federation/recipe_run_summaries?status=nothing",
    "/federation/dataset_summaries",
    "/federation/bakery_summaries",
    "/federation/maintainer_summaries",
    "/federation/problems",
    "/federation/recipe_runs",
    "/federation/recipes/1",
    "/federation/feedstocks/nothing-here",
    "/-/versions",
]


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_keeps_the_rules(demo, path):
    response = await demo.client.get(path)
    assert response.status_code == (404 if "nothing-here" in path else 400 if "nonsense" in path else 200)
    check_page(response.text)
    assert response.headers["content-security-policy"] == POLICY


async def test_the_policy_is_for_pages_alone(demo):
    for path in ("/feedstocks", "/federation/feedstocks.json", "/feed.atom"):
        assert "content-security-policy" not in (await demo.client.get(path)).headers


async def test_the_numbers_of_the_home_page_are_those_of_the_api(demo):
    page = (await demo.client.get("/")).text
    stats = (await demo.client.get("/stats")).json()
    numbers = re.findall(r"<strong>([\d,]+)</strong><small>([^<]*)</small>", page)
    month = (await demo.client.get("/stats", params={"from_day": re.search(r"run_date__gte=([\d-]+)", page)[1]})).json()
    runs = sum(sum(day["recipe_runs"].values()) for day in month["recipe_runs_by_day"])
    assert [int(number.replace(",", "")) for number, _ in numbers] == [
        stats["bakeries"],
        stats["feedstocks"],
        stats["datasets"],
        runs,
    ]
    # and what each leads to has so many rows
    for href, number in re.findall(r'<a href="(/federation/[^"]*)"><strong>([\d,]+)</strong>', page):
        rows = await demo.client.get(href.replace("&amp;", "&").replace("?", ".json?") + "&_size=0")
        assert rows.json()["filtered_table_rows_count"] == int(number.replace(",", "")), href


async def test_the_home_page_names_who_needs_attention(demo):
    page = (await demo.client.get("/")).text
    states = (await demo.client.get("/feedstocks?latest_recipe_run_status__in=failure,timed_out")).json()
    assert states
    for feedstock in states:
        assert f'href="/federation/feedstocks/{tilde_encode(feedstock["id"])}"' in page


async def test_a_feedstock_page_says_what_the_api_says(demo):
    for feedstock in (await demo.client.get("/feedstocks")).json():
        response = await demo.client.get(f"/federation/feedstocks/{tilde_encode(feedstock['id'])}")
        page = check_page(response.text)
        runs = await demo.client.get(f"/feedstocks/{feedstock['id']}/recipe_runs?is_test=0&_size=50")
        bars = [each for each in page.all("a") if each.get("tabindex") == "-1"]
        assert [bar["href"] for bar in bars] == [f"/federation/recipe_runs/{run['id']}" for run in runs.json()[::-1]]
        assert words.plural(feedstock["recipe_runs_count"], "run") in response.text
        assert words.plural(feedstock["datasets_count"], "dataset") in response.text
        if feedstock["latest_recipe_run_status"]:
            assert WORDS[feedstock["latest_recipe_run_status"]] in response.text


async def test_every_status_has_its_own_mark_and_word(demo):
    assert set(WORDS) <= set(DRAWINGS)
    marks = [str(status_mark(status)) for status in WORDS]
    assert len(set(marks)) == len(WORDS)
    assert all("<svg" in mark and 'aria-hidden="true"' in mark for mark in marks)


async def test_an_empty_registry_has_pages_too(datasette, connection):
    for path in (
        "/",
        "/-/statistics",
        "/-/search?q=x",
        "/federation",
        "/federation/feedstock_summaries",
        "/federation/problems",
    ):
        response = await datasette.client.get(path)
        assert response.status_code == 200
        check_page(response.text)
    with transaction(connection):
        connection.execute(
            "insert into feedstocks (id, repository) values ('bare-feedstock', 'example/bare-feedstock')"
        )
        connection.execute("insert into bakeries (id) values ('bare.bakery')")
    for path in ("/", "/federation/feedstocks/bare-feedstock", "/federation/bakeries/bare~2Ebakery"):
        response = await datasette.client.get(path)
        assert response.status_code == 200
        check_page(response.text)
        assert re.search("No run yet|has not recorded a run|No bakery ran", response.text), path


@pytest_asyncio.fixture
async def hostile(datasette, connection, headers):
    """A registry with markup in every text that a bakery or a meta.yaml can set. The id of its run."""
    body = {
        "recipe_id": HOSTILE,
        "feedstock_id": "hostile-feedstock",
        "commit": HOSTILE,
        "status": "failure",
        "message": f"{HOSTILE}\nsee https://example.org/a?b=<c> and {BAD_URL}\n" + HOSTILE * 200,
        "version": HOSTILE,
        "log_url": f"https://example.org/{HOSTILE}",
        "external_id": HOSTILE,
        "datasets": [{"url": f"s3://bucket/{HOSTILE}", "format": HOSTILE, "title": HOSTILE}],
    }
    response = await datasette.client.post("/recipe_runs", json=body, headers=headers)
    assert response.status_code == 201, response.text
    run = response.json()
    with transaction(connection):
        connection.execute(
            """
            update feedstocks
            set title = :text, description = :text, license = :text, license_url = :url, pangeo_forge_version = :text,
                "commit" = :text, meta_path = :text, bakery_id = :bakery_id
            where id = 'hostile-feedstock'
            """,
            {"text": HOSTILE, "url": BAD_URL, "bakery_id": BAKERY},
        )
        connection.execute(
            "insert into maintainers values ('hostile-feedstock', 0, :text, :text, :text)", {"text": HOSTILE}
        )
        connection.execute(
            "insert into providers values ('hostile-feedstock', 0, :text, :text, :url, :roles)",
            {"text": HOSTILE, "url": BAD_URL, "roles": json.dumps([HOSTILE])},
        )
        connection.execute(
            """
            insert into problems (repository, source_file, feedstock_id, pointer, line, severity, message, found_at)
            values (:text, :text, 'hostile-feedstock', :text, 1, 'error', :text, '2026-11-24T03:25:00.000000Z')
            """,
            {"text": HOSTILE},
        )
        connection.execute(
            """
            insert into recipes (feedstock_id, recipe_id, object, position)
            values ('hostile-feedstock', :text, :text, 0)
            """,
            {"text": HOSTILE},
        )
        connection.execute(
            """
            update bakeries
            set region = :text, description = :text, org_website = :url, cluster_type = :text, prefect_version = :text
            where id = :bakery_id
            """,
            {"text": HOSTILE, "url": BAD_URL, "bakery_id": BAKERY},
        )
        connection.execute(
            "insert into bakery_targets values (:bakery_id, :text, :text, :text, :text, :text, 1, 1, :url)",
            {"text": HOSTILE, "url": BAD_URL, "bakery_id": BAKERY},
        )
        connection.execute(
            """
            update datasets
            set description = :text, retracted_at = '2026-11-24T03:25:00.000000Z', retraction_reason = :text
            """,
            {"text": HOSTILE},
        )
        connection.execute(
            """
            insert into sync_runs (id, source, started_at, finished_at, "commit")
            values (1, :text, '2026-11-24T03:25:00.000000Z', '2026-11-24T03:25:00.000000Z', :text)
            """,
            {"text": HOSTILE},
        )
        connection.execute(
            """
            insert into sync_changes (sync_run_id, feedstock_id, action, field, old, new)
            values (1, 'hostile-feedstock', 'changed', :text, :text, :text)
            """,
            {"text": HOSTILE},
        )
    return datasette, run


async def test_no_text_that_somebody_stored_is_markup(hostile):
    datasette, run = hostile
    dataset = run["datasets"][0]["id"]
    paths = [
        "/",
        "/federation/feedstocks/hostile-feedstock",
        f"/federation/recipe_runs/{run['id']}",
        f"/federation/datasets/{dataset}",
        f"/federation/bakeries/{tilde_encode(BAKERY)}",
        f"/federation/maintainers/{tilde_encode(HOSTILE)}",
        "/-/search?q=" + quote(HOSTILE),
        "/-/search?q=script",
        "/federation/feedstocks/" + tilde_encode(HOSTILE),
        "/federation/recipes/1",
        "/federation?sql=" + quote("select * from recipe_runs"),
        "/federation?sql=" + quote("select " + HOSTILE),
        "/federation/files_with_problems",
        "/federation/feedstocks_that_need_attention",
    ]
    tables = [row["name"] for row in (await datasette.client.get("/federation.json?_show_hidden=1")).json()["tables"]]
    views = [row["name"] for row in (await datasette.client.get("/federation.json")).json()["views"]]
    paths += [f"/federation/{name}" for name in [*tables, *views]]
    paths += [f"/federation/{name}?_columns=all" for name in views]
    said = 0
    for path in paths:
        response = await datasette.client.get(path)
        assert response.status_code in (200, 400, 404), path
        check_page(response.text)
        assert "<script>alert" not in response.text, path
        assert "<img src=x" not in response.text, path
        # nor is it a template
        assert "<img src=x onerror=alert(1)>49" not in response.text and "49" + "&gt;" not in response.text
        said += "&lt;script&gt;alert(1)" in response.text
    assert said > 20


async def test_a_retraction_is_said_at_the_top(hostile):
    datasette, run = hostile
    page = (await datasette.client.get(f"/federation/datasets/{run['datasets'][0]['id']}")).text
    assert "Retracted" in page
    assert page.index("Retracted") < page.index("Open it")


async def test_a_bakery_page_tells_the_day_of_its_token_and_nothing_else_of_it(datasette, headers, run_body):
    path = f"/federation/bakeries/{tilde_encode(BAKERY)}"
    assert (await datasette.client.post("/recipe_runs", json=run_body(), headers=headers)).status_code == 201
    for _ in range(100):
        page = (await datasette.client.get(path)).text
        if "Token used" in page:
            break
        # it is written down after the answer
        await asyncio.sleep(0.05)
    assert re.search(r"<dt>Token used</dt><dd>\d{4}-\d\d-\d\d</dd>", page)
    assert "pfk_" not in page


async def test_404_suggests_what_was_meant(demo, connection):
    page = (await demo.client.get("/federation/feedstocks/nothern-sea-ice-feedstok")).text
    assert f'href="/federation/feedstocks/{FEEDSTOCK}"' in page
    page = (await demo.client.get("/federation/bakeries/northlight~2Ebakery~2Egcp")).text
    assert f'href="/federation/bakeries/{tilde_encode(BAKERY)}"' in page
    page = (await demo.client.get("/federation/maintainers/maren-solvik")).text
    assert 'href="/federation/maintainers/maren-solvik-ice"' in page
    assert "Did you mean" not in (await demo.client.get("/federation/feedstocks/zzzzzzzzzzz")).text


async def test_an_id_of_a_record_is_written_in_one_way(demo):
    for key in ("1.0", "+1", "01", "01x", "9" * 30):
        assert (await demo.client.get(f"/federation/recipe_runs/{tilde_encode(key)}")).status_code == 404


async def test_lists_lead_to_the_same_rows_as_json(demo):
    for table, endpoint in {
        "feedstock_summaries": "/feedstocks",
        "recipe_run_summaries": "/recipe_runs?status=failure",
        "bakery_summaries": "/bakeries",
        "problems": "/problems?severity=error",
    }.items():
        path = f"/federation/{table}?{urlsplit(endpoint).query}"
        page = (await demo.client.get(path)).text
        href = re.search(r'As <a href="([^"]*)">JSON', page)[1].replace("&amp;", "&")
        assert href == endpoint
        rows = (await demo.client.get(path.replace("?", ".json?"))).json()["filtered_table_rows_count"]
        answer = await demo.client.get(href + ("&" if "?" in href else "?") + "_shape=objects&_extra=count")
        assert answer.json()["count"] == rows


async def test_a_list_whose_filters_the_endpoint_does_not_take_has_datasettes_json(demo):
    page = (await demo.client.get("/federation/recipe_run_summaries?message__notblank=1")).text
    assert 'href="/federation/recipe_run_summaries.json?message__notblank=1"' in page


async def test_the_facets_of_runs_count_what_their_links_show(demo):
    for question in ("", "?status=failure", f"?status=failure&bakery_id={BAKERY}", "?is_test=1&_size=10&_next=10"):
        page = (await demo.client.get(f"/federation/recipe_run_summaries{question}")).text
        section = page[page.index("facet-results") : page.index("table-wrapper")]
        facets = re.findall(r'<li><a href="([^"]*)">.*?</a><span class="count">([\d,]+)</span>', section)
        assert len(facets) > 5
        for href, count in facets:
            rows = await demo.client.get(href.replace("&amp;", "&").replace("?", ".json?"))
            assert rows.json()["filtered_table_rows_count"] == int(count), href
    # other filters leave out rows that the roll-up counts
    page = (await demo.client.get(f"/federation/recipe_run_summaries?feedstock_id={FEEDSTOCK}")).text
    assert "facet-results" not in page


async def test_search_finds_each_kind(demo):
    for question, href in {
        "ice": f"/federation/feedstocks/{FEEDSTOCK}",
        "borehole": "/federation/datasets/",
        "northlight": f"/federation/bakeries/{tilde_encode(BAKERY)}",
        "solvik": "/federation/maintainers/maren-solvik-ice",
    }.items():
        assert href in (await demo.client.get("/-/search", params={"q": question})).text, question
    for odd in ('"', "a-b AND", "*", "\\", "%"):
        assert (await demo.client.get("/-/search", params={"q": odd})).status_code == 200


@pytest.mark.parametrize(
    ("path", "entries"),
    [("/feed.atom", 50), (f"/feedstocks/{FEEDSTOCK}/feed.atom", 50), (f"/bakeries/{BAKERY}/feed.atom", 50)],
)
async def test_a_feed_is_atom(demo, path, entries):
    response = await demo.client.get(path)
    assert response.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = ElementTree.fromstring(response.content)
    atom = "{http://www.w3.org/2005/Atom}"
    found = feed.findall(f"{atom}entry")
    assert len(found) == entries
    assert {each.find(f"{atom}category").get("term") for each in found} <= {"success", "failure", "timed_out"}
    assert len({each.find(f"{atom}id").text for each in found}) == entries
    for each in (feed, *found):
        assert all(each.find(f"{atom}{name}") is not None for name in ("id", "title", "updated", "link"))
    not_modified = await demo.client.get(path, headers={"If-None-Match": response.headers["etag"]})
    assert not_modified.status_code == 304


async def test_a_feed_of_hostile_text_is_xml_still(hostile):
    datasette, _ = hostile
    response = await datasette.client.get("/feedstocks/hostile-feedstock/feed.atom")
    assert HOSTILE in ElementTree.fromstring(response.content)[-1].find("{http://www.w3.org/2005/Atom}summary").text


async def test_a_badge_says_the_status_of_the_latest_run(demo, connection):
    for feedstock in (await demo.client.get("/feedstocks")).json():
        response = await demo.client.get(f"/feedstocks/{feedstock['id']}/badge.svg")
        assert response.headers["content-type"] == "image/svg+xml; charset=utf-8"
        title = ElementTree.fromstring(response.content).find("{http://www.w3.org/2000/svg}title").text
        status = feedstock["latest_recipe_run_status"]
        word = "stale" if feedstock["latest_recipe_run_is_stale"] else WORDS[status] if status else "no run yet"
        assert title == f"pangeo forge: {word}"


async def test_what_belongs_to_a_feedstock_that_moved_is_redirected_to(datasette, connection):
    with transaction(connection):
        connection.execute("insert into feedstocks (id, repository) values ('new-feedstock', 'example/new-feedstock')")
        connection.execute(
            "insert into feedstock_aliases values ('old-feedstock', 'new-feedstock', '2026-11-24T03:25:00.000000Z')"
        )
    for end in ("badge.svg", "feed.atom"):
        response = await datasette.client.get(f"/feedstocks/old-feedstock/{end}")
        assert response.status_code == 308
        assert response.headers["location"].endswith(f"/feedstocks/new-feedstock/{end}")
        assert (await datasette.client.get(f"/feedstocks/no-feedstock/{end}")).status_code == 404
    page = (await datasette.client.get("/federation/feedstocks/old-feedstock")).text
    assert 'href="/federation/feedstocks/new-feedstock"' in page


TARGETS = [
    {"protocol": "s3", "prefix": "bucket", "anon": True, "requester_pays": None, "endpoint_url": "https://osn.example"},
    {"protocol": "gs", "prefix": "gs://open/", "anon": True, "requester_pays": True, "endpoint_url": None},
]


@pytest.mark.parametrize(
    ("url", "format", "expected"),
    [
        ("s3://bucket/a.zarr", "zarr", 'engine="zarr"'),
        ("s3://bucket/a.zarr", None, 'engine="zarr"'),
        ("s3://bucket/a b{c}.zarr", "Zarr v3", '"s3://bucket/a b{c}.zarr"'),
        ("s3://bucket/a", "zarr", '"client_kwargs": {"endpoint_url": "https://osn.example"}'),
        ("gs://open/a.zarr", "zarr", '"token": "anon", "requester_pays": True'),
        ("gs://opener/a.zarr", "zarr", "chunks={}"),
        ("s3://bucket/a.json", "reference", 'engine="kerchunk"'),
        ("s3://bucket/a.parquet", "parquet", "pd.read_parquet("),
        ("s3://bucket/a/b", "icechunk", "icechunk.s3_storage("),
        ("gs://open/a", "icechunk", "icechunk.gcs_storage("),
        ("https://example.org/a.nc", None, "xr.open_dataset(file.open()"),
        ("https://example.org/a.tiff", "cog", "fsspec.open("),
        ('https://example.org/"\\\n".zarr', "zarr", "xr.open_dataset("),
    ],
)
def test_a_snippet_is_python_and_the_right_call(url, format, expected):
    text = snippet({"url": url, "format": format}, TARGETS)
    assert expected in text
    strings = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    assert format == "icechunk" or url in strings


def test_words_for_times():
    for seconds, expected in {
        1: "just now",
        20: "20 seconds ago",
        61: "1 minute ago",
        7200: "2 hours ago",
        90_000: "yesterday",
        172_800: "2 days ago",
        -7200: "in 2 hours",
    }.items():
        then = words.from_text("2026-11-24T12:00:00.000000Z").timestamp() - seconds
        text = datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert words.ago(text, NOW) == expected
    assert words.duration(0) == "0 seconds"
    assert words.duration(2760) == "46 minutes"
    assert words.duration(4800) == "1 hour 20 minutes"
    assert words.time_ago(None) == ""
    assert 'title="2026-11-24 03:25:00 UTC"' in words.time_ago("2026-11-24T03:25:00.000000Z")


def test_links_in_text_are_safe():
    assert web_url("javascript:alert(1)") is None
    assert web_url("//example.org") is None
    assert web_url('https://example.org/a b{c}"<') == "https://example.org/a%20b%7Bc%7D%22%3C"
    assert external("javascript:x", "<b>") == "&lt;b&gt;"
    assert linked_text("see https://example.org/x. <b>") == (
        'see <a href="https://example.org/x" rel="noopener nofollow">https://example.org/x</a>. &lt;b&gt;'
    )


def test_a_strip_shows_the_worst_outcome_of_each_day():
    rows = [
        {"day": "2026-11-24", "status": "success", "recipe_runs": 3},
        {"day": "2026-11-24", "status": "failure", "recipe_runs": 1},
        {"day": "2026-11-23", "status": "success", "recipe_runs": 1},
        {"day": "2026-11-22", "status": "skipped", "recipe_runs": 1},
    ]
    strip = make_strip(rows, date(2026, 11, 24))
    assert [day.status for day in strip.days[-4:]] == [None, "skipped", "success", "failure"]
    assert strip.days[-1].height > strip.days[-2].height
    # those that were skipped say nothing of how reliable it is
    assert strip.success_rate == "80 %"
    assert make_strip([], date(2026, 11, 24)).success_rate is None


def test_stacks_add_up():
    days = [
        {"day": "2026-11-23", "recipe_runs": {"success": 6, "failure": 2}},
        {"day": "2026-11-24", "recipe_runs": {"success": 4}},
    ]
    stacks = make_stacks(days, date(2026, 11, 22), date(2026, 11, 24))
    assert [[(part.status, part.y, part.height) for part in column.parts] for column in stacks.columns] == [
        [],
        [("success", 40, 120), ("failure", 0, 40)],
        [("success", 80, 80)],
    ]
    assert stacks.sentence == "12 runs from 2026-11-22 to 2026-11-24, at most 8 in a day"
    assert make_stacks([], date(2026, 11, 22), date(2026, 11, 24)).most == 0
    rows = [{"day": "2026-11-22", "total": 1}, {"day": "2026-11-24", "total": 4}]
    assert make_line(rows, 100).points == "0,160 0.0,160.0 0.0,120.0 100.0,120.0 100.0,0.0 100,0.0"
    assert make_line(rows[:1], 100) is None


def test_a_timeline_ends_with_the_newest_run():
    def run(id, minutes, status="success"):
        completed = None if status == "queued" else f"2026-11-24T00:{minutes:02}:00.000000Z"
        return {
            "id": id,
            "status": status,
            "is_stale": False,
            "run_date": "2026-11-24T00:00:00.000000Z",
            "completed_at": completed,
            "recipe_id": "r",
        }

    timeline = make_timeline([run(3, 0, "queued"), run(2, 40), run(1, 10, "failure")], NOW)
    assert [bar.recipe_run_id for bar in timeline.bars] == [1, 2, 3]
    assert timeline.bars[1].height == HEIGHT
    # a square-root scale: a quarter of the time has half of the height
    assert timeline.bars[0].height == LEAST + (HEIGHT - LEAST) / 2
    assert timeline.bars[2].open
    assert make_timeline([], NOW).bars == []


def test_the_templates_that_ours_were_written_for_are_those_of_this_datasette():
    templates = Path(datasette_package.__file__).parent / "templates"
    found = {name: hashlib.sha256((templates / name).read_bytes()).hexdigest() for name in UPSTREAM}
    assert found == UPSTREAM
    for name in UPSTREAM:
        ours = ROOT / "templates" / name
        if ours.exists():
            assert "of Datasette 0.65.5" in ours.read_text("utf-8"), name


def test_no_template_writes_a_script_or_a_colour():
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text), path
        assert "<style" not in text, path
        assert not re.search(r"#[0-9a-f]{6}\b", text), path
