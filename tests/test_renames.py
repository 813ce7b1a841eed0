"""Repositories that were renamed, transferred or swapped: ids follow names, runs follow ids, roll-ups follow runs."""

import pytest
from database_rows import rows
from pangeo_forge_federation.recording.recipe_runs import create_recipe_run
from pangeo_forge_federation.records.actor import Actor
from pangeo_forge_federation.records.bodies import create_model_of
from pangeo_forge_federation.records.models import RecipeRun
from pangeo_forge_federation.storage.database import transaction
from pangeo_forge_federation.sync.fetched import Fetched, FetchedFile
from pangeo_forge_federation.sync.run import run_sync
from pangeo_forge_federation.values import times
from roll_up_rows import check

HOME = "pangeo-forge"
BAKERY = "north.bakery"


@pytest.fixture
def sync(data):
    """A function that syncs repositories given as name: (GitHub's number, title)."""

    def run(repositories, gone=()):
        files = [
            FetchedFile(
                f"pangeo-forge/{name}" if "/" not in name else name,
                "feedstock/meta.yaml",
                f"title: {title}\nrecipes:\n  - id: daily\n    object: recipe:daily\n".encode(),
                github_id=number,
                archived=False,
            )
            for name, (number, title) in repositories.items()
        ]
        fetched = Fetched("github", times.now(), files, covers=lambda repository: repository.split("/")[1] in gone)
        return run_sync(data, fetched, HOME)

    return run


@pytest.fixture
def record(connection):
    """A function that records a recipe run, with a dataset, as a POST would."""

    def run(feedstock_id, url="gs://bucket/one.zarr"):
        body = {
            "recipe_id": "daily",
            "feedstock_id": feedstock_id,
            "commit": "0f2c9a7d",
            "status": "success",
            "bakery_id": BAKERY,
            "datasets": [{"url": url}],
        }
        with transaction(connection):
            return create_recipe_run(
                connection, create_model_of(RecipeRun).model_validate(body), Actor(1, BAKERY), HOME, ()
            )

    return run


def feedstocks(connection):
    return rows(connection, "select id, repository, github_id, title from feedstocks order by id")


def runs(connection):
    return rows(connection, "select id, feedstock_id from recipe_runs order by id")


def aliases(connection):
    return rows(connection, "select alias, feedstock_id from feedstock_aliases order by alias")


@pytest.fixture(autouse=True)
def roll_ups_are_right(connection):
    yield
    check(connection)
    assert rows(connection, "pragma foreign_key_check") == []
    assert rows(connection, "select feedstock_id from feedstock_documents order by 1") == [
        (each[0],) for each in feedstocks(connection)
    ]


def test_a_rename_moves_all_that_names_it(sync, record, connection):
    sync({"ice": (1, "Ice")})
    record("ice")
    result = sync({"sea-ice": (1, "Ice")})
    assert feedstocks(connection) == [("sea-ice", "pangeo-forge/sea-ice", 1, "Ice")]
    assert runs(connection) == [(1, "sea-ice")]
    assert rows(connection, "select feedstock_id from datasets") == [("sea-ice",)]
    assert aliases(connection) == [("ice", "sea-ice")]
    assert result.diff.counts() == {"added": 0, "changed": 1, "removed": 0, "unchanged": 0}
    assert rows(connection, "select repository from source_files") == [("pangeo-forge/sea-ice",)]
    assert sync({"sea-ice": (1, "Ice")}).diff.changes == []


def test_renamed_twice_and_back(sync, record, connection):
    sync({"a": (1, "Ice")})
    record("a")
    sync({"b": (1, "Ice")})
    sync({"c": (1, "Ice")})
    assert aliases(connection) == [("a", "c"), ("b", "c")]
    sync({"a": (1, "Ice")})
    assert aliases(connection) == [("b", "a"), ("c", "a")]
    assert runs(connection) == [(1, "a")]


@pytest.mark.parametrize("listed", [True, False])
def test_only_the_case_of_its_letters_changes(sync, record, connection, listed):
    if listed:
        sync({"ice": (1, "Ice")})
    record("ice")
    sync({"Ice": (1, "Ice")})
    assert feedstocks(connection) == [("Ice", "pangeo-forge/Ice", 1, "Ice")]
    assert runs(connection) == [(1, "Ice")]
    assert aliases(connection) == []
    assert sync({"Ice": (1, "Ice")}).diff.changes == []


def test_two_swap_their_names(sync, record, connection):
    sync({"a": (1, "One"), "b": (2, "Two")})
    record("a")
    record("b", "gs://bucket/two.zarr")
    sync({"b": (1, "One"), "a": (2, "Two")})
    assert feedstocks(connection) == [("a", "pangeo-forge/a", 2, "Two"), ("b", "pangeo-forge/b", 1, "One")]
    assert runs(connection) == [(1, "b"), (2, "a")]
    told = "select feedstock_id, old, new from sync_changes where field = 'id' order by id"
    assert rows(connection, told) == [("b", "a", "b"), ("a", "b", "a")]
    assert sync({"b": (1, "One"), "a": (2, "Two")}).diff.changes == []


def test_three_move_in_a_ring_and_a_new_one_takes_an_old_name(sync, record, connection):
    sync({"a": (1, "One"), "b": (2, "Two"), "c": (3, "Three"), "d": (4, "Four")})
    for number, name in enumerate("abcd"):
        record(name, f"gs://bucket/{number}.zarr")
    sync({"b": (1, "One"), "c": (2, "Two"), "a": (3, "Three"), "e": (4, "Four"), "d": (5, "Five")})
    assert runs(connection) == [(1, "b"), (2, "c"), (3, "a"), (4, "e")]
    assert [each[::2] for each in feedstocks(connection)] == [("a", 3), ("b", 1), ("c", 2), ("d", 5), ("e", 4)]
    # a live id wins, and its alias waits
    assert aliases(connection) == [("d", "e")]


def test_a_job_reported_under_the_new_name_first(sync, record, connection):
    sync({"ice": (1, "Ice")})
    record("ice")
    record("sea-ice", "gs://bucket/two.zarr")
    result = sync({"sea-ice": (1, "Ice")})
    assert feedstocks(connection) == [("sea-ice", "pangeo-forge/sea-ice", 1, "Ice")]
    assert runs(connection) == [(1, "sea-ice"), (2, "sea-ice")]
    assert rows(connection, "select distinct feedstock_id from datasets") == [("sea-ice",)]
    assert aliases(connection) == [("ice", "sea-ice")]
    assert result.diff.counts()["changed"] == 1


def test_a_merge_keeps_the_aliases_of_both(sync, record, connection):
    sync({"ice": (1, "Ice")})
    sync({"ice-2": (1, "Ice")})
    record("sea-ice")
    connection.execute("insert into feedstock_aliases values ('old-sea-ice', 'sea-ice', ?)", [times.now()])
    sync({"sea-ice": (1, "Ice")})
    assert aliases(connection) == [("ice", "sea-ice"), ("ice-2", "sea-ice"), ("old-sea-ice", "sea-ice")]


def test_a_name_of_one_that_is_gone_is_taken_over(sync, record, connection):
    sync({"ice": (1, "Ice"), "snow": (2, "Snow")})
    record("ice")
    record("snow", "gs://bucket/two.zarr")
    sync({"snow": (2, "Snow")}, gone=("ice",))
    assert rows(connection, "select id from feedstocks where removed_at is not null") == [("ice",)]
    sync({"ice": (3, "Ice anew"), "snow": (2, "Snow")})
    assert feedstocks(connection)[0] == ("ice", "pangeo-forge/ice", 3, "Ice anew")
    assert rows(connection, "select id from feedstocks where removed_at is not null") == []
    # and one that has a row of its own takes the runs along
    sync({}, gone=("ice",))
    sync({"ice": (2, "Snow")})
    assert [each[::2] for each in feedstocks(connection)] == [("ice", 2)]
    assert runs(connection) == [(1, "ice"), (2, "ice")]


def test_a_transfer_out_of_the_home_organisation(sync, record, connection):
    sync({"ice": (1, "Ice")})
    record("ice")
    sync({"leap-stc/ice": (1, "Ice")})
    assert runs(connection) == [(1, "leap-stc.ice")]
    assert aliases(connection) == [("ice", "leap-stc.ice")]


def test_a_row_that_a_folder_made_gets_its_number(data, sync, connection):
    content = b"title: Ice\nrecipes:\n  - id: daily\n    object: recipe:daily\n"
    file = FetchedFile("pangeo-forge/ice", "feedstock/meta.yaml", content)
    run_sync(data, Fetched("folder", times.now(), [file]), HOME)
    sync({"ice": (1, "Ice")})
    assert feedstocks(connection) == [("ice", "pangeo-forge/ice", 1, "Ice")]
    # and the folder takes nothing of that back
    run_sync(data, Fetched("folder", times.now(), [file]), HOME)
    assert feedstocks(connection) == [("ice", "pangeo-forge/ice", 1, "Ice")]


def test_a_rename_that_was_saved_later_is_not_undone(data, sync, connection):
    sync({"ice": (1, "Ice")})
    began = times.now()
    sync({"sea-ice": (1, "Ice")})
    stale = FetchedFile("pangeo-forge/ice", "feedstock/meta.yaml", b"title: Old\n", github_id=1)
    result = run_sync(data, Fetched("github", began, [stale]), HOME)
    assert (result.skipped, result.diff.changes) == (1, [])
    assert feedstocks(connection) == [("sea-ice", "pangeo-forge/sea-ice", 1, "Ice")]


async def test_the_old_id_leads_to_the_new_one(sync, record, datasette, send, run_body):
    sync({"ice": (1, "Ice")})
    record("ice")
    sync({"sea-ice": (1, "Ice")})
    response = await datasette.client.get("/feedstocks/ice/recipe_runs?_size=1")
    assert (response.status_code, response.headers["location"].endswith("/feedstocks/sea-ice/recipe_runs?_size=1")) == (
        308,
        True,
    )
    posted = await send("POST", "/recipe_runs", run_body(feedstock_id="pangeo-forge/ice"))
    assert posted.json()["feedstock_id"] == "sea-ice"
