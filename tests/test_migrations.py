"""How a database is made, and how an older one is brought up to date."""

import hashlib
import json
import multiprocessing
import sqlite3
from contextlib import closing

import pytest
import sqlite_utils
from database_rows import AT, DATASET, RUN, base_tables, insert, pragma, rows, schema_of
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.storage import schema
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import (
    FEDERATION,
    TOKENS,
    UnusableDatabase,
    connect,
    database_path,
    existing_views,
    migrate,
    migration_names,
)
from pangeo_forge_federation.storage.views import VIEWS
from roll_up_rows import check as check_roll_ups
from sqlite_utils import Migrations

# how many migrations were released, and the SHA-256 of the schema that they make
RELEASED = 12
MADE_BY_RELEASED = "21c95587276de44ae6c6141558c799094eb5ecc34e1506dacb377781ac3babeb"
MIGRATIONS = [function.name for function in schema.migrations.pending(sqlite_utils.Database(memory=True))]


def test_preparing_twice_writes_nothing(data):
    files = [database_path(data, name) for name in (FEDERATION, TOKENS)]
    before = [file.read_bytes() for file in files]
    prepare(data)
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize("name", [FEDERATION, TOKENS])
def test_preparing_twice_commits_nothing_even_with_a_writer_open(data, name):
    opened = connect(database_path(data, name))
    before = pragma(opened, "user_version"), pragma(opened, "data_version"), schema_of(opened)
    prepare(data)
    assert (pragma(opened, "user_version"), pragma(opened, "data_version"), schema_of(opened)) == before
    opened.close()


def test_migrations_are_numbered_in_order():
    assert [name[:5] for name in MIGRATIONS] == [f"m{number:03}_" for number in range(1, len(MIGRATIONS) + 1)]


def test_released_migrations_make_what_they_made(tmp_path):
    """What differs would be there in new databases and not in those that are older."""
    connection = connect(tmp_path / "federation.db")
    following = {"stop_before": MIGRATIONS[RELEASED]} if len(MIGRATIONS) > RELEASED else {}
    schema.migrations.apply(sqlite_utils.Database(connection, execute_plugins=False), **following)
    made = [[" ".join((part or "").split()) for part in row] for row in schema_of(connection)]
    connection.close()
    said = "a change is a migration of its own; write a new hash only if one made anew what older databases have"
    assert hashlib.sha256(json.dumps(made).encode()).hexdigest() == MADE_BY_RELEASED, said


# table: a row as its first version takes it, what it refers to before it
ROWS = {
    "settings": {"id": 1, "stale_after_seconds": 3600},
    "bakeries": {"id": "example.bakery", "region": "aws"},
    "bakery_targets": {"bakery_id": "Example.Bakery", "name": "osn", "protocol": "s3", "anon": 1},
    "feedstocks": {"id": "gpcp-feedstock", "repository": "pangeo-forge/gpcp-feedstock", "title": "Ü", "listed": 1},
    "feedstock_aliases": {"alias": "old-feedstock", "feedstock_id": "GPCP-feedstock", "created_at": AT},
    "recipes": {"feedstock_id": "gpcp-feedstock", "recipe_id": "gpcp", "position": 0},
    "maintainers": {"feedstock_id": "gpcp-feedstock", "position": 0, "github": "robin-sample"},
    "providers": {"feedstock_id": "gpcp-feedstock", "position": 0, "name": "Survey", "roles": '["producer"]'},
    "recipe_runs": {**RUN, "message": "done", "external_id": "7/1/gpcp"},
    "recipe_run_events": {"recipe_run_id": 1, "at": AT, "status": "success", "actor_token_id": 3},
    "datasets": {**DATASET, "feedstock_id": "gpcp-feedstock"},
    "recipe_run_datasets": {"recipe_run_id": 1, "dataset_id": 1, "run_date": AT},
    "dataset_events": {"dataset_id": 1, "at": AT, "action": "linked", "recipe_run_id": 1},
    "source_files": {"repository": "pangeo-forge/gpcp-feedstock", "path": "feedstock/meta.yaml", "fetched_at": AT},
    "sync_runs": {"source": "github", "started_at": AT, "finished_at": AT, "added": 2},
    "sync_changes": {"sync_run_id": 1, "feedstock_id": "gpcp-feedstock", "action": "added"},
    "problems": {
        "repository": "pangeo-forge/gpcp-feedstock",
        "source_file": "feedstock/meta.yaml",
        "pointer": "",
        "severity": "warning",
        "message": "`title` is missing",
        "found_at": AT,
    },
    "webhook_deliveries": {"delivery_id": "72d3162e", "repository": "a/b", "received_at": AT},
    "idempotency_keys": {
        "key_sha256": "a" * 64,
        "request_sha256": "b" * 64,
        "status": 201,
        "kind": "recipe_run",
        "ids": "[1]",
        "created_at": AT,
    },
    "named_bakeries": {"feedstock_id": "gpcp-feedstock", "bakery_id": "example.bakery", "pointer": "/bakery/id"},
    "github_answers": {"url": "https://api.github.com/orgs/a/repos", "etag": '"1"', "body": "[]"},
}


def test_every_table_has_a_row_to_be_kept(connection):
    assert set(ROWS) == set(base_tables(connection))


@pytest.mark.parametrize("stop_before", [*MIGRATIONS[1:], None])
def test_an_older_database_is_migrated_and_keeps_a_row_of_each_table(tmp_path, data, stop_before):
    path = tmp_path / "old" / "federation.db"
    path.parent.mkdir()
    connection = connect(path)
    until = {"stop_before": stop_before} if stop_before else {}
    schema.migrations.apply(sqlite_utils.Database(connection, execute_plugins=False), **until)
    connection.execute("delete from settings")
    tables = base_tables(connection)
    kept = {}
    for table in [name for name in ROWS if name in tables]:
        insert(connection, table, **ROWS[table])
        # a later migration may add columns
        columns = [f'"{name}"' for (name,) in rows(connection, "select name from pragma_table_info(?)", table)]
        select = f"select {', '.join(columns)} from {table}"
        kept[select] = rows(connection, select)
    version = pragma(connection, "user_version")
    connection.close()

    migrate(path, schema.migrations, VIEWS)

    connection = connect(path)
    assert all(kept.values()) and {select: rows(connection, select) for select in kept} == kept
    assert pragma(connection, "user_version") == version + 1
    assert rows(connection, "pragma foreign_key_check") == []
    fresh = connect(database_path(data, FEDERATION))
    assert schema_of(connection) == schema_of(fresh)
    # what is counted and found is what was there before any of that was
    check_roll_ups(connection, spelling=False)
    for table, word, id_ in (("feedstocks", "gpcp", "gpcp-feedstock"), ("datasets", "zarr", DATASET["url"])):
        found = rows(connection, f"select * from {table}_fts where {table}_fts match '{word}'")
        assert [row[0] for row in found] == ([id_] if table in tables else [])
    fresh.close()
    connection.close()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(data):
    path = database_path(data, FEDERATION)
    connection = connect(path)
    insert(connection, "_sqlite_migrations", migration_set="federation", name="m999_future", applied_at=AT)
    connection.execute("drop view recipe_summaries")
    before = pragma(connection, "user_version"), schema_of(connection)
    with pytest.raises(UnusableDatabase, match="m999_future"):
        prepare(data)
    assert (pragma(connection, "user_version"), schema_of(connection)) == before
    connection.close()


def test_a_database_of_something_else_is_left_as_it_is(tmp_path):
    path = database_path(tmp_path, FEDERATION)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table catches (fish text)")
    before = path.read_bytes()
    with pytest.raises(UnusableDatabase):
        prepare(tmp_path)
    assert path.read_bytes() == before


def test_a_migration_of_another_set_is_no_newer_version(data):
    connection = connect(database_path(data, FEDERATION))
    insert(connection, "_sqlite_migrations", migration_set="some-plugin", name="m999_future", applied_at=AT)
    connection.close()
    prepare(data)


def test_a_failing_migration_leaves_nothing_of_all_that_were_pending(tmp_path):
    migrations = Migrations("example")

    @migrations()
    def m001_good(db):
        db.conn.execute("create table good (id integer primary key) strict")

    @migrations()
    def m002_bad(db):
        db.conn.execute("create table bad (id integer primary key) strict")
        db.conn.execute("insert into nowhere values (1)")

    path = tmp_path / "new" / "example.db"
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(path, migrations)
    connection = connect(path)
    assert schema_of(connection) == []
    assert pragma(connection, "user_version") == 0
    connection.close()


def test_the_tokens_database_is_for_its_owner_only(data):
    assert database_path(data, TOKENS).stat().st_mode & 0o777 == 0o600


def _prepare_in_turn(folders, barrier, results):
    failures = []
    for folder in folders:
        barrier.wait(60)
        try:
            prepare(folder)
            opened = connect(database_path(folder, FEDERATION))
            if set(existing_views(opened)) != set(VIEWS):
                failures.append(f"{folder.name}: views are missing")
            opened.close()
        except Exception as error:
            failures.append(f"{folder.name}: {error!r}")
    results.put(failures)


def test_eight_processes_open_a_fresh_folder_at_once(tmp_path):
    # each is a process of its own, from one that has imported the libraries
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pangeo_forge_federation.storage.data_folder", "pytest"])
    folders = [tmp_path / f"round-{number}" for number in range(20)]
    barrier, results = context.Barrier(8), context.Queue()
    processes = [context.Process(target=_prepare_in_turn, args=(folders, barrier, results)) for _ in range(8)]
    for process in processes:
        process.start()
    failures = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(30)
    assert failures == [[]] * 8
    for folder in folders:
        for name, count in ((FEDERATION, len(MIGRATIONS)), (TOKENS, len(migration_names(tokens.migrations)))):
            connection = connect(database_path(folder, name))
            assert pragma(connection, "user_version") == 1, "one of the eight made it, the others found it made"
            assert rows(connection, "select count(*) from _sqlite_migrations") == [(count,)]
            connection.close()
