"""`forge validate` tells of a file just what a sync stores of it."""

import json
import re
import subprocess
import sys

import pytest
from conftest import FIXTURES
from forge_process import Forge
from pangeo_forge_federation.client.validating import check, kind_of
from pangeo_forge_federation.settings import read_settings
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.run import run_sync

RUNNER = """\
TargetStorage:
  fsspec_class: 's3fs.S3FileSystem'
  fsspec_args:
    key: SECRET_KEY_NAME
InputCacheStorage: {}
"""
COMMAND = ("validate", "--no-annotations")


@pytest.fixture
def forge(tmp_path):
    # nothing is sent
    return Forge("http://127.0.0.1:9", "", tmp_path)


def stored_problems(data, folder):
    """File -> problems as a sync of the folder stores them."""
    prepare(data)
    settings = read_settings()
    run_sync(data, fetch_folder(folder, settings.bakery_database), settings.home_organisation)
    connection = connect(database_path(data, FEDERATION))
    rows = connection.execute(
        """
        select repository, source_file, pointer, line, "column", severity, message
        from problems
        -- those that a file alone has
        where unlisted_bakery_id is null
        """
    )
    found = {}
    for row in rows:
        found.setdefault(folder / row["repository"] / row["source_file"], set()).add(tuple(row)[2:])
    connection.close()
    return found


def told_problems(file):
    return {tuple(vars(problem).values()) for problem in check(file, kind_of(file))}


def files_of(folder):
    return [path for path in sorted(folder.rglob("*.y*ml")) if path.name.startswith(("meta.", "bakeries."))]


def test_it_tells_what_a_sync_stores(data):
    stored = stored_problems(data, FIXTURES)
    assert stored
    for file in files_of(FIXTURES):
        assert told_problems(file) == stored.get(file, set()), file


def test_it_tells_of_people_by_their_names_what_a_sync_stores(data, tmp_path, forge):
    file = tmp_path / "folder" / "pangeo-forge" / "tides-feedstock" / "feedstock" / "meta.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("title: T\nrecipes:\nmaintainers:\n  robin-sample: Robin Sample\n  Kim Example:\n  lee-plain:\n")
    told = told_problems(file)
    assert told == stored_problems(data, tmp_path / "folder")[file]
    assert {each[:4] for each in told} == {
        ("/maintainers", 4, 3, "warning"),
        ("/maintainers/Kim Example", 5, 15, "error"),
    }
    assert forge(*COMMAND, str(file)).returncode == 1
    file.write_text(file.read_text().replace("  Kim Example:\n", ""))
    assert forge(*COMMAND, str(file)).returncode == 0
    assert forge(*COMMAND, "--strict", str(file)).returncode == 1


def test_it_tells_of_real_files_what_a_sync_stores(data, real_folder, tmp_path):
    stored = stored_problems(data, real_folder)
    assert stored
    for file in files_of(real_folder):
        assert told_problems(file) == stored.get(file, set()), file
    # earlier versions, each in the place of its file
    for number, file in enumerate(sorted((real_folder.parent / "real-history").rglob("*@*.yaml"))):
        name = re.sub("@[0-9a-f]+", "", file.name)
        place = tmp_path / str(number) / file.relative_to(real_folder.parent / "real-history").with_name(name)
        place.parent.mkdir(parents=True)
        place.write_bytes(file.read_bytes())
        folder = tmp_path / str(number)
        stored = stored_problems(tmp_path / f"data-{number}", folder)
        assert told_problems(file) == stored.get(place, set()), file


def test_lines_as_compilers_print_them_and_exit_1_on_errors(forge, tmp_path):
    file = tmp_path / "meta.yaml"
    file.write_text("title: T\nrecipes:\n  - object: recipe:r\nlicense: Unknown\n")
    done = forge(*COMMAND, str(file))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert re.fullmatch(rf"{file}:3:5: error: .+ \[/recipes/0/id\]", lines[0])
    assert re.match(rf"{file}:4:10: warning: ", lines[1])
    file.write_text("title: T\nrecipes:\n  - id: a\n    object: recipe:r\nlicense: Unknown\n")
    assert forge(*COMMAND, str(file)).returncode == 0
    assert forge(*COMMAND, "--strict", str(file)).returncode == 1
    (problem,) = json.loads(forge(*COMMAND, "--json", str(file)).stdout)
    assert (problem["pointer"], problem["severity"], problem["line"]) == ("/license", "warning", 5)


def test_in_github_actions_each_is_marked_in_the_file(forge, tmp_path):
    file = tmp_path / "meta.yaml"
    file.write_text("a: [\n")
    done = forge.where(GITHUB_ACTIONS="true")("validate", str(file))
    assert done.returncode == 1
    assert re.search(rf"^::error file={file},line=2,col=1::.", done.stdout, re.MULTILINE)
    assert "::" not in forge(*COMMAND, str(file)).stdout


def test_a_runners_configuration_is_no_list_of_bakeries(forge, tmp_path):
    file = tmp_path / "bakeries.yaml"
    file.write_text(RUNNER)
    done = forge(*COMMAND, str(file))
    assert done.returncode == 1
    assert f"{file}:1:1: error: " in done.stdout
    assert "SECRET_KEY_NAME" not in done.stdout


def test_the_files_of_a_checkout(forge, tmp_path):
    assert forge(*COMMAND, str(tmp_path)).returncode == 2
    assert forge(*COMMAND, str(tmp_path / "nowhere")).returncode == 2
    (tmp_path / "feedstock").mkdir()
    (tmp_path / "feedstock" / "meta.yml").write_text("x: 1\n")
    done = forge(*COMMAND, str(tmp_path))
    assert (done.returncode, "feedstock/meta.yml:1:1: error: " in done.stdout) == (1, True)
    (tmp_path / "other.txt").write_text(RUNNER)
    done = forge(*COMMAND, "--as", "bakeries", str(tmp_path / "other.txt"))
    assert f"{tmp_path / 'other.txt'}:1:1: error: " in done.stdout


def test_it_needs_no_server_and_nothing_of_the_servers():
    """As where only the client is installed: what the server needs cannot be imported."""
    program = """
import sys
for name in ("datasette", "pydantic", "sqlite_utils", "uvicorn", "limits", "swagger_ui", "sqlite_migrate", "httpx"):
    sys.modules[name] = None
from pangeo_forge_federation.client import Client
from pangeo_forge_federation.client.commands.root import forge
root = forge()
for name in root.list_commands(None):
    command = root.get_command(None, name)
    for each in getattr(command, "list_commands", lambda context: [])(None):
        command.get_command(None, each)
main = root.main(["validate", "--no-annotations", sys.argv[1]], standalone_mode=False)
"""
    file = FIXTURES / "pangeo-forge" / "bakery-database" / "bakeries.yaml"
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
