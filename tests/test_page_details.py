"""Small things that pages show: order, a dataset without a run, a command to copy, a time, where a link leads."""

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


async def test_a_dataset_that_no_run_made_has_no_drawing_of_itself_alone(served):
    (key,) = [each["id"] for each in await served.get("/datasets") if each["url"] == "https://example.org/a.nc"]
    page = await served.page(f"/federation/datasets/{key}")
    assert page.count('class="chart graph') == 0 < (await served.page("/federation/datasets/1")).count("chart graph")


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
