"""Files that are not understood: the last good version stays, and a problem says so."""

import os

import pytest
from folder_sync import (
    BAKERIES,
    BAKERY_DATABASE,
    LFS_POINTER,
    META,
    RUNNER,
    SEA_ICE,
    SOMETHING_ELSE,
    changes,
    database_bytes,
    dump,
    feedstock,
    one,
    problems,
    rows,
    titles,
)
from pangeo_forge_federation.values.repositories import BAKERIES_PATH

pytest_plugins = ["folder_fixtures"]


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
    assert (result.problems, result.not_fetched) == (1, 0)
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
        assert result.not_fetched == 0
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
    assert result.not_fetched == 1
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
