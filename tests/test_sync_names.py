"""Ids and names that differ in letters, owners or paths."""

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
    titles,
)
from pangeo_forge_federation.values.repositories import BAKERIES_PATH, META_PATHS

pytest_plugins = ["folder_fixtures"]


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
