"""What a first sync from a folder stores, and a second one."""

from folder_sync import (
    BAKERIES,
    BAKERY_DATABASE,
    FIXTURES,
    HOME,
    META,
    SEA_ICE,
    changes,
    counts,
    dump,
    feedstock,
    one,
    problems,
    rows,
    titles,
)
from pangeo_forge_federation.sync.changes import CUT_MARK, KEPT_BYTES, as_text
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.run import run_sync
from pangeo_forge_federation.values.repositories import BAKERIES_PATH

pytest_plugins = ["folder_fixtures"]

PEOPLE = """\
maintainers:
  robin-sample: Robin Sample
  kim-example:
    name: Kim Example
    orcid: 0000-0002-1825-0097
  lee-plain:
"""
BY_NAMES = META.replace("maintainers:\n  - name: Maren Solvik\n    github: maren-solvik\n", PEOPLE)


def test_a_first_sync_fills_each_table(connection, put, sync):
    put(SEA_ICE)
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    result = sync()
    assert result.diff.counts() == {"added": 3, "changed": 0, "removed": 0, "unchanged": 0}
    assert (result.not_fetched, result.skipped) == (0, 0)
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


def test_maintainers_by_their_names_on_github(connection, put, sync):
    put(SEA_ICE, BY_NAMES)
    sync()
    stored = [(0, "robin-sample", "Robin Sample", None), (1, "kim-example", "Kim Example", "0000-0002-1825-0097")]
    stored.append((2, "lee-plain", None, None))
    assert rows(connection, "select position, github, name, orcid from maintainers order by position") == stored
    assert [each[1:3] for each in problems(connection)] == [("/maintainers", "warning")]
    before = dump(connection)
    assert sync().diff.unchanged == 1
    assert dump(connection) == before


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
