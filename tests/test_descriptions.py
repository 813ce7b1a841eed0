"""Analysts read what a column means where they see it."""

from markupsafe import escape
from pangeo_forge_federation.api.canned_queries import read_canned_queries
from pangeo_forge_federation.settings import read_metadata
from pangeo_forge_federation.storage.roll_ups import ROLL_UPS

HIDDEN_PREFIXES = ("sqlite_", "_sqlite", "feedstocks_fts", "datasets_fts")


def tables_of(connection):
    rows = connection.execute("select name from sqlite_master where type in ('table', 'view') order by name")
    return [row["name"] for row in rows if not row["name"].startswith(HIDDEN_PREFIXES)]


def test_every_table_that_is_shown_is_described_and_so_is_each_of_its_columns(connection, datasette):
    shown = 0
    for table in tables_of(connection):
        metadata = datasette.metadata(database="federation", table=table, fallback=False)
        if metadata.get("hidden"):
            continue
        shown += 1
        assert metadata.get("description"), f"{table} has no description and no {{hidden: true}} in metadata.yml"
        columns = {row["name"] for row in connection.execute(f"select name from pragma_table_info('{table}')")}
        assert columns <= set(metadata["columns"]), (table, columns - set(metadata["columns"]))
    assert shown > 15


async def test_roll_ups_are_hidden_without_a_line_in_metadata(datasette):
    tables = {
        table["name"]: table["hidden"] for table in (await datasette.client.get("/federation.json")).json()["tables"]
    }
    assert all(tables[each.table] for each in ROLL_UPS)
    assert not tables["recipe_runs"]


async def test_they_stand_on_the_page(datasette):
    described = datasette.metadata(database="federation", table="recipe_runs", fallback=False)["columns"]["commit"]
    assert escape(described) in (await datasette.client.get("/federation/recipe_runs")).text


def test_every_canned_query_has_a_title():
    queries = read_canned_queries(read_metadata()["databases"]["federation"]["queries"])
    assert all(query.title for query in queries.values())
