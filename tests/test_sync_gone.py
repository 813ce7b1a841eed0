"""What is gone from the files, and comes back."""

import shutil

from folder_sync import (
    BAKERIES,
    BAKERY_DATABASE,
    META,
    SEA_ICE,
    changes,
    counts,
    dump,
    feedstock,
    one,
    problems,
    rows,
)
from pangeo_forge_federation.storage.database import transaction
from pangeo_forge_federation.storage.row_writes import resolve_bakery
from pangeo_forge_federation.values.repositories import BAKERIES_PATH

pytest_plugins = ["folder_fixtures"]


def test_a_vanished_feedstock_is_marked_and_keeps_all_it_has(connection, put, sync, record_run, folder):
    put(SEA_ICE, META.replace("github: maren-solvik", "github: not a name"))
    put("pangeo-forge/other")
    sync()
    record_run("sea-ice-feedstock")
    before = feedstock(connection)
    assert problems(connection)
    shutil.rmtree(folder / SEA_ICE)
    sync()
    after = feedstock(connection)
    assert after.pop("removed_at") is not None
    before.pop("removed_at")
    assert after.pop("synced_at") > before.pop("synced_at")
    assert after == before
    assert one(connection, "select count(*) from recipe_runs where feedstock_id = 'sea-ice-feedstock'") == 1
    # nobody can mend a file that is gone
    assert problems(connection) == []
    assert changes(connection) == [("sea-ice-feedstock", "removed", None, None, None)]
    assert counts(connection) == (0, 0, 1, 1)
    marked = dump(connection)
    sync()
    assert dump(connection) == marked


def test_a_feedstock_that_comes_back_unchanged_is_restored_with_its_problems(connection, put, sync, folder):
    text = META.replace("github: maren-solvik", "github: not a name")
    put(SEA_ICE, text)
    put("pangeo-forge/other")
    sync()
    before = feedstock(connection)
    found = [row[:3] for row in problems(connection)]
    shutil.rmtree(folder / SEA_ICE)
    sync()
    put(SEA_ICE, text)
    sync()
    after = feedstock(connection)
    assert after.pop("synced_at") > before.pop("synced_at")
    assert after == before
    assert [row[:3] for row in problems(connection)] == found != []
    assert changes(connection) == [("sea-ice-feedstock", "restored", None, None, None)]
    assert counts(connection) == (0, 1, 0, 1)


def test_a_feedstock_that_comes_back_changed_is_restored_and_told(connection, put, sync, folder):
    put(SEA_ICE)
    put("pangeo-forge/other")
    sync()
    shutil.rmtree(folder / SEA_ICE)
    sync()
    put(SEA_ICE, META.replace("title: Sea ice", "title: New"))
    sync()
    assert changes(connection)[0] == ("sea-ice-feedstock", "restored", None, None, None)
    assert ("sea-ice-feedstock", "changed", "title", "Sea ice", "New") in changes(connection)
    assert feedstock(connection)["removed_at"] is None


def test_a_partial_folder_takes_nothing_else_away(connection, put, sync, folder):
    put(SEA_ICE)
    put("pangeo-forge/other")
    put("leap-stc/a")
    sync()
    shutil.rmtree(folder / "leap-stc")
    sync()
    shutil.rmtree(folder / SEA_ICE)
    sync((), ("pangeo-forge/other",))
    sync(("leap-stc",))
    sync(feedstocks=False)
    assert rows(connection, "select id from feedstocks where removed_at is not null") == []
    sync((), ("Pangeo-Forge/Sea-Ice-feedstock",))
    assert rows(connection, "select id from feedstocks where removed_at is not null") == [("sea-ice-feedstock",)]


def test_a_vanished_bakery_is_marked_and_comes_back(connection, put, sync, record_run):
    put(SEA_ICE)
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    record_run("sea-ice-feedstock")
    bakery = "select * from bakeries where id = 'north.bakery'"
    before, targets = dict(connection.execute(bakery).fetchone()), rows(connection, "select * from bakery_targets")
    put(BAKERY_DATABASE, "south.bakery:\n  region: aws.us\n", BAKERIES_PATH)
    sync()
    assert changes(connection) == [("north.bakery", "removed", None, None, None)]
    assert counts(connection) == (0, 0, 1, 2)
    gone = dict(connection.execute(bakery).fetchone())
    assert gone["removed_at"] is not None
    assert rows(connection, "select * from bakery_targets") == targets
    assert one(connection, "select count(*) from recipe_runs where bakery_id = 'north.bakery'") == 1
    marked = dump(connection)
    sync()
    assert dump(connection) == marked
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    assert changes(connection) == [("north.bakery", "restored", None, None, None)]
    restored = dict(connection.execute(bakery).fetchone())
    assert restored.pop("synced_at") > before.pop("synced_at")
    assert restored == before


def test_a_bakery_that_only_a_token_made_is_not_taken_away(connection, put, sync):
    with transaction(connection):
        resolve_bakery(connection, "token.bakery")
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    assert rows(connection, "select listed, removed_at from bakeries where id = 'token.bakery'") == [(0, None)]


def test_a_feedstock_that_only_a_run_made_is_not_taken_away(connection, put, sync, record_run):
    put("pangeo-forge/other")
    record_run("sea-ice-feedstock")
    sync()
    assert rows(connection, "select listed, removed_at from feedstocks where id like 'sea%'") == [(0, None)]
    assert [row[0] for row in changes(connection)] == ["other"]


def test_without_a_bakeries_file_no_bakery_is_taken_away(connection, put, sync, folder):
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    shutil.rmtree(folder / BAKERY_DATABASE)
    put(SEA_ICE)
    sync()
    assert rows(connection, "select id from bakeries where removed_at is not null") == []
