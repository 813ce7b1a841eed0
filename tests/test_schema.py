"""The tables on disk: pragmas, checks, bounds, views."""

import json
import re
import sqlite3

import pytest
from database_rows import AT, DATASET, RUN, base_tables, insert, pragma, rows
from pangeo_forge_federation.records import bodies as body_models
from pangeo_forge_federation.records import models as fields
from pangeo_forge_federation.storage import schema
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import (
    FEDERATION,
    TOKENS,
    connect,
    database_path,
    existing_views,
    migrate,
    transaction,
)
from pangeo_forge_federation.storage.views import VIEWS
from pangeo_forge_federation.values.statuses import STATUSES

# Larger than any row; beyond 200,000 bytes a reader's connection refuses the list that holds the row.
ROW_BYTES = 190_000
BOUND = re.compile(
    r'(?P<name>\w+|"\w+") text [^\n]*check \(length\(cast\((?P=name) as blob\)\)'
    r" (?:<= |between 1 and )(?P<limit>\d+)\)"
)
# table: the record that shows its rows
RECORD_OF_TABLE = {
    "bakeries": fields.Bakery,
    "bakery_targets": fields.BakeryTarget,
    "feedstocks": fields.FeedstockDetail,
    "recipes": fields.Recipe,
    "maintainers": fields.NestedMaintainer,
    "providers": fields.NestedProvider,
    "recipe_runs": fields.RecipeRun,
    "recipe_run_events": fields.RecipeRunEvent,
    "datasets": fields.Dataset,
    "dataset_events": fields.DatasetEvent,
    "problems": fields.Problem,
    "sync_runs": fields.SyncRun,
    "sync_changes": fields.SyncChange,
}


def bounds_of(connection, table):
    """column: bytes, of the text columns of a table that have such a check."""
    sql = connection.execute("select sql from sqlite_master where type = 'table' and name = ?", [table]).fetchone()[0]
    return {found["name"].strip('"'): int(found["limit"]) for found in BOUND.finditer(sql)}


pytest_plugins = ["filled_fixture"]

# Connections and commits


@pytest.mark.parametrize("name", [FEDERATION, TOKENS])
def test_pragmas_of_a_writer(data, name):
    connection = connect(database_path(data, name))
    full = 2
    assert pragma(connection, "journal_mode") == "wal"
    assert pragma(connection, "synchronous") == full
    assert pragma(connection, "foreign_keys") == 1
    connection.close()


def test_every_commit_raises_user_version(filled):
    before = pragma(filled, "user_version")
    for number in range(3):
        with transaction(filled):
            insert(filled, "bakeries", id=f"bakery-{number}")
    assert pragma(filled, "user_version") == before + 3
    assert not filled.in_transaction


def test_user_version_starts_again_at_its_end(filled):
    filled.execute(f"pragma user_version = {2**31 - 1}")
    with transaction(filled):
        insert(filled, "bakeries", id="another")
    assert pragma(filled, "user_version") == 0


class Stop(BaseException):
    pass


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, Stop])
def test_an_exception_leaves_nothing(data, filled, error):
    before = pragma(filled, "user_version")
    with pytest.raises(error), transaction(filled):
        insert(filled, "bakeries", id="gone")
        raise error
    assert not filled.in_transaction
    assert pragma(filled, "user_version") == before
    other = connect(database_path(data, FEDERATION))
    assert rows(other, "select id from bakeries") == [("example.bakery",)]
    other.close()


def test_an_error_that_made_sqlite_roll_back_arrives_as_it_is(filled):
    filled.execute(
        "create temp trigger bomb before insert on bakeries begin select raise(rollback, 'as a full disk does'); end"
    )
    with pytest.raises(sqlite3.IntegrityError, match="as a full disk does"), transaction(filled):
        filled.execute("update feedstocks set title = 'lost'")
        insert(filled, "bakeries", id="gone")
    assert rows(filled, "select title from feedstocks") == [(None,)]
    filled.execute("drop trigger bomb")
    with transaction(filled):
        insert(filled, "bakeries", id="another")


def test_a_transaction_holds_the_lock_from_its_begin(data, filled):
    other = connect(database_path(data, FEDERATION), timeout=0)
    with transaction(filled), pytest.raises(sqlite3.OperationalError, match="locked"), transaction(other):
        pass
    other.close()


# Tables


@pytest.mark.parametrize("name", [FEDERATION, TOKENS])
def test_every_table_is_strict(data, name):
    connection = connect(database_path(data, name))
    loose = rows(
        connection,
        "select name from pragma_table_list where schema = 'main' and type = 'table' and not strict order by name",
    )
    assert loose == [("_sqlite_migrations",), ("sqlite_schema",), ("sqlite_sequence",)]
    connection.close()


def test_ids_of_runs_and_datasets_are_never_given_twice(filled):
    first = insert(filled, "recipe_runs", **RUN)
    filled.execute("delete from recipe_runs")
    assert insert(filled, "recipe_runs", **RUN) == first + 1
    first = insert(filled, "datasets", **DATASET)
    filled.execute("delete from datasets")
    assert insert(filled, "datasets", **DATASET) == first + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "succeeded"},
        {"status": "Success"},
        {"status": ""},
        {"status": None},
        {"is_test": 2},
        {"is_test": -1},
        {"is_test": None},
        {"run_date": None},
        {"run_date": "2026-11-24"},
        {"run_date": "2026-11-24T03:25:00Z"},
        {"run_date": "2026-11-24T03:25:00.000Z"},
        {"run_date": "2026-11-24T03:25:00.0000000Z"},
        {"run_date": "2026-11-24 03:25:00.000000Z"},
        {"run_date": "2026-11-24T03:25:00.000000z"},
        {"run_date": "2026-11-24t03:25:00.000000Z"},
        {"run_date": "2026-11-24T03:25:00.000000+00:00"},
        {"run_date": "2O26-11-24T03:25:00.000000Z"},
        {"run_date": " 2026-11-24T03:25:00.000000Z"},
        {"completed_at": "now"},
        {"created_at": "2026-11-24T03:25:00Z"},
        {"updated_at": ""},
        {"recipe_id": ""},
        {"recipe_id": None},
        {"commit": ""},
        {"revision": 0},
        {"bakery_id": "unknown.bakery"},
        {"feedstock_id": "unknown-feedstock"},
    ],
)
def test_what_a_recipe_run_cannot_be(filled, changes):
    insert(filled, "recipe_runs", **RUN)
    with pytest.raises(sqlite3.IntegrityError):
        insert(filled, "recipe_runs", **RUN | changes)


@pytest.mark.parametrize(
    "changes", [{"message": b"bytes"}, {"is_test": "yes"}, {"revision": 1.5}, {"run_date": b"2026"}]
)
def test_strict_columns_refuse_other_types(filled, changes):
    with pytest.raises(sqlite3.IntegrityError, match="cannot store"):
        insert(filled, "recipe_runs", **RUN | changes)


def test_a_time_outside_recipe_runs_is_checked_too(filled):
    with pytest.raises(sqlite3.IntegrityError):
        filled.execute("update bakeries set synced_at = '2026-11-24t03:25:00.000000z'")


@pytest.mark.parametrize("column", ["archived", "listed"])
def test_a_boolean_is_0_or_1(filled, column):
    filled.execute(f"update feedstocks set {column} = 1")
    with pytest.raises(sqlite3.IntegrityError):
        filled.execute(f"update feedstocks set {column} = 2")


def test_a_boolean_that_may_be_unknown(filled):
    insert(filled, "bakery_targets", bakery_id="example.bakery", name="a", anon=None)
    with pytest.raises(sqlite3.IntegrityError):
        insert(filled, "bakery_targets", bakery_id="example.bakery", name="b", anon=2)


@pytest.mark.parametrize(
    ("column", "limit"),
    [
        ("recipe_id", 500),
        ("commit", 500),
        ("external_id", 500),
        ("version", 200),
        ("log_url", 4096),
        ("message", 65536),
    ],
)
@pytest.mark.parametrize("character", ["a", "é", "€", "😀"])
def test_texts_are_bounded_in_bytes(filled, column, limit, character):
    size = len(character.encode())
    fits = character * (limit // size) + "a" * (limit % size)
    assert len(fits.encode()) == limit
    insert(filled, "recipe_runs", **RUN | {column: fits})
    for beyond in (fits + "a", fits[:-1] + "a" + character):
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            insert(filled, "recipe_runs", **RUN | {column: beyond})


def test_a_nul_does_not_hide_the_rest_of_a_text(filled):
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        insert(filled, "recipe_runs", **RUN | {"message": "a\0" + "b" * 65536})


def test_an_external_id_is_unique_within_its_bakery(filled):
    insert(filled, "bakeries", id="other.bakery")
    insert(filled, "recipe_runs", **RUN | {"external_id": "run-1"})
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(filled, "recipe_runs", **RUN | {"external_id": "run-1"})
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(filled, "recipe_runs", **RUN | {"external_id": "run-1", "bakery_id": "EXAMPLE.bakery"})
    insert(filled, "recipe_runs", **RUN | {"external_id": "Run-1"})
    insert(filled, "recipe_runs", **RUN | {"external_id": "run-1", "bakery_id": "other.bakery"})
    insert(filled, "recipe_runs", **RUN | {"external_id": None})
    insert(filled, "recipe_runs", **RUN | {"external_id": None})


def test_ids_are_found_in_any_spelling(filled):
    run_id = insert(filled, "recipe_runs", **RUN | {"feedstock_id": "GPCP-Feedstock", "bakery_id": "Example.BAKERY"})
    assert rows(filled, "select id from recipe_runs where feedstock_id = 'gpcp-FEEDSTOCK'") == [(run_id,)]
    assert rows(
        filled,
        """
        select feedstocks.id, bakeries.id
        from recipe_runs
        join feedstocks on feedstocks.id = recipe_runs.feedstock_id
        join bakeries on bakeries.id = recipe_runs.bakery_id
        """,
    ) == [("gpcp-feedstock", "example.bakery")]
    assert rows(filled, "select id, recipe_runs_count from feedstock_summaries") == [("gpcp-feedstock", 1)]
    assert rows(filled, "select id, recipe_runs_count from bakery_summaries") == [("example.bakery", 1)]


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("bakeries", {"id": "EXAMPLE.bakery"}),
        ("feedstocks", {"id": "GPCP-feedstock", "repository": "x/y"}),
    ],
)
def test_two_ids_that_differ_in_case_are_one(filled, table, values):
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(filled, table, **values)


def test_recipe_ids_and_urls_differ_by_case(filled):
    insert(filled, "recipes", feedstock_id="gpcp-feedstock", recipe_id="daily", position=0)
    insert(filled, "recipes", feedstock_id="gpcp-feedstock", recipe_id="Daily", position=1)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(filled, "recipes", feedstock_id="GPCP-feedstock", recipe_id="daily", position=2)
    insert(filled, "datasets", **DATASET)
    insert(filled, "datasets", **DATASET | {"url": DATASET["url"].upper()})
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        insert(filled, "datasets", **DATASET)


def test_every_column_that_holds_an_id_compares_without_case(connection):
    """A child column that compares otherwise accepts another spelling of its parent, and is then found by no one."""
    cased = []
    for (table,) in rows(connection, "select name from pragma_table_list where schema = 'main' and type = 'table'"):
        for (name,) in rows(connection, "select name from pragma_table_info(?)", table):
            named = table in ("bakeries", "feedstocks") and name == "id"
            if named or name in ("feedstock_id", "bakery_id", "actor_bakery_id", "repository", "github", "alias"):
                connection.execute(f"create index temporary_index on {table} ({name})")
                collation = rows(
                    connection, "select lower(coll) from pragma_index_xinfo('temporary_index') where seqno = 0"
                )
                connection.execute("drop index temporary_index")
                if collation != [("nocase",)]:
                    cased.append(f"{table}.{name}")
    assert cased == []


def test_no_view_changes_how_ids_compare():
    assert [name for name, sql in VIEWS.items() if "collate" in sql.lower()] == []


def test_every_reference_to_an_id_that_may_change_follows_it(connection):
    fixed = []
    for table in base_tables(connection):
        for parent, column, on_update in rows(
            connection, 'select "table", "from", on_update from pragma_foreign_key_list(?)', table
        ):
            if parent in ("feedstocks", "bakeries") and on_update != "CASCADE":
                fixed.append(f"{table}.{column}")
    assert fixed == []


# Bounds


def test_every_text_column_has_a_bound(connection):
    unbounded = []
    for table in base_tables(connection):
        sql = connection.execute("select sql from sqlite_master where name = ?", [table]).fetchone()[0]
        bounds = bounds_of(connection, table)
        for (name,) in rows(connection, "select name from pragma_table_info(?) where type = 'TEXT'", table):
            others = rf'"?{name}"? (in \(|glob )|length\({name}\) = 64'
            if name not in bounds and not re.search(others, sql):
                unbounded.append(f"{table}.{name}")
    assert unbounded == []


def test_a_row_of_maximal_texts_can_be_read(connection):
    sizes = {table: sum(bounds_of(connection, table).values()) for table in base_tables(connection)}
    assert max(sizes.values()) > 65536
    assert [table for table, size in sizes.items() if size > ROW_BYTES] == []


def test_models_and_schema_have_the_same_bounds(connection):
    in_schema, in_models = {}, {}
    for table, record in RECORD_OF_TABLE.items():
        properties = record.model_json_schema()["properties"]
        bounds = bounds_of(connection, table)
        for (name,) in rows(connection, "select name from pragma_table_info(?) where type = 'TEXT'", table):
            if name not in properties:
                continue
            kinds = [kind for kind in (properties[name], *properties[name].get("anyOf", ())) if "type" in kind]
            texts = [kind for kind in kinds if kind["type"] == "string" and "enum" not in kind]
            if texts and not any(kind.get("format") == "date-time" for kind in texts):
                in_schema[table, name] = bounds.get(name)
                in_models[table, name] = texts[0].get("maxLength")
    assert len(in_schema) > 60
    in_schema = {key: limit for key, limit in in_schema.items() if limit is not None}
    assert {key: in_models[key] for key in in_schema} == in_schema


def test_what_a_post_may_send_has_the_bounds_of_its_table(connection):
    compared = 0
    for table, record in (("recipe_runs", fields.RecipeRun), ("datasets", fields.Dataset)):
        properties = body_models.create_model_of(record).model_json_schema()["properties"]
        for name, limit in bounds_of(connection, table).items():
            if name in properties:
                assert f'"maxLength": {limit}' in json.dumps(properties[name]), f"{table}.{name}"
                compared += 1
    assert compared > 12


# Views


def test_views_are_those_of_the_code(connection):
    assert existing_views(connection) == VIEWS


def test_every_view_can_be_read(filled):
    insert(filled, "recipe_runs", **RUN)
    insert(filled, "datasets", **DATASET)
    insert(filled, "recipe_run_datasets", recipe_run_id=1, dataset_id=1, run_date=AT)
    insert(filled, "recipes", feedstock_id="gpcp-feedstock", recipe_id="gpcp", position=0)
    insert(filled, "maintainers", feedstock_id="gpcp-feedstock", position=0, github="robin-sample")
    insert(filled, "sync_runs", source="GitHub", started_at=AT)
    for name in VIEWS:
        found = rows(filled, f"select * from {name}")
        assert len(found) == (len(STATUSES) if name == "statuses" else 1), name


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("drop view recipe_summaries", id="missing"),
        pytest.param("create view left_over as select 1 as one", id="left over"),
        pytest.param(
            "drop view recipe_summaries; create view recipe_summaries as select 1 as one", id="of another text"
        ),
    ],
)
def test_views_of_another_version_are_replaced_on_the_next_open(data, connection, change):
    for statement in change.split(";"):
        connection.execute(statement)
    version = pragma(connection, "user_version")
    prepare(data)
    assert existing_views(connection) == VIEWS
    assert pragma(connection, "user_version") == version + 1


def test_a_view_that_cannot_be_made_leaves_the_old_ones(data, connection):
    with pytest.raises(sqlite3.OperationalError):
        migrate(database_path(data, FEDERATION), schema.migrations, {**VIEWS, "broken": "create view broken as selec"})
    assert existing_views(connection) == VIEWS
