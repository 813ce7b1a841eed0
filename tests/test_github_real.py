"""The federation's real files and earlier versions of them, from a GitHub of our own: stored as from a folder."""

import dataclasses
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from fake_github import FakeGitHub
from pangeo_forge_federation.command_line.progress import Progress
from pangeo_forge_federation.settings import read_settings
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.from_github import fetch_github, scope_of
from pangeo_forge_federation.sync.run import run_sync
from pangeo_forge_federation.values.repositories import BAKERIES_PATH, META_PATHS

# What a folder cannot say, and when it was.
GITHUB_ALONE = {"github_id", "archived", "commit", "source_commit", "committed_at"}
TIMES = {"fetched_at", "synced_at", "found_at", "removed_at", "etag", "id"}
TABLES = ("bakeries", "bakery_targets", "feedstocks", "recipes", "maintainers", "providers", "problems", "source_files")


def contents(data):
    """What is stored, but for what only GitHub says; whether something is removed, not when."""
    with closing(connect(database_path(data, FEDERATION))) as connection:
        return {
            table: sorted(
                repr(
                    {
                        **{name: value for name, value in row.items() if name not in GITHUB_ALONE | TIMES},
                        "removed": row.get("removed_at") is not None,
                    }
                )
                for row in map(dict, connection.execute(f"select * from {table}"))
            )
            for table in TABLES
        }


@pytest.mark.parametrize("token", ["a-token", None], ids=["graphql", "rest"])
def test_real_files_and_their_history_are_stored_as_from_a_folder(data, tmp_path, real_folder, httpserver, token):
    folder, by_folder = tmp_path / "folder", tmp_path / "by-folder"
    shutil.copytree(real_folder, folder)
    prepare(by_folder)
    github = FakeGitHub(httpserver)
    repositories = {}
    for path in (BAKERIES_PATH, *META_PATHS):
        for file in sorted(folder.glob(f"*/*/{path}")):
            name = "/".join(file.relative_to(folder).parts[:2])
            if name not in repositories:
                repositories[name] = github.add(name, file.read_bytes(), path)
    owners = sorted({name.split("/")[0] for name in repositories})
    settings = dataclasses.replace(
        read_settings(environ={**github.environment, **({"GITHUB_TOKEN": token} if token else {})}),
        organisations=tuple(owners),
        repositories=(),
    )

    def assert_same():
        whole = fetch_github(data, settings, scope_of(settings), Progress())
        result = run_sync(data, whole, settings.home_organisation)
        assert (result.errors, result.not_fetched) == ([], 0)
        run_sync(by_folder, fetch_folder(folder, settings.bakery_database), settings.home_organisation)
        assert contents(data) == contents(by_folder)
        return result

    assert assert_same().diff.counts()["added"] == len(repositories) - 1 + len(contents(data)["bakeries"])
    history = real_folder.parent / "real-history"
    versions = sorted(history.glob("**/*@*"))
    assert versions or not history.is_dir()
    for version in versions:
        place = version.relative_to(history)
        name, inside = "/".join(place.parts[:2]), Path(*place.parts[2:])
        path = inside.with_name(inside.name.split("@")[0] + inside.suffix).as_posix()
        old = repositories[name].files[path]
        for content in (version.read_bytes(), old):
            (folder / name / path).write_bytes(content)
            repositories[name].files[path] = content
            assert_same()
