"""A first sync of much saves in many short transactions: others write between, and one that is killed is completed."""

import itertools
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from database_rows import rows
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction
from pangeo_forge_federation.sync import saving
from pangeo_forge_federation.sync.fetched import Fetched, FetchedFile
from pangeo_forge_federation.sync.run import run_sync

HOME = "pangeo-forge"
FEEDSTOCKS = 60
# long enough that the next step is another transaction's
MANY = {"TRANSACTION_SECONDS": 0.0, "PAUSE_SECONDS": 0.0}


def fetched(second, title="Ice {}", count=FEEDSTOCKS, first=0):
    files = [
        FetchedFile(
            f"pangeo-forge/number-{number}",
            "feedstock/meta.yaml",
            f"title: {title.format(number)}\nrecipes: 7\n".encode(),
            github_id=number + 1,
        )
        for number in range(first, count)
    ]
    return Fetched("test", f"2026-11-24T00:00:{second:02}.000000Z", files, covers=lambda repository: True)


@pytest.fixture
def in_many(monkeypatch):
    for name, seconds in MANY.items():
        monkeypatch.setattr(saving, name, seconds)


def sync_runs(connection):
    return rows(
        connection,
        "select added, changed, removed, unchanged, problems, finished_at is null from sync_runs order by id",
    )


def all_but_times(connection):
    return {
        table: rows(connection, sql)
        for table, sql in {
            "feedstocks": "select id, repository, title, github_id, listed, meta_sha from feedstocks order by id",
            "problems": "select repository, pointer, message from problems order by repository, id",
            "source_files": "select repository, path, sha from source_files order by repository",
        }.items()
    }


def test_each_piece_is_a_commit_that_followers_see_and_others_write_between(data, connection, monkeypatch, in_many):
    other = connect(database_path(data, FEDERATION), timeout=0)

    def write_between(seconds):
        with transaction(other):
            other.execute("insert into bakeries (id) values (:id)", {"id": f"bakery-{len(seen)}"})
        found = other.execute("select count(*) from feedstocks").fetchone()[0]
        seen.append((found, *sync_runs(other)[0], other.execute("pragma user_version").fetchone()[0]))

    seen = []
    monkeypatch.setattr(saving.time, "sleep", write_between)
    result = run_sync(data, fetched(1), HOME)
    other.close()
    assert len(seen) >= FEEDSTOCKS - 1
    # each time it was told what was saved so far, and that it has not ended
    assert all(found == added and unfinished for found, added, *_, unfinished, _ in seen)
    versions = [each[-1] for each in seen]
    assert all(later - earlier >= 2 for earlier, later in itertools.pairwise(versions))
    assert result.diff.counts() == {"added": FEEDSTOCKS, "changed": 0, "removed": 0, "unchanged": 0}
    assert sync_runs(connection) == [(FEEDSTOCKS, 0, 0, 0, FEEDSTOCKS, 0)]
    assert rows(connection, "select count(*) from bakeries") == [(len(seen),)]


def test_in_many_pieces_or_in_one_it_leaves_the_same_and_a_dry_run_nothing(data, connection, monkeypatch, tmp_path):
    prepare(tmp_path / "one")
    syncs = [
        fetched(1),
        # two swap their names, others change, one is new, and some are gone
        fetched(2, "Snow {}", FEEDSTOCKS + 1, first=5),
        fetched(2, "Snow {}", FEEDSTOCKS + 1, first=5),
    ]
    files = syncs[1].feedstocks
    files[0], files[1] = (
        FetchedFile(files[1].repository, files[0].path, files[0].data, github_id=files[0].github_id),
        FetchedFile(files[0].repository, files[1].path, files[1].data, github_id=files[1].github_id),
    )
    syncs[2].feedstocks[:] = files
    with closing(connect(database_path(tmp_path / "one", FEDERATION))) as one:
        for each in syncs:
            expected = run_sync(tmp_path / "one", each, HOME)
            for name, seconds in MANY.items():
                monkeypatch.setattr(saving, name, seconds)
            before = all_but_times(connection), sync_runs(connection)
            assert run_sync(data, each, HOME, dry_run=True) == expected
            assert (all_but_times(connection), sync_runs(connection)) == before
            assert run_sync(data, each, HOME) == expected
            monkeypatch.undo()
            assert all_but_times(connection) == all_but_times(one)
            told = "select sync_run_id, feedstock_id, action, field, old, new from sync_changes order by id"
            assert rows(connection, told) == rows(one, told)
            assert sync_runs(connection) == sync_runs(one)
    assert sync_runs(connection)[1][:4] == (1, 55, 5, 0)
    assert sync_runs(connection)[2][:4] == (0, 0, 0, 56)


def test_one_that_is_killed_between_pieces_is_completed_by_the_next(data, connection, monkeypatch, in_many):
    script = """
import os, pathlib, signal, sys
import test_sync_in_pieces as this
from pangeo_forge_federation.sync import saving
left = 20
def die(seconds):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
saving.TRANSACTION_SECONDS = 0.0
saving.time.sleep = die
this.run_sync(pathlib.Path(sys.argv[1]), this.fetched(1), this.HOME)
"""
    killed = subprocess.run([sys.executable, "-c", script, data], cwd=Path(__file__).parent, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert rows(connection, "pragma integrity_check") == [("ok",)]
    assert rows(connection, "pragma foreign_key_check") == []
    assert sync_runs(connection) == [(20, 0, 0, 0, 0, 1)]
    assert rows(connection, "select count(*) from sync_changes") == [(20,)]
    run_sync(data, fetched(2), HOME)
    assert sync_runs(connection)[1] == (FEEDSTOCKS - 20, 0, 0, 20, FEEDSTOCKS, 0)
    assert rows(connection, "select count(*), count(distinct feedstock_id) from sync_changes") == [
        (FEEDSTOCKS, FEEDSTOCKS)
    ]
    assert rows(connection, "select count(*) from problems") == [(FEEDSTOCKS,)]
    run_sync(data, fetched(3), HOME)
    assert sync_runs(connection)[2] == (0, 0, 0, FEEDSTOCKS, FEEDSTOCKS, 0)
