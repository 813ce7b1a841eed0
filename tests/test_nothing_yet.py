"""What pages say where there is nothing: the command that fills it, for the folder that this server has."""

import pytest
from database_rows import AT, insert

pytestmark = pytest.mark.asyncio(loop_scope="module")

SYNC = ".venv/bin/python scripts/sync.py --data DIR</pre>"
TOKEN = ".venv/bin/python scripts/tokens.py create --bakery ID --data DIR</pre>"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/", "scripts/sync_feedstocks.py --data DIR</code>"),
        ("/", TOKEN),
        ("/-/statistics", TOKEN),
        ("/federation/feedstock_summaries", SYNC),
        ("/federation/bakery_summaries", SYNC),
        ("/federation/maintainer_summaries", SYNC),
        ("/federation/problems", SYNC),
        ("/federation/sync_runs", SYNC),
        ("/federation/recipe_run_summaries", TOKEN),
        ("/federation/recipe_runs", TOKEN),
        ("/federation/dataset_summaries", "<code>datasets</code>"),
    ],
)
async def test_it_says_what_fills_it(empty_datasette, path, said):
    response = await empty_datasette.client.get(path)
    assert response.status_code == 200
    assert said in response.text


async def test_where_filters_leave_nothing_it_says_so_and_no_command(empty_datasette):
    page = (await empty_datasette.client.get("/federation/recipe_run_summaries?status=failure")).text
    assert '<a href="/federation/recipe_run_summaries">' in page
    assert "scripts/" not in page


@pytest.mark.asyncio(loop_scope="function")
async def test_after_a_sync_of_everything_it_names_no_command(datasette, connection):
    insert(connection, "sync_runs", source="github", started_at=AT, finished_at=AT)
    for table in ("problems", "bakery_summaries"):
        assert "scripts/sync" not in (await datasette.client.get(f"/federation/{table}")).text
