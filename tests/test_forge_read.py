"""`forge` reads what the API answers: every endpoint, every filter, in every form."""

import csv
import io
import json
import os
import pty
import re
import select
import sqlite3
import subprocess

import pytest
from conftest import FIXTURES
from example_paths import SMALL, values_of
from forge_process import COMMAND, Forge, make_token
from pangeo_forge_federation.client.commands.reading import FILES, command_names
from pangeo_forge_federation.client.commands.root import forge as command_line
from pangeo_forge_federation.client.endpoints import endpoints, fill
from pangeo_forge_federation.client.output import columns_of
from pangeo_forge_federation.server.client_files import client_files
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import read_settings
from pangeo_forge_federation.storage.snapshots import make_snapshot
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.run import run_sync
from server_process import running_server

RUNS = [
    {
        "recipe_id": f"recipe-{number}",
        "feedstock_id": "northern-sea-ice-feedstock",
        "commit": "0f2c9a7d",
        "status": "failure" if number % 3 == 0 else "success",
        "run_date": f"2026-02-{number + 1:02}T03:00:00Z",
        "is_test": number == 4,
        "message": "x" * 2000 if number == 0 else 'a "quoted", text\nof two lines ~',
        "datasets": [{"url": f"gs://northlight-open/{number}.zarr", "format": "zarr"}] if number == 1 else [],
    }
    for number in range(12)
]


@pytest.fixture(scope="module")
def forge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("read")
    token = make_token(folder / "data")
    settings = read_settings()
    run_sync(folder / "data", fetch_folder(FIXTURES, settings.bakery_database), settings.home_organisation)
    with running_server(folder / "data", FEDERATION_METRICS="public") as server:
        made = Forge(server.url, token, folder)
        done = made("runs", "create", "--data", "-", "--json", given=json.dumps(RUNS).encode())
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)) == len(RUNS)
        yield made


def words_of_commands():
    """Every command there is, by its words."""
    root = command_line()
    for name in root.list_commands(None):
        command = root.get_command(None, name)
        if hasattr(command, "list_commands"):
            yield from ((name, each) for each in command.list_commands(None))
        else:
            yield (name,)


async def test_every_endpoint_has_a_command(datasette):
    services = ensure_services(datasette)
    read = {("GET", endpoint.path) for endpoint in endpoints().values()} | {("GET", path) for path in FILES}
    written = {
        ("POST", "/recipe_runs"): ("runs", "create"),
        ("PATCH", "/recipe_runs/{recipe_run_id}"): ("runs", "update"),
        ("PATCH", "/recipe_runs"): ("runs", "update"),
        ("POST", "/datasets"): ("datasets", "create"),
        ("PATCH", "/datasets/{dataset_id}"): ("datasets", "update"),
        ("GET", "/health"): ("health",),
        ("GET", "/snapshots"): ("snapshots", "list"),
        ("GET", "/snapshots/{snapshot}"): ("snapshots", "download"),
    }
    there = {("GET", query.path) for query in services.queries.values()}
    there |= {(method, path) for path, method in services.operations}
    # GitHub's own
    assert there - {("POST", "/webhooks/github")} == read | set(written)
    assert set(written.values()) <= set(words_of_commands())


async def test_what_the_client_knows_is_what_the_server_has(datasette):
    for path, text in client_files(ensure_services(datasette).queries.values()).items():
        assert path.read_text("utf-8") == text, f"run scripts/write-generated: {path.name} is out of date"


def test_every_command_that_reads_works(forge):
    # the second run wrote the dataset; a feedstock may be named as its repository
    ids = SMALL | {"feedstock_id": "pangeo-forge/northern-sea-ice-feedstock", "recipe_run_id": "2"}
    for endpoint in endpoints().values():
        words = command_names(endpoint.path, endpoint.one)
        got = forge.read(*words, *values_of(endpoint.path, ids).values())
        assert got, words
        record = got if endpoint.one else got[0]
        assert list(record) == list(endpoint.fields), words
    for path in FILES:
        words = command_names(path, True)
        done = forge(*words, *values_of(path, ids).values())
        assert (done.returncode, done.stdout[0] in "<{#") == (0, True), words
    assert fill("/feedstocks/{feedstock_id}", "a/b c") == "/feedstocks/a%2Fb%20c"


@pytest.mark.parametrize(
    ("options", "recipes"),
    [
        (("--status", "failure"), [9, 6, 3, 0]),
        (("--status", "failed", "--run-date-gte", "2026-02-05"), [9, 6]),
        (("--run_date__gte", "2026-02-10", "--run-date-lt", "2026-02-12"), [10, 9]),
        (("--recipe-id-in", "recipe-1,recipe-2", "--sort", "id"), [1, 2]),
        (("--recipe-id-in", '["recipe-7"]'), [7]),
        (("--recipe-id-contains", "-1"), [11, 10, 1]),
        (("--recipe-id-endswith", "-1"), [1]),
        (("--is-test",), [4]),
        (("--no-is-test", "--run-date", "2026-02-05"), []),
        (("--sort-desc", "id", "--limit", "2"), [11, 10]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_filters_are_options(forge, options, recipes):
    assert [run["recipe_id"] for run in forge.read("runs", "list", *options)] == [f"recipe-{each}" for each in recipes]


def test_a_default_is_lifted_and_words_are_searched(forge):
    assert len(forge.read("datasets", "list", "--is-test-in", "0,1")) == 1
    assert [each["id"] for each in forge.read("feedstocks", "list", "--search", "multi alti")] == [
        "global-altimetry-feedstock"
    ]


def test_forms_hold_the_same(forge):
    columns = ("--columns", "id,is_test,message,datasets,completed_at")
    command = ("runs", "list", "--all", "--sort", "id", *columns)
    rows = forge.read(*command)
    assert len(rows) == 12
    assert list(rows[0]) == ["id", "is_test", "message", "datasets", "completed_at"]
    # whole, where the API's own lists cut it
    assert len(rows[0]["message"]) == 2000
    assert [json.loads(line) for line in forge(*command, "--nl").stdout.splitlines()] == rows
    told = list(csv.DictReader(io.StringIO(forge(*command, "--csv").stdout, newline="")))
    assert [row["message"] for row in told] == [row["message"] for row in rows]
    assert told[1]["is_test"] == "false"
    assert json.loads(told[1]["datasets"])[0]["url"] == "gs://northlight-open/1.zarr"
    assert told[1]["completed_at"] == (rows[1]["completed_at"] or "")


def test_a_table_has_columns_for_every_record(forge):
    for endpoint in endpoints().values():
        shown = columns_of(endpoint.record)
        assert shown, endpoint.record
        assert {endpoint.fields[name].kind for name in shown} <= {"text", "integer", "number", "boolean", "time"}
    # nobody says which of a maintainer's: the first that are no lists
    head = forge("maintainers", "list", "--limit", "1").stdout.splitlines()[0]
    assert head.split() == ["github", "name", "orcid", "feedstocks_count"]


def test_lists_that_are_empty(forge):
    nothing = ("runs", "list", "--recipe-id", "nowhere", "--columns", "id,status")
    assert forge(*nothing, "--json").stdout == "[]\n"
    assert forge(*nothing, "--nl").stdout == ""
    assert forge(*nothing, "--csv").stdout.splitlines() == ["id,status"]
    assert forge(*nothing).stdout == ""


def test_data_is_on_stdout_and_the_rest_on_stderr(forge):
    done = forge("runs", "list", "--columns", "id,status")
    assert done.stdout.splitlines()[0] == "id  status"
    assert len(done.stdout.splitlines()) == 13
    assert done.stderr == ""
    shown = forge("runs", "show", "5", "--columns", "id,message,is_test").stdout
    assert shown.splitlines() == ["id       5", 'message  a "quoted", text', "         of two lines ~", "is_test  yes"]


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("runs", "show", "999"), 1, "(404)"),
        (("runs", "list", "--status", "gone"), 1, "queued"),
        (("runs", "list", "--nothing"), 2, "--nothing"),
        (("runs", "list", "--columns", "nothing"), 2, "nothing"),
        (("runs", "nothing"), 2, "nothing"),
        (("run", "list"), 2, "runs"),
        (("--url", "ftp://x", "runs", "list"), 2, "https://"),
        (("--token-file", "/nowhere", "runs", "list"), 2, "/nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_exit_codes_and_errors(forge, arguments, code, named):
    done = forge(*arguments)
    assert done.returncode == code
    assert named in done.stderr
    assert done.stdout == ""


def test_a_token_that_is_refused_exits_4(forge):
    done = forge.where(FEDERATION_TOKEN="pfk_9_" + "x" * 43)("runs", "list")
    assert done.returncode == 4
    assert "(401)" in done.stderr
    body = ("--recipe-id", "x", "--feedstock-id", "x", "--commit", "x", "--status", "success")
    done = forge("runs", "create", *body, "--bakery-id", "osn.bakery.campus")
    assert (done.returncode, "(403)" in done.stderr) == (4, True)
    done = forge.where(FEDERATION_TOKEN="")("runs", "create", *body)
    assert done.returncode == 2


def test_an_error_prints_each_pointer(forge):
    done = forge("runs", "create", "--recipe-id", "x", "--status", "odd", "--log-url", "ftp://x")
    assert done.returncode == 1
    for pointer in ("/feedstock_id", "/commit", "/status", "/log_url"):
        assert f"  {pointer}: " in done.stderr


def on_a_terminal(forge, *arguments, columns="100", stdout=None):
    """What a command shows on a terminal; with `stdout` elsewhere, what is on stderr."""
    ours, theirs = pty.openpty()
    environment = {**forge.environ, "COLUMNS": columns, "TERM": "xterm"}
    streams = {"stdin": theirs, "stdout": theirs if stdout is None else stdout, "stderr": theirs}
    process = subprocess.Popen([*COMMAND, *arguments], env=environment, **streams)
    os.close(theirs)
    shown = b""
    while True:
        ready, _, _ = select.select([ours], [], [], 20)
        assert ready, shown
        try:
            piece = os.read(ours, 65536)
        except OSError:
            # all that wrote to it have ended
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(20) == 0
    return shown.decode()


def test_a_terminal_gets_colours_and_lines_that_fit(forge):
    shown = on_a_terminal(forge, "runs", "list", columns="60")
    assert "\x1b[32msuccess\x1b[0m" in shown
    assert "\x1b[31mfailure\x1b[0m" in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert all(len(line) <= 60 for line in plain.splitlines())
    assert "…" in plain
    assert "\x1b" not in on_a_terminal(forge.where(NO_COLOR="1"), "runs", "list")


def test_a_progress_bar_on_a_terminal(forge):
    shown = on_a_terminal(forge, "runs", "list", "--all", "--columns", "id", stdout=subprocess.DEVNULL)
    assert "12/12" in shown


def test_a_reader_that_leaves_early(forge):
    process = forge.start("runs", "list", "--all", "--nl")
    process.stdout.close()
    assert b"Traceback" not in process.communicate(timeout=20)[1]


def test_watch_until_it_is_final(forge):
    body = ("--recipe-id", "w", "--feedstock-id", "f", "--commit", "c", "--status", "queued")
    new = forge("runs", "create", *body, "--json")
    run_id = str(json.loads(new.stdout)["id"])
    process = forge.start("runs", "watch", run_id, "--interval", "0.1s", "--json")
    assert b"queued" in process.stderr.readline()
    assert forge("runs", "update", run_id, "--status", "in_progress").returncode == 0
    assert b"in_progress" in process.stderr.readline()
    forge("runs", "update", run_id, "--status", "failure", "--message", "no more")
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, json.loads(out)["message"]) == (1, "no more")
    assert forge("runs", "watch", "2").returncode == 0
    done = forge("runs", "watch", run_id)
    assert done.returncode == 1


def test_runs_and_datasets_are_changed(forge):
    body = ("--recipe-id", "u", "--feedstock-id", "f", "--commit", "c", "--external-id", "u/1")
    assert forge("runs", "create", *body, "--status", "queued").returncode == 0
    changed = json.loads(
        forge("runs", "update", "--by-external-id", "u/1", "--message", "m", "--dataset", "gs://b/u", "--json").stdout
    )
    assert (changed["message"], changed["datasets"][0]["url"], changed["revision"]) == ("m", "gs://b/u", 2)
    run_id = str(changed["id"])
    assert forge("runs", "heartbeat", run_id).returncode == 0
    assert forge("runs", "update", run_id, "--unset", "message", "--if-revision", "2").returncode == 0
    assert forge.read("runs", "show", run_id)["message"] is None
    done = forge("runs", "update", run_id, "--message", "late", "--if-revision", "2")
    assert (done.returncode, "(412)" in done.stderr) == (1, True)
    assert forge("runs", "update", run_id, "--by-external-id", "u/1").returncode == 2
    made = json.loads(forge("datasets", "create", "--url", "gs://b/hand", "--format", "zarr", "--json").stdout)
    done = forge("datasets", "update", str(made["id"]), "--retraction-reason", "wrong", "--json")
    assert json.loads(done.stdout)["retracted_at"]


def test_a_dataset_is_opened_as_its_page_says(forge):
    done = forge("datasets", "open", "1")
    assert done.returncode == 0
    compile(done.stdout, "open", "exec")
    assert 'xr.open_dataset(\n    "gs://northlight-open/1.zarr"' in done.stdout
    assert "requester_pays" in done.stdout


def test_a_snapshot_is_taken_home_whole_or_not_at_all(forge, tmp_path):
    done = forge("snapshots", "download")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    (name,) = [make_snapshot(forge.folder / "data").path.name]
    assert [each["name"] for each in forge.read("snapshots", "list")] == [name]

    done = forge("snapshots", "download", "--output", str(tmp_path / "home.db"))

    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'home.db'}\n")
    connection = sqlite3.connect(tmp_path / "home.db")
    assert connection.execute("select count(*) from recipe_runs").fetchone() == (
        len(forge.read("runs", "list", "--all")),
    )
    connection.close()
    done = forge("snapshots", "download", "another.db")
    assert (done.returncode, done.stderr.count("\n"), "another.db" in done.stderr) == (1, 1, True)

    snapshot = forge.folder / "data" / "snapshots" / name
    snapshot.write_bytes(snapshot.read_bytes()[:-1] + b"!")
    done = forge("snapshots", "download", "--output", str(tmp_path / "other.db"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["home.db"]
