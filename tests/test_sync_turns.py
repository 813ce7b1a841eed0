"""A sync saves in short transactions: others write in between, and one that dies is finished by the next."""

import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from federation.data_folder import prepare
from federation.database import FEDERATION, connect, database_path, transaction
from federation.sync.folder import fetch_folder
from federation.sync.run import run_sync
from federation.sync.turns import in_turns

HOME = "pangeo-forge"
BAKERY_DATABASE = "pangeo-forge/bakery-database"
FEEDSTOCKS = 12
RECIPES = "recipes:\n  - id: daily\n    object: recipe:daily\n"
# a turn for every feedstock
SYNC = f"""
import pathlib, sys
from federation.sync import turns
from federation.sync.folder import fetch_folder
from federation.sync.run import run_sync
turns.TURN_SECONDS = 0
run_sync(pathlib.Path(sys.argv[1]), fetch_folder(pathlib.Path(sys.argv[2]), "{BAKERY_DATABASE}"), "{HOME}")
"""
# what a sync keeps, but for numbers and moments
KEPT = """
    select 'feedstock', id, title, meta_sha, listed from feedstocks
    union all select 'recipe', feedstock_id, recipe_id, position, null from recipes
    union all select 'maintainer', feedstock_id, github, position, null from maintainers
    union all select 'problem', repository, pointer, message, null from problems
    union all select 'file', repository, path, sha, null from source_files
    union all select 'change', feedstock_id, action, field, null from sync_changes
    order by 1, 2, 3
"""


@pytest.fixture
def folder(tmp_path):
    for number in range(FEEDSTOCKS):
        file = tmp_path / "files" / "pangeo-forge" / f"turn-{number}-feedstock" / "feedstock" / "meta.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(f"title: Turn {number}\n{RECIPES}maintainers:\n  - github: robin\n")
    return tmp_path / "files"


def rows(connection, sql):
    return [tuple(row) for row in connection.execute(sql)]


def saved(connection):
    return rows(connection, "select count(*) from feedstocks where listed")[0][0]


def start_sync(data, folder):
    return subprocess.Popen([sys.executable, "-c", SYNC, data, folder])


def wait_for_some(connection, process):
    """Until the sync has saved a few feedstocks; it must not have saved all."""
    deadline = time.monotonic() + 30
    while saved(connection) < 3:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)


def test_a_sync_that_is_killed_between_two_turns_is_finished_by_the_next(data, connection, folder, tmp_path):
    process = start_sync(data, folder)
    wait_for_some(connection, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    half = saved(connection)
    assert 3 <= half < FEEDSTOCKS
    assert rows(connection, "select finished_at, added from sync_runs") == [(None, 0)]
    # what it saved is told with it
    assert rows(connection, "select count(*) from sync_changes") == [(half,)]

    result = run_sync(data, fetch_folder(folder, BAKERY_DATABASE), HOME)

    assert result.diff.counts() == {"added": FEEDSTOCKS - half, "changed": 0, "removed": 0, "unchanged": half}
    prepare(tmp_path / "whole")
    whole = connect(database_path(tmp_path / "whole", FEDERATION))
    run_sync(tmp_path / "whole", fetch_folder(folder, BAKERY_DATABASE), HOME)
    assert rows(connection, KEPT) == rows(whole, KEPT)
    whole.close()
    assert rows(connection, "pragma integrity_check") == [("ok",)]


def test_others_write_between_the_turns(data, connection, folder):
    process = start_sync(data, folder)
    wait_for_some(connection, process)
    began = time.monotonic()
    with transaction(connection):
        connection.execute("insert into bakeries (id) values ('between.bakery')")
    assert time.monotonic() - began < 1.5
    assert saved(connection) < FEEDSTOCKS
    assert process.wait(30) == 0
    assert rows(connection, "select finished_at is not null, added from sync_runs") == [(1, FEEDSTOCKS)]


def test_what_lies_between_two_yields_is_kept_together(connection):
    def steps():
        connection.execute("insert into bakeries (id) values ('one')")
        yield
        connection.execute("insert into bakeries (id) values ('two')")
        raise sqlite3.OperationalError("the disk is full")

    with pytest.raises(sqlite3.OperationalError, match="full"):
        in_turns(connection, steps())
    assert rows(connection, "select id from bakeries") == []


def test_a_dry_run_of_many_turns_keeps_nothing_and_tells_all(data, connection, folder, monkeypatch):
    monkeypatch.setattr("federation.sync.turns.TURN_SECONDS", 0)
    monkeypatch.setattr("federation.sync.turns.PAUSE_SECONDS", 0)
    would = run_sync(data, fetch_folder(folder, BAKERY_DATABASE), HOME, dry_run=True)
    assert rows(connection, KEPT) == rows(connection, "select * from sync_runs") == []
    assert would.diff == run_sync(data, fetch_folder(folder, BAKERY_DATABASE), HOME).diff
