"""Of more than a page has room for it shows the first, leads to as many as it counted, and says what all others say."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from conftest import started
from datasette.utils import tilde_encode
from pangeo_forge_federation.explorer.search import RESULTS
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction
from pangeo_forge_federation.values.times import to_text
from served import Served, numbers_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOST_RUN = 100
CROWD = f"""
insert into bakeries (id, listed) values ('crowd.bakery', 1);
insert into bakery_targets (bakery_id, name) select 'crowd.bakery', 'target' || value from numbers limit 7;
insert into feedstocks (id, repository, bakery_id, meta_path, removed_at)
    select 'f' || value, 'o/f' || value, 'crowd.bakery', 'm', iif(value > 57, :now, null) from numbers;
insert into maintainers (feedstock_id, position, github) select 'f' || value, 0, 'everywhere' from numbers;
insert into maintainers (feedstock_id, position, github) select 'f1', value, 'p' || value from numbers limit 10;
insert into providers (feedstock_id, position, name) select 'f1', value, 'p' from numbers limit 8;
insert into recipes (feedstock_id, recipe_id, position, removed_at)
    select 'f1', 'r' || value, value, iif(value = 1, :now, null) from numbers limit 15;
insert into recipe_runs (
    recipe_id, run_date, bakery_id, feedstock_id, "commit", status, is_test, created_at, updated_at
)
    select 'r2', :now, 'crowd.bakery', 'f1', 'c', 'failure', value > 55, :now, :now from numbers;
insert into datasets (url, feedstock_id, bakery_id, is_test, retracted_at, created_at, updated_at)
    select 'u' || value, 'f1', 'crowd.bakery', value > 8, iif(value = 8, :now, null), :now, :now
    from numbers
    limit 10;
insert into recipe_run_datasets select value, 1, :now from numbers limit 20;
insert into problems (repository, source_file, feedstock_id, pointer, severity, message, found_at)
    select 'o/f1', 'm', 'f1', '', 'error', 'm', :now from numbers limit 8;
insert into recipes (feedstock_id, recipe_id, position) values ('f2', 'lost', 0);
insert into recipe_runs (
    id, recipe_id, run_date, bakery_id, feedstock_id, "commit", status, created_at, updated_at
)
    values ({LOST_RUN}, 'lost', :long_ago, 'crowd.bakery', 'f2', 'c', 'in_progress', :now, :now),
        (99, 'lost', :longer_ago, 'crowd.bakery', 'f2', 'c', 'failure', :now, :now);
insert into datasets (id, url, feedstock_id, bakery_id, created_at, updated_at)
    values ({LOST_RUN}, 'lost', 'f2', 'crowd.bakery', :now, :now);
insert into recipe_run_datasets values ({LOST_RUN}, {LOST_RUN}, :long_ago)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(empty_data, tmp_path_factory):
    """A registry in which each part of a page is only the first of more, some of which a page leaves out."""
    data = shutil.copytree(empty_data, tmp_path_factory.mktemp("crowd") / "data")
    connection = connect(database_path(data, FEDERATION))
    connection.execute("create temporary table numbers (value integer primary key)")
    connection.executemany("insert into numbers values (?)", [(number,) for number in range(1, 61)])
    ages = {"now": 0, "long_ago": 9, "longer_ago": 19}
    times = {name: to_text(datetime.now(UTC) - timedelta(days=days)) for name, days in ages.items()}
    with transaction(connection):
        for statement in CROWD.split(";\n"):
            connection.execute(statement, times)
    connection.close()
    async with started(data) as datasette:
        yield Served(datasette)


async def test_all_of_something_leads_to_so_many_rows(crowd):
    found = set()
    for path in (
        "/",
        "/federation/feedstocks/f1",
        f"/federation/bakeries/{tilde_encode('crowd.bakery')}",
        "/federation/maintainers/everywhere",
        "/federation/datasets/1",
    ):
        page = await crowd.page(path)
        for href, number in re.findall(r'<a href="(/federation/[^"]+)">[Aa]ll ([\d,]+)[^<]*</a>', page):
            rows = await crowd.get(
                unescape(href).replace("?", ".json?") + "&_size=0" if "?" in href else f"{href}.json"
            )
            assert rows["filtered_table_rows_count"] == numbers_of(number)[0], (path, href)
            found.add(urlsplit(href).path.rpartition("/")[2])
    assert found == {
        *("recipe_summaries", "recipe_run_summaries", "dataset_summaries", "feedstock_summaries"),
        *("dataset_recipe_runs", "providers", "maintainers", "problems", "bakery_targets"),
    }


async def test_a_run_that_nothing_is_heard_of_is_stale_on_every_page(crowd):
    for path in (
        "/",
        "/federation/feedstocks/f2",
        f"/federation/recipe_runs/{LOST_RUN}",
        # its neighbour
        "/federation/recipe_runs/99",
        "/federation/maintainers/everywhere",
        f"/federation/datasets/{LOST_RUN}",
        f"/federation/recipe_run_summaries?id={LOST_RUN}",
        "/federation/feedstock_summaries?id=f2",
    ):
        page = await crowd.page(path)
        # above the rows of a list is what is stored
        main = page.partition("<tbody>" if "summaries" in path else "<main")[2]
        assert "status-stale" in main, path
        assert "#mark-in_progress" not in main, path


async def test_search_says_that_there_is_more(crowd):
    page = await crowd.page("/-/search?q=f")
    feedstocks = page.partition("<h2>")[2].partition("</ul>")[0]
    assert feedstocks.count("<li>") == RESULTS
    assert page.count('class="more"') == 1
    assert 'class="more"' not in await crowd.page("/-/search?q=f1")
