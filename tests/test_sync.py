import os
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
import yaml
from federation.actors import Actor
from federation.data_folder import prepare
from federation.database import FEDERATION, connect, database_path, exclusive_lock, transaction
from federation.fields import RecipeRun, create_model_of
from federation.files.meta_yaml import parse_meta_yaml
from federation.row_writes import resolve_bakery
from federation.runs import create_recipe_run
from federation.settings import ROOT
from federation.sync.changes import CUT_MARK, KEPT_BYTES, as_text
from federation.sync.fetched import BAKERIES_PATH, META_PATHS, Fetched, FetchedFile
from federation.sync.folder import fetch_folder
from federation.sync.run import run_sync
from federation.sync.saving import Saving

FIXTURES = ROOT / "tests" / "fixtures" / "federation"
BAKERY_DATABASE = "pangeo-forge/bakery-database"
HOME = "pangeo-forge"
SEA_ICE = "pangeo-forge/sea-ice-feedstock"
META = """\
title: Sea ice
description: Daily grids
pangeo_forge_version: "0.10.4"
recipes:
  - id: daily
    object: recipe:daily
  - id: monthly
    object: recipe:monthly
provenance:
  providers:
    - name: Boreal Centre
      roles: [producer]
  license: CC-BY-4.0
maintainers:
  - name: Maren Solvik
    github: maren-solvik
bakery:
  id: north.bakery
"""
BAKERIES = """\
north.bakery:
  region: gcp.europe
  description: A bakery
  targets:
    open:
      region: gcp.europe
      public: {protocol: gs, prefix: north-open, storage_options: {anon: true}}
    scratch:
      region: gcp.europe
south.bakery:
  region: aws.us
"""
RUNNER = """\
TargetStorage:
  fsspec_class: s3fs.S3FileSystem
  fsspec_args: {key: EXAMPLE_KEY_NAME}
  root_path: 'Demo/{subpath}'
"""
LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"

# What GitHub and people put in a file's place; none of it is understood.
SOMETHING_ELSE = {
    "not YAML": "title: Sea: ice\nrecipes: [\n",
    "LFS pointer": LFS_POINTER,
    "path of a link": "../shared/meta.yaml",
    "empty": "",
    "a list": "- title: Sea ice\n",
    "a mapping of something else": "package:\n  name: sea-ice\n",
    "UTF-16 without a mark": META.encode("utf-16-le"),
    "too large": META + "#" * 1024 * 1024,
}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture
def put(folder):
    """A function that writes a file of a repository, by default its meta.yaml."""

    def write(repository, content=META, path="feedstock/meta.yaml"):
        file = folder / repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


@pytest.fixture
def sync(data, folder):
    """A function that syncs the folder."""

    def run(*arguments, dry_run=False, **options):
        return run_sync(data, fetch_folder(folder, BAKERY_DATABASE, *arguments, **options), HOME, dry_run)

    return run


@pytest.fixture
def record_run(connection):
    """A function that records a recipe run as a POST would."""

    def record(feedstock_id, recipe_id="daily", bakery_id="north.bakery"):
        body = {"recipe_id": recipe_id, "feedstock_id": feedstock_id, "commit": "0f2c9a7d", "status": "success"}
        with transaction(connection):
            return create_recipe_run(
                connection, create_model_of(RecipeRun)(**body), Actor(token_id=1, bakery_id=bakery_id), HOME
            )

    return record


def rows(connection, sql, **bound):
    return [tuple(row) for row in connection.execute(sql, bound)]


def one(connection, sql, **bound):
    (row,) = rows(connection, sql, **bound)
    return row[0] if len(row) == 1 else row


def dump(connection):
    """Every row of every table, but for what each sync adds: that it was."""
    tables = rows(connection, "select name from sqlite_master where type = 'table' order by name")
    return {
        name: sorted(map(repr, rows(connection, f'select * from "{name}"')))
        for (name,) in tables
        if name not in ("sync_runs", "sqlite_sequence")
    }


def feedstock(connection, feedstock_id="sea-ice-feedstock"):
    """All that a feedstock's file says, with its lists."""
    found = dict(connection.execute("select * from feedstocks where id = ?", [feedstock_id]).fetchone())
    for table, order in (("maintainers", "position"), ("providers", "position"), ("recipes", "id")):
        found[table] = rows(
            connection, f"select * from {table} where feedstock_id = :id order by {order}", id=found["id"]
        )
    return found


def problems(connection, repository=SEA_ICE):
    return rows(
        connection,
        "select source_file, pointer, severity, found_at from problems where repository = :repository order by id",
        repository=repository,
    )


def changes(connection):
    """What the last sync wrote down as changed."""
    return rows(
        connection,
        """
        select coalesce(feedstock_id, bakery_id), action, field, old, new
        from sync_changes
        where sync_run_id = (select max(id) from sync_runs)
        order by id
        """,
    )


def counts(connection):
    """Added, changed, removed and unchanged, as the last sync wrote them down."""
    return one(connection, "select added, changed, removed, unchanged from sync_runs order by id desc limit 1")


def meta_file(content, path=META_PATHS[0], repository=SEA_ICE):
    return FetchedFile(repository, path, content.encode())


def fetched(moment, *files, bakeries=None, covers=lambda repository: True):
    """What a sync was told whose fetch began at that second."""
    return Fetched("test", f"2026-11-24T00:00:{moment:02}.000000Z", list(files), bakeries, covers)


def titles(connection):
    return dict(rows(connection, "select id, title from feedstocks"))


# --- a first sync -----------------------------------------------------------------------------------------------


def test_a_first_sync_fills_each_table(connection, put, sync):
    put(SEA_ICE)
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    result = sync()
    assert result.diff.counts() == {"added": 3, "changed": 0, "removed": 0, "unchanged": 0}
    assert (result.failed, result.skipped) == (0, 0)
    assert one(
        connection,
        """
        select
            id, repository, title, description, license, license_spdx, pangeo_forge_version, bakery_id, meta_path,
            listed, archived, removed_at, "commit", json_extract(meta, '$.recipes[1].id')
        from feedstocks
        """,
    ) == (
        "sea-ice-feedstock",
        SEA_ICE,
        "Sea ice",
        "Daily grids",
        "CC-BY-4.0",
        "CC-BY-4.0",
        "0.10.4",
        "north.bakery",
        "feedstock/meta.yaml",
        1,
        0,
        None,
        None,
        "monthly",
    )
    assert rows(
        connection, "select feedstock_id, recipe_id, object, dict_object, position, removed_at from recipes"
    ) == [
        ("sea-ice-feedstock", "daily", "recipe:daily", None, 0, None),
        ("sea-ice-feedstock", "monthly", "recipe:monthly", None, 1, None),
    ]
    assert rows(connection, "select * from maintainers") == [
        ("sea-ice-feedstock", 0, "maren-solvik", "Maren Solvik", None)
    ]
    assert rows(connection, "select * from providers") == [
        ("sea-ice-feedstock", 0, "Boreal Centre", None, None, '["producer"]')
    ]
    assert rows(connection, "select id, region, description, listed, removed_at from bakeries order by id") == [
        ("north.bakery", "gcp.europe", "A bakery", 1, None),
        ("south.bakery", "aws.us", None, 1, None),
    ]
    assert rows(connection, "select bakery_id, name, protocol, prefix, anon, requester_pays from bakery_targets") == [
        ("north.bakery", "open", "gs", "north-open", 1, None),
        ("north.bakery", "scratch", None, None, None, None),
    ]
    assert problems(connection) == []
    assert one(
        connection,
        "select source, added, changed, removed, unchanged, problems, started_at <= finished_at from sync_runs",
    ) == ("folder", 3, 0, 0, 0, 0, 1)
    assert sorted(changes(connection)) == [
        ("north.bakery", "added", None, None, None),
        ("sea-ice-feedstock", "added", None, None, None),
        ("south.bakery", "added", None, None, None),
    ]
    assert one(connection, "select meta_sha from feedstocks") == one(
        connection, "select sha from source_files where path = 'feedstock/meta.yaml'"
    )


def test_the_fixtures_load_in_all_their_shapes(data, connection):
    run_sync(data, fetch_folder(FIXTURES, BAKERY_DATABASE), HOME)
    assert titles(connection) == {
        "coupled-model-archive-feedstock": "Coupled Model Archive, Phase 7",
        "delta-hydrology.groundwater-storage-feedstock": "Groundwater Storage Anomalies from Satellite Gravimetry",
        "delta-hydrology.river-discharge_feedstock": "Daily River Discharge of the World's Deltas",
        "global-altimetry-feedstock": "Multi-Mission Satellite Altimetry",
        "northern-sea-ice-feedstock": "Northern Hemisphere Sea Ice Concentration and Extent",
        "ocean-colour-feedstock": None,
        "pangeo-forge.tide-gauges-v2.1-feedstock": "Coastal Tide Gauges, Release 2.1",
        "polar-data-lab.antarctic-ice-velocity-feedstock": "Antarctic Ice Velocity Mosaics",
        "polar-data-lab.permafrost-temperatures-feedstock": "Permafrost Borehole Temperatures",
        "soil-moisture-record-feedstock": "Global Soil Moisture Record",
        "storm-tracks-feedstock": None,
        "upper-ocean-reanalysis-feedstock": "Upper Ocean Reanalysis",
    }
    recipes = rows(connection, "select feedstock_id, recipe_id, object, dict_object from recipes order by id")
    assert sorted(recipes, key=repr) == sorted(
        [
            ("coupled-model-archive-feedstock", None, None, "recipe:recipes"),
            ("delta-hydrology.river-discharge_feedstock", "daily-discharge", "recipe:daily_discharge", None),
            ("global-altimetry-feedstock", "ALT/L4/daily", "recipe:gridded_daily", None),
            ("global-altimetry-feedstock", "ALT/L3/along track 1Hz", "recipe:along_track", None),
            ("northern-sea-ice-feedstock", "daily-concentration", "recipe:daily_concentration", None),
            ("northern-sea-ice-feedstock", "monthly-extent", "recipe:monthly_extent", None),
            ("pangeo-forge.tide-gauges-v2.1-feedstock", "012", "recipe:region_012", None),
            ("pangeo-forge.tide-gauges-v2.1-feedstock", "no", "recipe:norway", None),
            ("pangeo-forge.tide-gauges-v2.1-feedstock", "2020-01-01", "recipe:snapshot", None),
            ("polar-data-lab.antarctic-ice-velocity-feedstock", None, None, "recipe:mosaics"),
            ("soil-moisture-record-feedstock", "surface", "recipe:surface", None),
            ("soil-moisture-record-feedstock", "root-zone", "recipe:root_zone", None),
            ("storm-tracks-feedstock", "north-atlantic", None, None),
            ("storm-tracks-feedstock", "north-pacific", None, None),
            ("upper-ocean-reanalysis-feedstock", "temperature-salinity", "recipe:temperature_salinity", None),
            ("upper-ocean-reanalysis-feedstock", "currents", "recipe:currents", None),
        ],
        key=repr,
    )
    licences = dict(rows(connection, "select id, license from feedstocks"))
    assert licences["coupled-model-archive-feedstock"] == "Coupled Model Archive terms of use"
    assert licences["global-altimetry-feedstock"] == "https://open-altimetry.example/licence/v3"
    assert licences["delta-hydrology.river-discharge_feedstock"].startswith("Free for any use")
    declared = dict(rows(connection, "select id, bakery_id from feedstocks"))
    assert declared["upper-ocean-reanalysis-feedstock"] == "harbor.bakery.aws.us-west-2"
    assert declared["delta-hydrology.groundwater-storage-feedstock"] is None
    versions = dict(rows(connection, "select id, pangeo_forge_version from feedstocks"))
    assert versions["soil-moisture-record-feedstock"] == "1.10"
    assert rows(
        connection, "select github, name, orcid from maintainers where feedstock_id like 'upper%' order by position"
    ) == [("kbrandvold", "Kahurangi Brandvold", "0000-0007-2265-0372"), ("ocean-reanalysis-ops", None, None)]
    assert rows(connection, "select roles from providers where feedstock_id like 'soil%' order by position") == [
        ('["producer"]',),
        ('["host"]',),
    ]
    paths = dict(rows(connection, "select id, meta_path from feedstocks"))
    assert paths["polar-data-lab.antarctic-ice-velocity-feedstock"] == "feedstock/meta.yml"
    assert rows(connection, "select id, cluster_type, prefect_version from bakeries order by id") == [
        ("harbor.bakery.aws.us-west-2", "aws.fargate", "1.4.1"),
        ("northlight.bakery.gcp.europe-west4", "gcp.dataflow", None),
        ("osn.bakery.campus", "campus.slurm", "1.4"),
    ]
    assert rows(
        connection,
        "select name, protocol, prefix, anon, requester_pays, endpoint_url from bakery_targets order by name",
    ) == [
        ("campus-open", "s3", "campus-open", 1, None, "https://campus.osn.example"),
        ("harbor-public", "s3", "harbor-public/arco", 1, None, None),
        ("northlight-open", "gs", "northlight-open", None, 1, None),
        ("northlight-scratch", None, None, None, None, None),
    ]
    with_problems = {name for (name,) in rows(connection, "select distinct feedstock_id from problems")}
    assert {"ocean-colour-feedstock", "delta-hydrology.groundwater-storage-feedstock"} <= with_problems
    assert "northern-sea-ice-feedstock" not in with_problems


def test_recipe_ids_and_titles_are_text_as_written(connection, put, sync):
    put(
        SEA_ICE,
        "title: 'None'\nrecipes:\n" + "".join(f"  - id: {i}\n" for i in ("1945", "012", "0x1F", "12:30", "on", "~")),
    )
    put("pangeo-forge/empty", "title: ''\ndescription: x\n")
    put("pangeo-forge/null", "title: ~\ndescription: x\n")
    sync()
    assert rows(connection, "select recipe_id from recipes order by position") == [
        ("1945",),
        ("012",),
        ("0x1F",),
        ("12:30",),
        ("on",),
    ]
    assert titles(connection) == {"sea-ice-feedstock": "None", "empty": "", "null": None}
    assert [pointer for _, pointer, *_ in problems(connection)] == ["/recipes/5/id"]


# --- a second sync ----------------------------------------------------------------------------------------------


def test_a_second_sync_of_the_same_files_changes_no_row(data, connection):
    def sync():
        return run_sync(data, fetch_folder(FIXTURES, BAKERY_DATABASE), HOME)

    first = sync()
    before = dump(connection)
    assert before["feedstocks"] and before["problems"] and before["source_files"] and before["sync_changes"]
    result = sync()
    assert dump(connection) == before
    assert result.diff.changes == []
    assert result.diff.counts() == {"added": 0, "changed": 0, "removed": 0, "unchanged": 15}
    assert result.problems == first.problems > 0
    assert counts(connection) == (0, 0, 0, 15)


def test_an_unchanged_file_is_not_read_again(connection, put, sync):
    put(SEA_ICE)
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    # what only a new reading would undo
    connection.execute("update feedstocks set title = 'by hand'")
    connection.execute("update bakeries set region = 'by hand'")
    sync()
    assert rows(connection, "select title from feedstocks union select region from bakeries") == [("by hand",)]


def test_unreadable_files_change_no_row_the_second_time(connection, put, sync):
    for name in ("a", "b"):
        file = put(f"pangeo-forge/{name}")
        file.unlink()
        file.symlink_to("/etc/hostname" if name == "a" else "meta.yaml")
    sync()
    before = dump(connection)
    assert len(before["problems"]) == 2
    sync()
    assert dump(connection) == before


def test_a_changed_file_is_told_field_by_field(connection, put, sync):
    put(SEA_ICE)
    put("pangeo-forge/other", META.replace("Sea ice", "Other"))
    sync()
    before = feedstock(connection)
    put(
        SEA_ICE,
        META.replace("title: Sea ice", "title: Sea ice concentration")
        .replace("license: CC-BY-4.0", "license: All rights reserved")
        .replace("github: maren-solvik", "github: maren-solvik\n  - github: another"),
    )
    sync()
    told = {field: (old, new) for _, action, field, old, new in changes(connection) if action == "changed"}
    assert {row[0] for row in changes(connection)} == {"sea-ice-feedstock"}
    assert told.pop("title") == ("Sea ice", "Sea ice concentration")
    assert told.pop("license") == ("CC-BY-4.0", "All rights reserved")
    assert told.pop("license_spdx") == ("CC-BY-4.0", None)
    old, new = told.pop("maintainers")
    assert "another" not in old
    assert "another" in new
    assert told.pop("meta_sha") == (before["meta_sha"], feedstock(connection)["meta_sha"])
    assert "Sea ice concentration" in told.pop("meta")[1]
    assert told == {}
    assert counts(connection) == (0, 1, 0, 1)
    after = feedstock(connection)
    assert after["title"] == "Sea ice concentration"
    assert after["license"] == "All rights reserved"
    assert after["synced_at"] > before["synced_at"]
    assert after["recipes"] == before["recipes"]


def test_a_long_value_is_cut_and_marked_where_it_is_told(connection, put, sync):
    put(SEA_ICE)
    sync()
    put(SEA_ICE, META.replace("Daily grids", "é" * 9_000))
    sync()
    (new,) = [new for _, _, field, _, new in changes(connection) if field == "description"]
    assert new.endswith("é" + CUT_MARK)
    assert KEPT_BYTES - 1 <= len(new.encode()) <= KEPT_BYTES
    assert feedstock(connection)["description"] == "é" * 9_000


def test_values_are_told_as_text():
    assert [as_text(value) for value in (None, "a", ["é"], True, 0)] == [None, "a", '["é"]', "true", "0"]


def test_a_changed_bakery_is_told_field_by_field_and_its_targets_replaced(connection, put, sync):
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    put(
        BAKERY_DATABASE,
        BAKERIES.replace("A bakery", "The bakery").replace("scratch", "archive").replace("anon: true", "anon: false"),
        BAKERIES_PATH,
    )
    sync()
    told = {field: (old, new) for _, _, field, old, new in changes(connection)}
    assert {row[0] for row in changes(connection)} == {"north.bakery"}
    assert told.pop("description") == ("A bakery", "The bakery")
    assert "scratch" in told["targets"][0]
    assert "archive" in told.pop("targets")[1]
    assert told == {}
    assert counts(connection) == (0, 1, 0, 1)
    assert rows(connection, "select name, anon from bakery_targets order by name") == [("archive", None), ("open", 0)]


def test_maintainers_and_providers_are_replaced(connection, put, sync):
    put(SEA_ICE)
    sync()
    text = META.replace("github: maren-solvik", "github: MAREN-Solvik\n  - github: second").replace(
        "Boreal Centre", "Other Centre"
    )
    put(SEA_ICE, text)
    sync()
    assert rows(connection, "select position, github from maintainers order by position") == [
        (0, "MAREN-Solvik"),
        (1, "second"),
    ]
    assert rows(connection, "select name from providers") == [("Other Centre",)]
    put(SEA_ICE, "title: Sea ice\n")
    sync()
    assert rows(connection, "select * from maintainers") == rows(connection, "select * from providers") == []


def test_a_recipe_that_is_dropped_is_marked_and_comes_back(connection, put, sync, record_run):
    put(SEA_ICE)
    sync()
    run_id = record_run("sea-ice-feedstock", "monthly")
    before = rows(connection, "select id, recipe_id, object, position, removed_at from recipes order by id")
    put(SEA_ICE, META.replace("  - id: monthly\n    object: recipe:monthly\n", "  - id: yearly\n"))
    sync()
    recipes = rows(connection, "select id, recipe_id, position, removed_at is null from recipes order by id")
    assert recipes == [
        (before[0][0], "daily", 0, 1),
        (before[1][0], "monthly", 1, 0),
        (before[1][0] + 1, "yearly", 1, 1),
    ]
    assert one(connection, "select recipe_id from recipe_runs where id = :id", id=run_id) == "monthly"
    put(SEA_ICE)
    sync()
    assert rows(connection, "select id, recipe_id, object, position, removed_at from recipes where id < 3") == before
    assert one(connection, "select removed_at is null from recipes where recipe_id = 'yearly'") == 0


def test_recipes_may_change_places_and_objects(connection, put, sync):
    put(SEA_ICE, "title: a\nrecipes: {a: recipe:a, b: recipe:b, dict_object: recipe:all}\n")
    sync()
    before = dict(rows(connection, "select coalesce(recipe_id, dict_object), id from recipes"))
    put(SEA_ICE, "title: a\nrecipes: {dict_object: recipe:all, b: recipe:a, a: recipe:new}\n")
    sync()
    recipes = rows(connection, "select id, recipe_id, object, dict_object from recipes order by position")
    assert recipes == [
        (before["recipe:all"], None, None, "recipe:all"),
        (before["b"], "b", "recipe:a", None),
        (before["a"], "a", "recipe:new", None),
    ]


# --- what is gone, and comes back -------------------------------------------------------------------------------


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


# --- files that are not understood ------------------------------------------------------------------------------


@pytest.mark.parametrize("content", SOMETHING_ELSE.values(), ids=SOMETHING_ELSE)
def test_a_file_that_is_not_understood_leaves_the_last_good_version(connection, put, sync, content):
    put(SEA_ICE)
    sync()
    before = feedstock(connection)
    put(SEA_ICE, content)
    result = sync()
    assert feedstock(connection) == before
    (problem,) = problems(connection)
    assert problem[:3] == ("feedstock/meta.yaml", "", "error")
    assert (result.problems, result.failed) == (1, 0)
    assert changes(connection) == []
    # it says since when, however often it is looked at, and even if it is broken in another place
    sync()
    put(SEA_ICE, content + (b"\n" if isinstance(content, bytes) else "\n"))
    sync()
    assert problems(connection) == [problem]
    put(SEA_ICE)
    sync()
    assert problems(connection) == []
    assert feedstock(connection) == before


def test_a_new_file_that_is_not_understood_is_a_feedstock_with_a_problem(connection, put, sync):
    put(SEA_ICE, SOMETHING_ELSE["not YAML"])
    sync()
    assert one(connection, "select listed, title, meta_sha from feedstocks") == (1, None, None)
    assert one(connection, "select feedstock_id, severity from problems") == ("sea-ice-feedstock", "error")
    put(SEA_ICE)
    sync()
    assert feedstock(connection)["title"] == "Sea ice"
    assert problems(connection) == []


def test_something_else_in_the_files_place_leaves_the_last_good_version(connection, put, sync, tmp_path):
    (tmp_path / "outside.yaml").write_text("title: must-not-appear\n")
    for place in ("link out", "loop", "nowhere", "folder", "fifo"):
        file = put(SEA_ICE)
        sync()
        before = feedstock(connection)
        file.unlink()
        if place == "folder":
            file.mkdir()
        elif place == "fifo":
            os.mkfifo(file)
        else:
            file.symlink_to({"link out": tmp_path / "outside.yaml", "loop": file.name, "nowhere": "x"}[place])
        result = sync()
        assert feedstock(connection) == before, place
        assert [row[:3] for row in problems(connection)] == [("feedstock/meta.yaml", "", "error")], place
        # the file is as it is: no other try will have it
        assert result.failed == 0
        file.rmdir() if place == "folder" else file.unlink()
        put(SEA_ICE)
        sync()
        # the very bytes from before: still the problem must go
        assert problems(connection) == [], place
        assert feedstock(connection) == before, place
    assert b"must-not-appear" not in database_bytes(connection)


def test_a_file_that_could_not_be_had_is_counted_and_the_rest_saved(connection, put, sync):
    put(SEA_ICE)
    sync()
    before = feedstock(connection)
    file = put(SEA_ICE)
    file.unlink()
    # longer than any name
    file.symlink_to("x" * 300)
    put("pangeo-forge/other")
    result = sync()
    assert result.failed == 1
    assert feedstock(connection) == before
    assert "other" in titles(connection)


def test_a_problem_that_stays_keeps_its_date_and_others_come_and_go(connection, put, sync):
    put(SEA_ICE, META + "license_link: 7\n" + "maintainers: []\n")
    sync()
    first = problems(connection)
    put(SEA_ICE, META + "license_link: 7\n" + "maintainers: []\n" + "description: []\n")
    sync()
    second = problems(connection)
    assert set(first) < set(second)
    put(SEA_ICE, META + "license_link: 7\n")
    sync()
    third = problems(connection)
    assert third
    assert set(third) < set(second)


@pytest.mark.parametrize("content", [RUNNER, LFS_POINTER, "a: [", "", "north.bakery: a bakery\n"])
def test_a_bakeries_file_that_is_not_understood_leaves_the_bakeries(connection, put, sync, content):
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    tables = ("bakeries", "bakery_targets")
    before = {name: dump(connection)[name] for name in tables}
    put(BAKERY_DATABASE, content, BAKERIES_PATH)
    result = sync()
    assert {name: dump(connection)[name] for name in tables} == before
    (problem,) = problems(connection, BAKERY_DATABASE)
    assert problem[:3] == ("bakeries.yaml", "", "error")
    assert result.diff.counts() == {"added": 0, "changed": 0, "removed": 0, "unchanged": 2}
    sync()
    assert problems(connection, BAKERY_DATABASE) == [problem]
    assert b"EXAMPLE_KEY_NAME" not in database_bytes(connection)
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    assert problems(connection, BAKERY_DATABASE) == []
    assert {name: dump(connection)[name] for name in tables} == before


def test_a_bakeries_file_that_cannot_be_read_leaves_the_bakeries(connection, put, sync, tmp_path):
    file = put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    before = dump(connection)["bakeries"]
    file.unlink()
    file.symlink_to(tmp_path)
    sync()
    assert dump(connection)["bakeries"] == before
    assert len(problems(connection, BAKERY_DATABASE)) == 1
    file.unlink()
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    assert problems(connection, BAKERY_DATABASE) == []


def test_a_problem_in_the_bakeries_file_names_its_bakery(connection, put, sync):
    put(BAKERY_DATABASE, BAKERIES.replace("region: aws.us", "region: [aws.us]") + "stray: text\n", BAKERIES_PATH)
    sync()
    found = rows(connection, "select pointer, bakery_id, feedstock_id from problems order by pointer")
    assert found == [("/south.bakery/region", "south.bakery", None), ("/stray", None, None)]


# --- names ------------------------------------------------------------------------------------------------------


def test_what_a_run_made_is_listed_by_the_sync_and_keeps_its_runs(connection, put, sync, record_run):
    run_id = record_run("sea-ice-feedstock")
    assert rows(connection, "select listed from feedstocks union all select listed from bakeries") == [(0,), (0,)]
    put(SEA_ICE)
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    assert {row[:2] for row in changes(connection)} == {
        ("north.bakery", "added"),
        ("sea-ice-feedstock", "added"),
        ("south.bakery", "added"),
    }
    assert feedstock(connection)["title"] == "Sea ice"
    assert rows(connection, "select distinct listed from feedstocks union select listed from bakeries") == [(1,)]
    assert one(connection, "select id from recipe_runs where feedstock_id = 'sea-ice-feedstock'") == run_id
    assert len(rows(connection, "select * from bakery_targets where bakery_id = 'north.bakery'")) == 2


def test_ids_that_differ_in_letter_case_are_one_feedstock_and_one_bakery(connection, put, sync, record_run):
    run_id = record_run("Sea-Ice-Feedstock", bakery_id="North.Bakery")
    put("Pangeo-Forge/sea-ice-feedstock")
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    sync()
    assert one(connection, "select count(*), max(title) from feedstocks") == (1, "Sea ice")
    assert rows(connection, "select listed from bakeries where id = 'north.bakery'") == [(1,)]
    assert one(connection, "select count(*) from bakeries") == 2
    assert one(connection, "select id from recipe_runs where feedstock_id = 'sea-ice-feedstock'") == run_id
    # what refers to a feedstock spells it as it is stored
    assert rows(connection, "select distinct feedstock_id from recipes") == rows(
        connection, "select id from feedstocks"
    )
    assert rows(connection, "select distinct bakery_id from bakery_targets") == [("North.Bakery",)]
    before = dump(connection)
    sync()
    assert dump(connection) == before


def test_a_repository_in_another_letter_case_is_the_same_one(connection, put, sync, folder):
    put(SEA_ICE)
    sync()
    (folder / SEA_ICE).rename(folder / "pangeo-forge" / "Sea-Ice-Feedstock")
    sync()
    assert changes(connection) == [
        ("sea-ice-feedstock", "changed", "repository", SEA_ICE, "pangeo-forge/Sea-Ice-Feedstock")
    ]
    before = dump(connection)
    sync()
    assert dump(connection) == before


def test_the_same_name_under_two_owners_is_two_feedstocks(connection, put, sync):
    put("pangeo-forge/gpcp", "title: home\n")
    put("leap-stc/gpcp", "title: guest\n")
    put("pangeo-forge/leap-stc.gpcp", "title: home with a dot\n")
    sync()
    assert titles(connection) == {
        "gpcp": "home",
        "leap-stc.gpcp": "guest",
        "pangeo-forge.leap-stc.gpcp": "home with a dot",
    }


def test_a_file_that_changes_its_name_is_read_each_time(connection, put, sync, folder):
    yaml_name, yml_name = (folder / SEA_ICE / path for path in META_PATHS)
    put(SEA_ICE, META + "maintainers: []\n")
    sync()
    assert {row[0] for row in problems(connection)} == {"feedstock/meta.yaml"}
    yaml_name.rename(yml_name)
    sync()
    assert ("sea-ice-feedstock", "changed", "meta_path", *META_PATHS) in changes(connection)
    assert {row[0] for row in problems(connection)} == {"feedstock/meta.yml"}
    yml_name.rename(yaml_name)
    put(SEA_ICE)
    put("pangeo-forge/other")
    sync()
    assert feedstock(connection)["meta_path"] == "feedstock/meta.yaml"
    assert problems(connection) == []
    yaml_name.rename(yml_name)
    sync()
    yml_name.rename(yaml_name)
    sync()
    assert feedstock(connection)["meta_path"] == "feedstock/meta.yaml"
    assert counts(connection) == (0, 1, 0, 1)
    before = dump(connection)
    sync()
    assert dump(connection) == before


# --- syncs that meet --------------------------------------------------------------------------------------------


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
import os, sys, pathlib, signal, test_sync
file = test_sync.meta_file("title: b\\n", repository="a/b")
fetched = test_sync.fetched(2, file, covers=lambda repository: os.kill(os.getpid(), signal.SIGKILL))
test_sync.run_sync(pathlib.Path(sys.argv[1]), fetched, test_sync.HOME)
"""
    killed = subprocess.run([sys.executable, "-c", script, data], cwd=Path(__file__).parent, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert dump(connection) == before
    run_sync(data, fetched(3, meta_file("title: c\n")), HOME)
    assert titles(connection) == {"sea-ice-feedstock": "c"}


# --- nothing private --------------------------------------------------------------------------------------------


def database_bytes(connection):
    """All that was ever written to the database file, its log and free pages too."""
    path = Path(one(connection, "select file from pragma_database_list where name = 'main'"))
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))


def all_texts(connection):
    return [
        str(value)
        for (name,) in rows(connection, "select name from sqlite_master where type in ('table', 'view')")
        for row in rows(connection, f'select * from "{name}"')
        for value in row
        if value is not None
    ]


PRIVATE_KEYS = re.compile(r"private|cluster_options|storage_options|flow_storage|role|vpc|arn|security_groups|image")
PUBLIC_OPTIONS = {"anon", "requester_pays", "endpoint_url"}


def scalars(value, keys=()):
    """(keys that lead to it, scalar) of each value of a YAML file, and of each key itself."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*keys, "(a key)"), str(key)
            yield from scalars(item, (*keys, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item, keys)
    elif value is not None:
        yield keys, str(value)


def secrets_of(text):
    """The values in a bakeries.yaml that must not be published, but for those that stand in its public half too."""
    public, private = set(), set()
    for keys, value in scalars(yaml.load(text, yaml.BaseLoader)):
        hidden = any(PRIVATE_KEYS.search(key) for key in keys)
        if hidden and "public" in keys and "private" not in keys and keys[-1] in PUBLIC_OPTIONS:
            hidden = False
        if not (hidden and keys[-1] == "(a key)"):
            (private if hidden else public).add(value)
    return {value for value in private - public if len(value) > 4}


def assert_nothing_private(connection, files, least):
    secrets = set().union(*(secrets_of(path.read_text("utf-8")) for path in files if "bakeries" in path.name))
    assert len(secrets) >= least
    texts, stored = "\n".join(all_texts(connection)), database_bytes(connection)
    for secret in secrets:
        assert secret not in texts
        assert secret.encode() not in stored
    assert re.findall(r"[\w.+-]+@[\w-]+\.[\w.]+", texts) == []
    for path in files:
        for address in re.findall(rb"[\w.+-]+@[\w-]+\.[a-z][\w.]*", path.read_bytes()):
            assert address not in stored


def test_nothing_private_is_stored(data, connection):
    run_sync(data, fetch_folder(FIXTURES, BAKERY_DATABASE), HOME)
    files = [path for path in FIXTURES.rglob("*.y*ml") if path.is_file()]
    assert_nothing_private(connection, files, least=20)
    river = feedstock(connection, "delta-hydrology.river-discharge_feedstock")
    assert "[e-mail]" in river["description"]
    assert "[e-mail]" in river["meta"]


def test_a_change_of_what_is_private_is_told_to_nobody(connection, put, sync):
    text = (FIXTURES / BAKERY_DATABASE / BAKERIES_PATH).read_text("utf-8")
    put(BAKERY_DATABASE, text, BAKERIES_PATH)
    sync()
    put(BAKERY_DATABASE, text.replace("EXAMPLE_SECRET", "ANOTHER_SECRET"), BAKERIES_PATH)
    sync()
    assert changes(connection) == []
    assert counts(connection) == (0, 0, 0, 3)
    assert b"ANOTHER_SECRET" not in database_bytes(connection)


# --- the files of the real federation ---------------------------------------------------------------------------

# As a person reads them: title, beginning of the description, licence, maintainers, providers with roles, recipes.
REAL = {
    "EOBS-feedstock": (
        "E-OBS dataset",
        "E-OBS is a high resolution gridded climate dataset covering Europe",
        "proprietary",
        ["norlandrhagen"],
        [("Copernicus Climate Change Service", ["producer", "licensor"])],
        ["eobs-tg-tn-tx-rr-hu-pp", "eobs-wind-speed", "eobs-surface-downwelling"],
    ),
    "carbonplan.ocean-sink-data-feedstock": (
        "LDEO-pCO2 HPD Back in Time",
        "The ocean reduces human impact on the climate by absorbing",
        "CC BY",
        ["andersy005"],
        [("LDEO", ["producer", "licensor"]), ("LEAP", ["producer", "licensor"])],
        ["GCB-2023_dataprod_LDEO-HPD_1959-2022-updated-flipped-lon", "annual-sfco2"],
    ),
    "cmip6-feedstock": (
        "CMIP6",
        "CMIP6 datasets converted to zarr stores from ESGF files",
        "CC-BY-4.0",
        ["jbusecke", "cisaacstern"],
        [("ESGF", ["producer", "licensor"])],
        ["recipe:recipes"],
    ),
    "goes-16-feedstock": (None, None, None, [], [], ["goes"]),
    "gpcp-feedstock": (
        "Global Precipitation Climatology Project",
        "Global Precipitation Climatology Project (GPCP) Daily Version 1.3 gridded",
        "No constraints on data access or use.",
        ["rabernat"],
        [("NOAA NCEI", ["host", "licensor"]), ("University of Maryland", ["producer"])],
        ["gpcp"],
    ),
    "leap-stc.arco-era5_feedstock": (
        "ARCO ERA5",
        "Analysis-Ready, Cloud Optimized ERA5 data ingested by Google Research",
        "Apache Version 2.0",
        ["jbusecke"],
        [("Google Research", ["producer", "licensor"])],
        ["0_25_deg_pressure_surface_levels", "0_25_deg_model_levels"],
    ),
    "leap-stc.cm2o_feedstock": (
        "NOAA-GFDL CM2-O Coupled Climate Model Simulations",
        None,
        "Unknown",
        ["jbusecke"],
        [("NOAA-GFDL", ["producer", "licensor"])],
        ["small"],
    ),
    "leap-stc.gpcp-feedstock": (
        "Global Precipitation Climatology Project",
        "Global Precipitation Climatology Project (GPCP) Daily Version 1.3 gridded",
        "No constraints on data access or use.",
        ["rabernat", "norlandrhagen"],
        [("NOAA NCEI", ["host", "licensor"]), ("University of Maryland", ["producer"])],
        [],
    ),
    "liveocean-feedstock": (
        "NANOOS LiveOcean ROMS Model",
        "Hourly ocean forecast fields of the NE Pacific",
        "CC0",
        ["rsignell"],
        [("Parker MacCready", ["provider", "licensor"])],
        ["liveocean"],
    ),
    "noaa-oisst-avhrr-only-feedstock": (
        "NOAA Optimum Interpolated SST",
        "Analysis-ready Zarr datasets derived from NOAA OISST NetCDF",
        "CC-BY-4.0",
        ["rabernat"],
        [("NOAA NCEI", ["producer", "licensor"])],
        ["noaa-oisst-avhrr-only"],
    ),
    "paleo-pism-feedstock": (
        "Paleo Antarctic Ice Sheet Simulations with PISM",
        "Analysis-ready Zarr datasets derived from PISM netcdfs",
        "CC-BY-4.0",
        ["jkingslake"],
        [("PANGAEA", ["licensor"])],
        ["paleo-pism-stacked"],
    ),
}
AWS, AZURE = "devseed.bakery.development.aws.us-west-2", "devseed.bakery.development.azure.westeurope"


@pytest.fixture
def real(real_folder, folder):
    """A copy of the real files, to be changed."""
    shutil.copytree(real_folder, folder, dirs_exist_ok=True)
    return folder


def test_the_real_feedstocks_load_whole(connection, real, sync):
    sync()
    assert set(titles(connection)) == set(REAL)
    for feedstock_id, (title, description, licence, maintainers, providers, recipes) in REAL.items():
        found = feedstock(connection, feedstock_id)
        assert (found["title"], found["license"]) == (title, licence)
        assert (found["description"] or "").startswith(description or "")
        assert (found["description"] is None) == (description is None)
        assert found["meta"]
        assert [row[2] for row in found["maintainers"]] == maintainers
        names = rows(
            connection, "select name, roles from providers where feedstock_id = :id order by position", id=feedstock_id
        )
        assert names == [(name, str(roles).replace("'", '"')) for name, roles in providers]
        listed = rows(
            connection,
            "select coalesce(recipe_id, dict_object) from recipes where feedstock_id = :id order by position",
            id=feedstock_id,
        )
        assert [name for (name,) in listed] == recipes
    assert rows(
        connection, "select id, region, cluster_type, pangeo_forge_version, listed from bakeries order by id"
    ) == [
        (AWS, "aws.us-west-2", "aws.fargate", "0.5.0", 1),
        (AZURE, "azure.westeurope", "azure.aks", "0.5.0", 1),
    ]
    # neither of them has a public half
    assert rows(connection, "select description, protocol, prefix from bakery_targets order by bakery_id") == [
        ("Internal bucket", None, None),
        ("Flow output container", None, None),
    ]
    assert one(connection, "select count(*) from problems where severity = 'error'") == 0


def test_a_second_sync_of_the_real_files_changes_no_row(connection, real, sync):
    sync()
    before = dump(connection)
    assert sync().diff.counts() == {"added": 0, "changed": 0, "removed": 0, "unchanged": 13}
    assert dump(connection) == before


def test_nothing_private_of_the_real_files_is_stored(connection, real, real_folder, sync):
    sync()
    history = sorted((real_folder.parent / "real-history").rglob("bakeries@*.yaml"))
    for version in history:
        shutil.copy(version, real / BAKERY_DATABASE / BAKERIES_PATH)
        sync()
    files = [path for path in [*real_folder.rglob("*.y*ml"), *history] if path.is_file()]
    assert_nothing_private(connection, files, least=20)


@pytest.mark.parametrize(
    ("version", "gone", "new"),
    [("27b264a69b", {AZURE}, set()), ("fcaeb83c34", {AZURE}, {"devseed.bakery.development.azure.ukwest"})],
)
def test_a_real_bakery_that_vanished_is_marked(connection, real, real_folder, sync, record_run, version, gone, new):
    sync()
    record_run("noaa-oisst-avhrr-only-feedstock", "noaa-oisst-avhrr-only", AZURE)
    targets = set(rows(connection, "select bakery_id, name from bakery_targets where bakery_id = :id", id=AZURE))
    path = Path(BAKERY_DATABASE) / f"bakeries@{version}.yaml"
    shutil.copy(real_folder.parent / "real-history" / path, real / BAKERY_DATABASE / BAKERIES_PATH)
    sync()
    removed = {name for (name,) in rows(connection, "select id from bakeries where removed_at is not null")}
    assert removed == gone
    assert {name for (name,) in rows(connection, "select id from bakeries")} == {AWS, AZURE} | new
    assert targets <= set(rows(connection, "select bakery_id, name from bakery_targets"))
    assert one(connection, "select bakery_id from recipe_runs") == AZURE
    assert one(connection, "select pangeo_forge_version from bakeries where id = :id", id=AWS).startswith("0.3.")


def test_a_real_version_that_does_not_parse_keeps_the_last_good_one(connection, real, real_folder, sync):
    sync()
    before = feedstock(connection, "leap-stc.arco-era5_feedstock")
    path = Path("leap-stc", "arco-era5_feedstock", "feedstock")
    broken = real_folder.parent / "real-history" / path / "meta@4de7b18483.yaml"
    shutil.copy(broken, real / path / "meta.yaml")
    sync()
    assert feedstock(connection, "leap-stc.arco-era5_feedstock") == before
    (problem,) = problems(connection, "leap-stc/arco-era5_feedstock")
    assert problem[1:3] == ("", "error")
    sync()
    assert problems(connection, "leap-stc/arco-era5_feedstock") == [problem]
