import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from pangeo_forge_federation.settings import ROOT
from served import numbers_of

FIXTURES = ROOT / "tests" / "fixtures" / "federation"
SEA_ICE = "pangeo-forge/northern-sea-ice-feedstock"


@pytest.fixture
def folder(tmp_path):
    """A copy of the fixtures, to be changed."""
    return shutil.copytree(FIXTURES, tmp_path / "folder")


@pytest.fixture
def call(tmp_path, warm_python):
    """A function that runs one of the scripts over a fresh data folder."""

    def run(*arguments, script="sync", data=tmp_path / "data", environment=()):
        options = ["--data", data] if data else []
        return warm_python.run(
            ROOT / "scripts" / f"{script}.py",
            *arguments,
            *options,
            cwd=tmp_path,
            environment={**os.environ, **dict(environment)},
        )

    return run


def rows(data, sql):
    with closing(sqlite3.connect(data / "federation.db")) as connection:
        return connection.execute(sql).fetchall()


def file_of(folder, repository=SEA_ICE):
    return folder / repository / "feedstock" / "meta.yaml"


def change_title(folder, title):
    path = file_of(folder)
    lines = [f"title: {title}" if line.startswith("title:") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")


def test_a_sync_says_on_stderr_what_it_did(call, folder, tmp_path):
    done = call("--from", folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("\n") == 1
    (problems,) = rows(tmp_path / "data", "select count(*) from problems")[0]
    assert numbers_of(done.stderr) == [15, 0, 0, 0, problems]
    again = call("--from", folder)
    assert (again.returncode, again.stdout) == (0, "")
    assert numbers_of(again.stderr) == [0, 0, 0, 15, problems]


@pytest.mark.parametrize("script", ["sync", "sync_bakeries", "sync_feedstocks"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("--from",),
        ("--org", "a/b"),
        ("--from", "not-there"),
        ("--from", ROOT / "README.md"),
        ("--from", FIXTURES, "--repo", "northern-sea-ice-feedstock"),
        ("--from", FIXTURES, "--repo", "pangeo-forge/"),
        ("--from", FIXTURES, "--repo", "a/b/c"),
        ("--from", FIXTURES, "--repo", "a b/c"),
        ("--from", FIXTURES, "--unknown"),
        ("--from", FIXTURES, "stray"),
    ],
)
def test_usage_errors_are_exit_2_and_make_nothing(call, tmp_path, script, arguments):
    done = call(*arguments, script=script)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_bad_repository_is_named(call):
    assert "'a b/c'" in call("--from", FIXTURES, "--repo", "a b/c").stderr


@pytest.mark.parametrize("script", ["sync", "sync_bakeries", "sync_feedstocks"])
def test_help_is_exit_0(call, script):
    done = call("--help", script=script, data=None)
    assert done.returncode == 0
    assert "--dry-run" in done.stdout


def test_the_scripts_of_one_half_touch_only_that(call, folder, tmp_path):
    bakeries, feedstocks = "select count(*) from bakeries", "select count(*) from feedstocks"
    call("--from", folder, script="sync_bakeries")
    assert rows(tmp_path / "data", bakeries) == [(3,)]
    assert rows(tmp_path / "data", feedstocks) == [(0,)]
    call("--from", folder, script="sync_feedstocks", data=tmp_path / "other")
    assert rows(tmp_path / "other", bakeries) == [(0,)]
    assert rows(tmp_path / "other", feedstocks) == [(12,)]
    # and neither takes the other's away
    shutil.rmtree(folder / "pangeo-forge" / "bakery-database")
    call("--from", folder, script="sync_feedstocks")
    shutil.copytree(FIXTURES / "pangeo-forge" / "bakery-database", folder / "pangeo-forge" / "bakery-database")
    shutil.rmtree(folder / SEA_ICE)
    call("--from", folder, script="sync_bakeries")
    gone = "select count(*) from {} where removed_at is not null"
    assert rows(tmp_path / "data", gone.format("bakeries")) == [(0,)]
    assert rows(tmp_path / "data", gone.format("feedstocks")) == [(0,)]


def test_just_what_is_named_is_synced(call, tmp_path):
    call("--from", FIXTURES, "--org", "Delta-Hydrology", "--repo", SEA_ICE)
    assert rows(tmp_path / "data", "select id from feedstocks order by id") == [
        ("delta-hydrology.groundwater-storage-feedstock",),
        ("delta-hydrology.river-discharge_feedstock",),
        ("northern-sea-ice-feedstock",),
    ]


def test_a_dry_run_prints_the_diff_and_changes_nothing(call, folder, tmp_path):
    first = call("--from", folder, "--dry-run")
    assert first.returncode == 0
    assert "+ feedstock northern-sea-ice-feedstock" in first.stdout.splitlines()
    assert "+ bakery osn.bakery.campus" in first.stdout.splitlines()
    problems = [line for line in first.stdout.splitlines() if line.startswith("! ")]
    assert len(first.stdout.splitlines()) == 15 + len(problems)
    assert numbers_of(first.stderr) == [15, 0, 0, 0, len(problems)]
    (orcid,) = [line for line in problems if line.endswith(" [/maintainers/0/orcid]")]
    assert orcid.startswith("! polar-data-lab/permafrost-temperatures-feedstock/feedstock/meta.yaml:19:12: error: ")
    assert not (tmp_path / "data").exists()
    call("--from", folder)
    change_title(folder, "Ice")
    shutil.rmtree(folder / "pangeo-forge" / "storm-tracks-feedstock")
    lines = call("--from", folder, "--dry-run").stdout.splitlines()
    assert (
        "~ feedstock northern-sea-ice-feedstock title: 'Northern Hemisphere Sea Ice Concentration and Extent' -> 'Ice'"
        in lines
    )
    assert "- feedstock storm-tracks-feedstock removed" in lines
    assert rows(tmp_path / "data", "select count(*) from feedstocks where title = 'Ice' or removed_at is not null") == [
        (0,)
    ]
    call("--from", folder)
    shutil.copytree(
        FIXTURES / "pangeo-forge" / "storm-tracks-feedstock", folder / "pangeo-forge" / "storm-tracks-feedstock"
    )
    assert call("--from", folder, "--dry-run").stdout.startswith("+ feedstock storm-tracks-feedstock restored\n")


def test_a_diff_shows_no_line_ends_controls_or_endless_values(call, folder):
    call("--from", folder)
    path = file_of(folder)
    path.write_text(path.read_text() + 'pangeo_forge_version: "a\\e[31m"\ndescription: "' + "line\\n" * 500 + '"\n')
    done = call("--from", folder, "--dry-run")
    starts = ("~ feedstock northern-sea-ice-feedstock ", f"! {SEA_ICE}/feedstock/meta.yaml:")
    assert all(line.startswith(starts) for line in done.stdout.splitlines())
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 300


def test_check_is_exit_3_while_something_would_change(call, folder):
    pending = call("--from", folder, "--check")
    assert pending.returncode == 3
    assert sum(line.startswith("+ ") for line in pending.stdout.splitlines()) == 15
    # checking changed nothing
    assert call("--from", folder, "--check").returncode == 3
    assert call("--from", folder).returncode == 0
    quiet = call("--from", folder, "--check")
    assert (quiet.returncode, quiet.stdout) == (0, "")
    change_title(folder, "Ice")
    assert call("--from", folder, "--check").returncode == 3


@pytest.mark.parametrize("option", [(), ("--dry-run",), ("--check",)])
def test_json_is_all_that_is_on_stdout(call, folder, option):
    call("--from", folder)
    change_title(folder, "Ice")
    done = call("--from", folder, "--json", *option)
    told = json.loads(done.stdout)
    assert {name: told[name] for name in ("added", "changed", "removed", "unchanged")} == {
        "added": 0,
        "changed": 1,
        "removed": 0,
        "unchanged": 14,
    }
    assert told["problems"] > 0
    assert {
        "kind": "feedstock",
        "id": "northern-sea-ice-feedstock",
        "action": "changed",
        "field": "title",
        "old": "Northern Hemisphere Sea Ice Concentration and Extent",
        "new": "Ice",
    } in told["changes"]
    assert numbers_of(done.stderr)[:3] == [0, 1, 0]


def test_a_file_that_cannot_be_read_is_exit_1_and_the_rest_is_saved(call, folder, tmp_path):
    path = file_of(folder)
    path.unlink()
    # longer than any name
    path.symlink_to("x" * 300)
    done = call("--from", folder)
    assert done.returncode == 1
    assert numbers_of(done.stderr.splitlines()[-1])[-1] == 1
    assert rows(tmp_path / "data", "select count(*) from feedstocks where title is not null") == [(9,)]


def test_something_else_in_a_files_place_is_no_failure(call, folder, tmp_path):
    path = file_of(folder)
    path.unlink()
    path.mkdir()
    assert call("--from", folder).returncode == 0
    assert rows(
        tmp_path / "data", "select count(*) from problems where feedstock_id = 'northern-sea-ice-feedstock'"
    ) == [(1,)]


def test_a_database_that_cannot_be_used_is_exit_1_in_one_line(call, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "federation.db").write_bytes(b"this is no database, but long enough to be one" * 100)
    done = call("--from", FIXTURES)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1


def test_a_newer_database_is_exit_1_in_one_line(call, tmp_path):
    call("--from", FIXTURES)
    with closing(sqlite3.connect(tmp_path / "data" / "federation.db")) as connection, connection:
        connection.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at) values ('federation', 'm999_later', '')"
        )
    done = call("--from", FIXTURES)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_a_folder_that_holds_nothing_is_said(call, folder):
    done = call("--from", folder / "pangeo-forge")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    done = call("--from", folder, "--org", "nobody-of-that-name")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nobody-of-that-name" in done.stderr


def test_the_environment_names_the_data_folder_and_the_option_wins(call, tmp_path):
    environment = {"FEDERATION_DATA": str(tmp_path / "from-environment")}
    assert call("--from", FIXTURES, data=None, environment=environment).returncode == 0
    assert rows(tmp_path / "from-environment", "select count(*) from feedstocks") == [(12,)]
    before = (tmp_path / "from-environment" / "federation.db").read_bytes()
    assert call("--from", FIXTURES, environment=environment).returncode == 0
    assert rows(tmp_path / "data", "select count(*) from feedstocks") == [(12,)]
    assert (tmp_path / "from-environment" / "federation.db").read_bytes() == before
