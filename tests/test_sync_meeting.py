"""Syncs that meet, are dry, fail or are killed."""

import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from folder_sync import (
    BAKERIES,
    BAKERY_DATABASE,
    FIXTURES,
    HOME,
    META,
    SEA_ICE,
    SOMETHING_ELSE,
    dump,
    fetched,
    meta_file,
    one,
    rows,
    titles,
)
from pangeo_forge_federation.files.meta_yaml import parse_meta_yaml
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, exclusive_lock
from pangeo_forge_federation.sync.fetched import FetchedFile
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.run import run_sync
from pangeo_forge_federation.sync.saving import Saving
from pangeo_forge_federation.values.repositories import BAKERIES_PATH, META_PATHS

pytest_plugins = ["folder_fixtures"]


def test_a_dry_run_tells_and_changes_nothing(connection, put, sync, folder):
    put(SEA_ICE)
    put("pangeo-forge/other")
    sync()
    put(SEA_ICE, META.replace("title: Sea ice", "title: New"))
    shutil.rmtree(folder / "pangeo-forge" / "other")
    put("pangeo-forge/third", SOMETHING_ELSE["not YAML"])
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    everything = [
        dump(connection),
        rows(connection, "select * from sync_runs"),
        rows(connection, "pragma user_version"),
    ]
    would = sync(dry_run=True)
    assert everything == [
        dump(connection),
        rows(connection, "select * from sync_runs"),
        rows(connection, "pragma user_version"),
    ]
    did = sync()
    assert would.diff == did.diff
    assert would.problems == did.problems == 1
    assert did.diff.counts() == {"added": 3, "changed": 1, "removed": 1, "unchanged": 0}


def test_a_sync_raises_the_version_that_followers_look_at(connection, put, sync):
    before = one(connection, "pragma user_version")
    put(SEA_ICE)
    sync()
    assert one(connection, "pragma user_version") == before + 1


def test_what_was_fetched_before_what_is_stored_is_skipped(data, connection):
    early = fetched(1, meta_file("title: early\n"))
    run_sync(data, fetched(2, meta_file("title: late\n")), HOME)
    before = dump(connection)
    result = run_sync(data, early, HOME)
    assert dump(connection) == before
    assert titles(connection) == {"sea-ice-feedstock": "late"}
    assert (result.skipped, result.diff.changes, result.diff.unchanged) == (1, [], 0)
    assert run_sync(data, fetched(3, meta_file("title: later\n")), HOME).skipped == 0
    assert titles(connection) == {"sea-ice-feedstock": "later"}


def test_what_was_fetched_at_the_same_moment_is_not_skipped(data, connection):
    run_sync(data, fetched(1, meta_file("title: a\n")), HOME)
    assert run_sync(data, fetched(1, meta_file("title: b\n")), HOME).skipped == 0
    assert titles(connection) == {"sea-ice-feedstock": "b"}


def test_what_was_fetched_before_the_file_changed_its_name_is_skipped(data, connection):
    run_sync(data, fetched(2, meta_file("title: late\n", META_PATHS[1])), HOME)
    assert run_sync(data, fetched(1, meta_file("title: early\n")), HOME).skipped == 1
    assert titles(connection) == {"sea-ice-feedstock": "late"}


def test_a_sync_that_began_before_a_feedstock_was_seen_does_not_take_it_away(data, connection):
    run_sync(data, fetched(2, meta_file("title: late\n")), HOME)
    run_sync(data, fetched(1), HOME)
    assert one(connection, "select removed_at from feedstocks") is None
    run_sync(data, fetched(3), HOME)
    assert one(connection, "select removed_at from feedstocks") is not None


def test_a_sync_that_began_before_a_feedstock_went_does_not_bring_it_back(data, connection):
    run_sync(data, fetched(1, meta_file("title: a\n")), HOME)
    run_sync(data, fetched(3), HOME)
    assert run_sync(data, fetched(2, meta_file("title: b\n")), HOME).skipped == 1
    assert one(connection, "select title, removed_at is null from feedstocks") == ("a", 0)
    run_sync(data, fetched(4, meta_file("title: b\n")), HOME)
    assert one(connection, "select title, removed_at is null from feedstocks") == ("b", 1)


def test_bakeries_that_were_fetched_before_what_is_stored_are_skipped(data, connection):
    def bakeries(text):
        return FetchedFile(BAKERY_DATABASE, BAKERIES_PATH, text.encode())

    run_sync(data, fetched(2, bakeries=bakeries(BAKERIES)), HOME)
    assert run_sync(data, fetched(1, bakeries=bakeries("south.bakery: {region: x}\n")), HOME).skipped == 1
    assert rows(connection, "select id, region from bakeries where removed_at is null order by id") == [
        ("north.bakery", "gcp.europe"),
        ("south.bakery", "aws.us"),
    ]


def test_a_version_that_another_sync_replaced_meanwhile_is_saved_all_the_same(data, connection):
    """This sync finds its file unchanged and waits for its turn; the one before it saves an older fetch."""
    run_sync(data, fetched(1, meta_file("title: new\n")), HOME)
    between, last = fetched(2, meta_file("title: between\n")), fetched(3, meta_file("title: new\n"))
    waiting = threading.Thread(target=run_sync, args=(data, last, HOME))
    with exclusive_lock(data / ".sync.lock"):
        waiting.start()
        # long enough to have looked at what is stored
        time.sleep(0.5)
        Saving(connection, between, [parse_meta_yaml(b"title: between\n")], None, HOME).save(dry_run=False)
        assert titles(connection) == {"sea-ice-feedstock": "between"}
    waiting.join(20)
    assert not waiting.is_alive()
    assert titles(connection) == {"sea-ice-feedstock": "new"}


def test_two_syncs_at_once_leave_what_one_leaves(data, connection, tmp_path):
    errors = []

    def sync():
        try:
            run_sync(data, fetch_folder(FIXTURES, BAKERY_DATABASE), HOME)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=sync) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert_is_as_one_sync(connection, tmp_path, syncs=4)


def test_processes_that_sync_at_once_leave_what_one_leaves(tmp_path):
    data = tmp_path / "fresh"
    command = [sys.executable, str(ROOT / "scripts" / "sync.py"), "--from", str(FIXTURES), "--data", str(data)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    for process in started:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    connection = connect(database_path(data, FEDERATION))
    assert_is_as_one_sync(connection, tmp_path, syncs=4)
    connection.close()


def assert_is_as_one_sync(connection, tmp_path, syncs):
    prepare(tmp_path / "one")
    run_sync(tmp_path / "one", fetch_folder(FIXTURES, BAKERY_DATABASE), HOME)
    single = connect(database_path(tmp_path / "one", FEDERATION))
    expected, found = ({name: timeless(each) for name, each in dump(c).items()} for c in (single, connection))
    single.close()
    assert found == expected
    added = [added for (added,) in rows(connection, "select added from sync_runs")]
    assert sorted(added) == [0] * (syncs - 1) + [15]
    assert one(connection, "pragma integrity_check") == "ok"
    assert rows(connection, "pragma foreign_key_check") == []


def timeless(lines):
    """Rows without their times."""
    return sorted(re.sub(r"'20\d\d-\d\d-\d\d[T ][^']*'", "", line) for line in lines)


def test_readers_go_on_while_a_sync_saves(data, connection):
    """`covers` is asked in the middle of the sync's transaction."""
    run_sync(data, fetched(1, meta_file("title: a\n")), HOME)
    seen = []

    def covers(repository):
        reader = sqlite3.connect(database_path(data, FEDERATION), timeout=0)
        seen.append((reader.execute("select title from feedstocks").fetchall(), reader.in_transaction))
        reader.close()
        return True

    other = meta_file("title: b\n", repository="pangeo-forge/other")
    run_sync(data, fetched(2, other, covers=covers), HOME)
    assert seen == [([("a",)], False)]
    assert titles(connection) == {"sea-ice-feedstock": "a", "other": "b"}


def test_a_sync_that_fails_has_changed_nothing(data, connection):
    run_sync(data, fetched(1, meta_file("title: a\n")), HOME)
    before = dump(connection), rows(connection, "select * from sync_runs")

    def covers(repository):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sync(data, fetched(2, meta_file("title: b\n", repository="a/b"), covers=covers), HOME)
    assert (dump(connection), rows(connection, "select * from sync_runs")) == before
    # and neither the lock nor the transaction stays
    run_sync(data, fetched(3, meta_file("title: c\n")), HOME)
    assert titles(connection) == {"sea-ice-feedstock": "c"}


def test_a_sync_that_is_killed_has_changed_nothing(data, connection):
    run_sync(data, fetched(1, meta_file("title: a\n")), HOME)
    before = dump(connection)
    script = """
import os, sys, pathlib, signal, folder_sync
from pangeo_forge_federation.sync.run import run_sync
file = folder_sync.meta_file("title: b\\n", repository="a/b")
fetched = folder_sync.fetched(2, file, covers=lambda repository: os.kill(os.getpid(), signal.SIGKILL))
run_sync(pathlib.Path(sys.argv[1]), fetched, folder_sync.HOME)
"""
    killed = subprocess.run([sys.executable, "-c", script, data], cwd=Path(__file__).parent, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert dump(connection) == before
    run_sync(data, fetched(3, meta_file("title: c\n")), HOME)
    assert titles(connection) == {"sea-ice-feedstock": "c"}
