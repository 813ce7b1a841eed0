"""What pages call things: order, facets, rows, a run that is missing, a file that cannot be read, commands to copy."""

import json
import re
import shlex
import shutil
from html import unescape

import pytest
import pytest_asyncio
from conftest import new_token, started
from datasette.utils import tilde_encode
from explorer_page import shared_demo
from served import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return shared_demo(tmp_path_factory)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(demo, tmp_path_factory):
    """The demo with a dataset that no run made."""
    data = shutil.copytree(demo, tmp_path_factory.mktemp("words") / "data")
    async with started(data) as datasette:
        headers = {"Authorization": f"Bearer {new_token(data)}"}
        body = {"url": "https://example.org/a.nc"}
        assert (await datasette.client.post("/datasets", json=body, headers=headers)).status_code == 201
        yield Served(datasette)


async def test_an_arrow_points_up_where_rows_ascend(served):
    for question, order, arrow in (("_sort=run_date", "ascending", "▲"), ("_sort_desc=run_date", "descending", "▼")):
        page = await served.page(f"/federation/recipe_run_summaries?_size=1&{question}")
        (heading,) = re.findall(rf'<th [^>]*aria-sort="{order}"[^>]*>(.*?)</th>', page)
        assert arrow in heading


async def test_facets_of_a_list_have_names_as_its_columns_do(served):
    page = await served.page("/federation/recipe_run_summaries?status=failure&_facet=feedstock_id&_size=1")
    names = [name.strip() for name in re.findall(r'<h2 id="facet-name-\d+">([^<]*)', page)]
    assert names == ["Status", "Bakery", "Is test", "Feedstock"]


async def test_a_row_is_no_count(served):
    assert "<h1>Problems: row 1</h1>" in await served.page("/federation/problems/1")


async def test_a_dataset_that_no_run_made_has_no_drawing_of_itself_alone(served):
    (key,) = [each["id"] for each in await served.get("/datasets") if each["url"] == "https://example.org/a.nc"]
    page = await served.page(f"/federation/datasets/{key}")
    assert page.count('class="chart graph') == 0 < (await served.page("/federation/datasets/1")).count("chart graph")


async def test_why_a_feedstock_has_no_recipes(served):
    reasons = set()
    for feedstock in ("ocean-colour-feedstock", "polar-data-lab.permafrost-temperatures-feedstock"):
        page = await served.page(f"/federation/feedstocks/{tilde_encode(feedstock)}")
        reasons.add(re.search(r'<h2 id="recipes">[^<]*</h2>\s*<p class="muted">([^<]+)</p>', page)[1])
    # one cannot be read, the other lists none
    assert len(reasons) == 2


async def test_the_command_that_records_a_first_run_is_one(served):
    feedstock = "delta-hydrology.groundwater-storage-feedstock"
    page = await served.page(f"/federation/feedstocks/{tilde_encode(feedstock)}")
    command = unescape(re.search(r'<pre [^>]*id="record">(.*?)</pre>', page, re.DOTALL)[1])
    words = shlex.split(command)
    body = json.loads(words[words.index("-d") + 1])
    assert body == {"recipe_id": "RECIPE", "feedstock_id": feedstock, "commit": "COMMIT", "status": "success"}
    assert words[:3] == ["curl", "-X", "POST"]


async def test_times_of_somebodys_own_query_stay_as_they_are(served):
    page = await served.page("/federation?sql=select+run_date+from+recipe_runs+where+id=1")
    assert re.search(r'<td class="col-run_date"><time datetime="([^"]+)">\1</time></td>', page)


async def test_the_page_of_a_sync_is_where_lists_lead_to(served):
    assert '<a href="/federation/sync_runs/1">1</a>' in await served.page("/federation/sync_changes?_size=1")
