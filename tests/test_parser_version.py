"""After an upgrade that changes what reads the files, the next sync reads each of them once, and the one after none."""

import ast
import dataclasses
import re
import shutil
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from fake_github import FakeGitHub
from folder_sync import BAKERIES, BAKERY_DATABASE, HOME, META, SEA_ICE, changes, counts, dump, one, problems, rows
from pangeo_forge_federation import files
from pangeo_forge_federation.command_line.progress import Progress
from pangeo_forge_federation.files.parser_version import LIBRARIES, PARSER_VERSION, VALUES, version_of
from pangeo_forge_federation.settings import read_settings
from pangeo_forge_federation.storage.database import transaction
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.from_github import fetch_github, scope_of
from pangeo_forge_federation.sync.run import run_sync
from pangeo_forge_federation.values.repositories import BAKERIES_PATH
from werkzeug import Response

pytest_plugins = ["folder_fixtures"]

PACKAGE = Path(files.__file__).parent.parent
OTHERS = {"pangeo-forge/snow": "title: Snow\nlicense: CC BY 4\n", "pangeo-forge/broken": "title: a: b\n"}
FILES = 2 + len(OTHERS)


def upgrade(connection, other="another parser"):
    """What an upgrade leaves: the files were read by another parser, or by one that wrote nothing of itself."""
    with transaction(connection):
        connection.execute("update source_files set read_by = :other", {"other": other})


def without_source_files(stored):
    return {name: table for name, table in stored.items() if name not in ("source_files", "sync_changes")}


def versions(connection):
    return rows(connection, "select repository, path, sha from source_files order by repository, path")


def readers(connection):
    return rows(connection, "select distinct read_by from source_files")


def test_the_version_is_another_one_when_a_module_or_a_library_is(tmp_path):
    copied = shutil.copytree(PACKAGE, tmp_path / "copied", ignore=shutil.ignore_patterns("__pycache__"))
    assert version_of(copied, LIBRARIES) == PARSER_VERSION
    assert re.fullmatch("[0-9a-f]{32}", PARSER_VERSION)
    assert version_of(copied, LIBRARIES[:1]) != PARSER_VERSION
    for module in (copied / "files" / "people.py", copied / "values" / "redaction.py"):
        module.write_bytes(module.read_bytes() + b"\n")
        assert version_of(copied, LIBRARIES) != PARSER_VERSION
        module.write_bytes(module.read_bytes()[:-1])
    (copied / "files" / "people.py").rename(copied / "files" / "persons.py")
    assert version_of(copied, LIBRARIES) != PARSER_VERSION


def imported_by(modules):
    imported = set()
    for module in modules:
        for node in ast.walk(ast.parse(module.read_bytes())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                imported.add(node.module)
    return imported


def test_the_version_knows_all_that_the_parser_is_made_of():
    ours = f"{PACKAGE.name}."
    imported = imported_by(PACKAGE.glob("files/*.py")) | imported_by(
        PACKAGE / "values" / f"{name}.py" for name in VALUES
    )
    others = {name.split(".")[0] for name in imported if not name.startswith(ours)}
    distributions = packages_distributions()
    assert {each for name in others - sys.stdlib_module_names for each in distributions[name]} == set(LIBRARIES)
    # of our own, these and nothing else
    own = {name.removeprefix(ours) for name in imported if name.startswith(ours)}
    assert {name for name in own if not name.startswith("files.")} == {f"values.{name}" for name in VALUES}


@pytest.fixture
def from_folder(data, put, sync):
    """Syncs from a folder, and what changes a file there."""
    put(SEA_ICE)
    put(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    for repository, content in OTHERS.items():
        put(repository, content)
    return sync, lambda: put("pangeo-forge/snow", "title: Snow and ice\n")


def from_fake_github(data, httpserver, token):
    """Syncs from a GitHub of our own, and what pushes there; also a commit that leaves the file as it is."""
    github = FakeGitHub(httpserver)
    github.add(BAKERY_DATABASE, BAKERIES, BAKERIES_PATH)
    github.add(SEA_ICE, META)
    repositories = [github.add(name, content) for name, content in OTHERS.items()]
    given = {**github.environment, **({"GITHUB_TOKEN": token} if token else {})}
    settings = dataclasses.replace(read_settings(environ=given), organisations=("pangeo-forge",), repositories=())

    def sync(dry_run=False):
        github.requests.clear()
        fetched = fetch_github(data, settings, scope_of(settings), Progress())
        return run_sync(data, fetched, HOME, dry_run)

    def push():
        repositories[0].files["feedstock/meta.yaml"] = b"title: Snow and ice\n"

    return github, sync, push


@pytest.fixture(params=["folder", "graphql", "rest"])
def source(request):
    """(a function that syncs, one that changes a feedstock's file)"""
    if request.param == "folder":
        return request.getfixturevalue("from_folder")
    data, httpserver = request.getfixturevalue("data"), request.getfixturevalue("httpserver")
    return from_fake_github(data, httpserver, "a-token" if request.param == "graphql" else None)[1:]


def test_what_another_parser_understood_otherwise_is_stored_as_todays_reads_it(source, connection):
    sync, _ = source
    sync()
    before = dump(connection)
    with transaction(connection):
        connection.execute("delete from maintainers")
        connection.execute("delete from problems where source_file = 'feedstock/meta.yaml'")
        connection.execute("update feedstocks set license_spdx = 'MIT', license = null where id = 'snow'")
        connection.execute("update bakery_targets set prefix = null")
    assert sync().diff.changes == []
    upgrade(connection)
    assert sync(dry_run=True).problems_changed
    assert sync().diff.counts() == {"added": 0, "changed": 3, "removed": 0, "unchanged": 2}
    assert [change[:3] for change in changes(connection)] == [
        ("north.bakery", "changed", "targets"),
        ("sea-ice-feedstock", "changed", "maintainers"),
        ("snow", "changed", "license"),
        ("snow", "changed", "license_spdx"),
    ]
    for table in ("maintainers", "bakery_targets", "recipes", "providers"):
        assert dump(connection)[table] == before[table]
    assert one(connection, "select license, license_spdx from feedstocks where id = 'snow'") == ("CC BY 4", None)
    assert len(problems(connection, "pangeo-forge/snow")) == len(problems(connection, "pangeo-forge/broken")) == 1
    assert readers(connection) == [(PARSER_VERSION,)]


@pytest.mark.parametrize("other", ["another parser", None])
def test_what_todays_parser_reads_the_same_stays_as_it_is(source, connection, other):
    sync, _ = source
    sync()
    before, files_before, told = dump(connection), versions(connection), counts(connection)
    upgrade(connection, other)
    result = sync()
    assert (result.diff.changes, result.changes_something, result.skipped) == ([], False, 0)
    assert counts(connection) == (0, 0, 0, told[0] + told[3])
    assert without_source_files(dump(connection)) == without_source_files(before)
    assert changes(connection) == []
    assert versions(connection) == files_before and len(files_before) == FILES
    assert readers(connection) == [(PARSER_VERSION,)]


def test_the_sync_after_that_leaves_all_files_alone(source, connection):
    sync, change = source
    sync()
    upgrade(connection)
    sync()
    with transaction(connection):
        connection.execute("delete from maintainers")
    before = dump(connection)
    assert sync().changes_something is False
    assert dump(connection) == before
    change()
    assert sync().diff.counts()["changed"] == 1
    assert rows(connection, "select * from maintainers") == []


@pytest.mark.parametrize("token", ["a-token", None], ids=["graphql", "rest"])
def test_a_commit_that_left_the_file_as_it_is_stays_no_change(data, connection, httpserver, token):
    github, sync, _ = from_fake_github(data, httpserver, token)
    sync()
    before = rows(connection, 'select id, "commit", committed_at from feedstocks order by id')
    for repository in github.repositories:
        repository.files["README.md"] = b"More of it"
    assert sync().diff.changes == []
    upgrade(connection)
    assert sync().diff.changes == []
    assert github.statuses() == ({200} if token else {200, 304})
    assert rows(connection, 'select id, "commit", committed_at from feedstocks order by id') == before
    sync()
    assert github.statuses() == ({200} if token else {304})


def test_a_file_that_only_todays_parser_understands_has_the_commit_at_which_it_was_read(data, connection, httpserver):
    github, sync, _ = from_fake_github(data, httpserver, "a-token")
    sync()
    with transaction(connection):
        connection.execute('update feedstocks set title = null, meta_sha = null, "commit" = null')
    upgrade(connection)
    sync()
    stored = dict(rows(connection, 'select id, "commit" from feedstocks'))
    assert stored["sea-ice-feedstock"] == github.find(SEA_ICE).commit
    assert stored["broken"] is None


@pytest.mark.parametrize("token", ["a-token", None], ids=["graphql", "rest"])
def test_a_file_that_cannot_be_had_after_an_upgrade_is_told_of_by_its_name(data, connection, httpserver, token):
    github, sync, _ = from_fake_github(data, httpserver, token)
    wind = github.add("pangeo-forge/wind", "title: Wind\nrecipes: 7\n", "feedstock/meta.yml")
    sync()
    upgrade(connection)
    github.nulls.add(wind.name)
    github.faults.append(lambda request: Response("", 500) if request.path.startswith("/raw/" + wind.name) else None)
    result = sync()
    assert result.not_fetched == 1
    told = rows(connection, "select source_file from problems where repository = 'pangeo-forge/wind'")
    assert told == [("feedstock/meta.yml",)]
    assert one(connection, "select title, removed_at from feedstocks where id = 'wind'") == ("Wind", None)
    github.faults.clear()
    github.nulls.clear()
    assert (sync().not_fetched, sync().diff.changes) == (0, [])
    assert len(problems(connection, "pangeo-forge/wind")) == 1


def test_what_was_gone_or_fetched_later_is_no_other_after_an_upgrade(data, connection, folder, put, sync):
    put(SEA_ICE)
    put("pangeo-forge/snow", OTHERS["pangeo-forge/snow"])
    sync()
    shutil.rmtree(folder / "pangeo-forge" / "snow")
    early = fetch_folder(folder, BAKERY_DATABASE)
    put(SEA_ICE, META.replace("Daily", "Hourly"))
    sync()
    upgrade(connection)
    assert run_sync(data, early, HOME).skipped == 1
    assert one(connection, "select description from feedstocks where id = 'sea-ice-feedstock'") == "Hourly grids"
    assert one(connection, "select removed_at is not null from feedstocks where id = 'snow'") == 1
    put("pangeo-forge/snow", OTHERS["pangeo-forge/snow"])
    assert [(change.id, change.action) for change in sync().diff.changes][-1] == ("snow", "restored")
