"""How databases are created, and how those of other versions are upgraded or refused."""

import multiprocessing
import re
import shutil
import sqlite3
from contextlib import closing

import pytest
from database_rows import AT, DATASET, RUN, insert, pragma, rows, schema_of
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.backups import make_backup, restore_backup
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import (
    FEDERATION,
    TOKENS,
    Baseline,
    UnusableDatabase,
    connect,
    database_path,
    existing_views,
    migrate,
)
from pangeo_forge_federation.storage.schema import BASELINE
from pangeo_forge_federation.storage.views import VIEWS
from roll_up_rows import check as check_roll_ups
from sqlite_utils import Migrations

# the schema of the migrations before the baseline, as they made it
BEFORE_BASELINE = ROOT / "tests" / "fixtures" / "before_baseline.sql"
APPLIED = "select name from _sqlite_migrations where migration_set = 'federation' order by id"


@pytest.fixture(scope="module")
def old_data(empty_data, tmp_path_factory):
    """A data folder whose federation.db is from before the baseline, with a row in a few tables, to be copied."""
    folder = shutil.copytree(empty_data, tmp_path_factory.mktemp("old") / "data")
    path = database_path(folder, FEDERATION)
    path.unlink()
    with closing(connect(path)) as connection:
        connection.executescript(f"begin; {BEFORE_BASELINE.read_text('utf-8')} commit;")
        insert(connection, "bakeries", id="example.bakery")
        insert(connection, "feedstocks", id="gpcp-feedstock", repository="pangeo-forge/gpcp-feedstock")
        insert(connection, "recipe_runs", **RUN)
        insert(connection, "datasets", **DATASET)
        insert(connection, "recipe_run_datasets", recipe_run_id=1, dataset_id=1, run_date=AT)
    return folder


@pytest.fixture
def old(old_data, tmp_path):
    """A data folder whose federation.db is from before the baseline."""
    return shutil.copytree(old_data, tmp_path / "data")


def comparable_schema(path):
    """Return the statements of a database in the order in which SQLite considers them, without whitespace."""
    with closing(connect(path)) as connection:
        found = rows(
            connection, "select type, tbl_name, name, sql from sqlite_master where type <> 'view' order by rowid"
        )
        columns = {name: rows(connection, f"select * from pragma_table_xinfo('{name}')") for _, _, name, _ in found}
    without = [(*place, re.sub(r"--.*|\s", "", sql or "")) for *place, sql in found]
    return sorted(without, key=lambda each: each[:2]), columns


def contents(path):
    """Return all rows of a database but those that say how it was made."""
    with closing(connect(path)) as connection:
        tables = rows(connection, "select name from pragma_table_list where schema = 'main' and type <> 'view'")
        return {
            table: rows(connection, f"select * from {table}")
            for (table,) in tables
            if table not in ("_sqlite_migrations", "sqlite_schema")
        }


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


def test_a_database_from_before_the_baseline_becomes_one_of_the_baseline(old, empty_data):
    """This also keeps the baseline as it was released: a change to it would be missing in databases that exist."""
    path = database_path(old, FEDERATION)
    before, version = contents(path), 1
    prepare(old)
    with closing(connect(path)) as connection:
        assert rows(connection, APPLIED) == [(BASELINE.name,)]
        assert existing_views(connection) == VIEWS
        assert (pragma(connection, "user_version"), pragma(connection, "journal_mode")) == (version + 1, "wal")
        assert rows(connection, "pragma integrity_check") == [("ok",)]
        assert rows(connection, "pragma foreign_key_check") == []
        # its own triggers keep what is counted and found
        insert(connection, "recipe_runs", **RUN | {"status": "queued"})
        check_roll_ups(connection)
        for table, word, key in (("feedstocks", "gpcp", "gpcp-feedstock"), ("datasets", "zarr", DATASET["url"])):
            found = rows(connection, f"select * from {table}_fts where {table}_fts match '{word}'")
            assert [row[0] for row in found] == [key]
        connection.execute("delete from recipe_runs where status = 'queued'")
    after = contents(path)
    assert after.pop("sqlite_sequence") and before.pop("sqlite_sequence")
    assert after == before
    assert comparable_schema(path) == comparable_schema(database_path(empty_data, FEDERATION))


def test_a_backup_from_before_the_baseline_is_restored_and_upgraded(old, empty_data, tmp_path):
    folder, _ = make_backup(old, tmp_path / "backups")
    restored = tmp_path / "restored"
    assert restore_backup(folder, restored).recipe_runs == 1
    prepare(restored)
    path = database_path(restored, FEDERATION)
    assert contents(path) == contents(database_path(old, FEDERATION))
    assert comparable_schema(path) == comparable_schema(database_path(empty_data, FEDERATION))


@pytest.mark.parametrize("missing", ["m016_bakeries_that_feedstocks_name", "m001_settings", "m0%"])
def test_an_older_database_is_refused_and_left_alone(old, missing):
    path = database_path(old, FEDERATION)
    with closing(connect(path)) as connection:
        connection.execute(
            "delete from _sqlite_migrations where name like :missing and name <> 'm002_bakeries'", {"missing": missing}
        )
    before = path.read_bytes()
    with pytest.raises(UnusableDatabase, match="older version") as raised:
        prepare(old)
    assert len(str(raised.value).splitlines()) == 1
    assert path.read_bytes() == before


@pytest.mark.parametrize("made", ["data", "old"])
def test_a_database_of_a_newer_version_is_refused_and_left_alone(request, made):
    data = request.getfixturevalue(made)
    connection = connect(database_path(data, FEDERATION))
    insert(connection, "_sqlite_migrations", migration_set="federation", name="m999_future", applied_at=AT)
    before = pragma(connection, "user_version"), schema_of(connection)
    with pytest.raises(UnusableDatabase, match="newer version: it has m999_future"):
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


@pytest.mark.parametrize("applied", [[], ["m001_a", "m002_b"]], ids=["new", "before the baseline"])
def test_a_failing_migration_leaves_nothing_of_all_that_were_pending(tmp_path, applied):
    path = tmp_path / "new" / "example.db"
    older, migrations = Migrations("example"), Migrations("example")
    for name in applied:
        older(name=name)(lambda db: None)

    @migrations()
    def m001_baseline(db):
        db.conn.execute("create table good (id integer primary key) strict")

    @migrations()
    def m002_bad(db):
        db.conn.execute("create table bad (id integer primary key) strict")
        db.conn.execute("insert into nowhere values (1)")

    if applied:
        migrate(path, older)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(path, migrations, baseline=Baseline("m001_baseline", frozenset({"m001_a", "m002_b"})))
    with closing(connect(path)) as connection:
        names = rows(connection, "select name from _sqlite_migrations order by id") if applied else []
        assert [name for (name,) in names] == applied
        assert not rows(connection, "select name from sqlite_master where name in ('good', 'bad')")
        assert pragma(connection, "user_version") == len(applied) // 2


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


def test_eight_processes_create_or_upgrade_a_folder_at_once(old_data, tmp_path):
    # each is a process of its own, from one that has imported the libraries
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pangeo_forge_federation.storage.data_folder", "pytest"])
    new = [tmp_path / f"new-{number}" for number in range(8)]
    old = [shutil.copytree(old_data, tmp_path / f"old-{number}") for number in range(4)]
    barrier, results = context.Barrier(8), context.Queue()
    processes = [context.Process(target=_prepare_in_turn, args=([*new, *old], barrier, results)) for _ in range(8)]
    for process in processes:
        process.start()
    failures = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(30)
    assert failures == [[]] * 8
    for folder, version in [*((folder, 1) for folder in new), *((folder, 2) for folder in old)]:
        with closing(connect(database_path(folder, FEDERATION))) as connection:
            assert pragma(connection, "user_version") == version, "one of the eight made it, the others found it made"
            assert rows(connection, APPLIED) == [(BASELINE.name,)]
        with closing(connect(database_path(folder, TOKENS))) as connection:
            assert pragma(connection, "user_version") == 1
