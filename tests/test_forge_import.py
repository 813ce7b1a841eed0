"""`forge runs import`: history in bulk, as often as need be, each refusal with its line."""

import json
import re
import subprocess
import sys

import pytest
from forge_process import BAKERY, Forge, make_token
from pangeo_forge_federation.client.import_mapping import BadRow, Mapper
from pangeo_forge_federation.records.models import RecipeRun
from post_requests import whole_body
from served import numbers_of
from server_process import running_server

MANY = 10_000
# what ran before said so
ORCHESTRATOR = [
    {
        "id": 71,
        "recipe_id": "gpcp",
        "bakery_id": 1,
        "feedstock_id": 5,
        "head_sha": "27b264a69b",
        "version": "",
        "started_at": "2022-11-02T18:45:58",
        "completed_at": "2022-11-02T18:59:01.123",
        "status": "completed",
        "conclusion": "success",
        "is_test": False,
        "dataset_type": "zarr",
        "dataset_public_url": "https://store.example/gpcp.zarr",
        "message": '{"flow_id": "a"}',
    },
    {
        "id": 72,
        "recipe_id": "gpcp",
        "bakery_id": 1,
        "feedstock_id": 5,
        "head_sha": "27b264a69b",
        "started_at": "2022-11-03T18:45:58+00:00",
        "completed_at": None,
        "status": "in_progress",
        "conclusion": None,
        "is_test": True,
        "dataset_public_url": None,
    },
    {"id": 73, "recipe_id": "x", "feedstock_id": 6, "bakery_id": 1, "status": "completed", "conclusion": None},
    {"id": 74, "recipe_id": "x", "feedstock_id": 6, "bakery_id": 1, "status": "completed", "conclusion": "failure"},
]


@pytest.fixture(scope="module")
def forge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("import")
    token = make_token(folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEDERATION_WRITES_PER_MINUTE", "0")
        with running_server(folder / "data") as server:
            yield Forge(server.url, token, folder)


def run(number, prefix, **changes):
    return {
        "recipe_id": prefix,
        "feedstock_id": "pangeo-forge/northern-sea-ice-feedstock",
        "commit": "0f2c9a7d",
        "status": "success",
        "run_date": "2025-06-01T03:00:00Z",
        "external_id": f"{prefix}/{number}",
        **changes,
    }


def lines(values):
    return "".join(json.dumps(value) + "\n" for value in values)


def counted(done):
    """How many an import recorded, how many were there, and how many were refused."""
    return numbers_of(done.stderr.splitlines()[-1])


def count(forge, recipe_id):
    return len(forge.read("runs", "list", "--all", "--recipe-id", recipe_id, "--columns", "id"))


@pytest.mark.slow
def test_ten_thousand_runs_go_in_and_all_come_out_in_bounded_memory(forge, tmp_path):
    file = tmp_path / "many.ndjson"
    file.write_text(lines(run(number, "many", message="x" * 500) for number in range(MANY)))
    done = forge("runs", "import", str(file))
    assert (done.returncode, counted(done)) == (0, [MANY, 0, 0])

    def listed(*arguments):
        # in a process that tells, at its end, how much memory it took
        program = (
            "import resource, sys, atexit\n"
            "atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))\n"
            "from pangeo_forge_federation.client.commands.root import main\n"
            "main()"
        )
        command = [sys.executable, "-c", program, "runs", "list", *arguments, "--json"]
        done = subprocess.run(command, env=forge.environ, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout, int(done.stderr.split()[-1])

    whole, memory = listed("--all", "--recipe-id", "many", "--sort", "id")
    runs = json.loads(whole)
    assert [each["external_id"] for each in runs] == [f"many/{number}" for number in range(MANY)]
    _, memory_of_a_page = listed("--limit", "1000")
    # KiB: the whole is more than 10 MB as it is sent, and several times that as objects
    assert len(whole) > 10_000_000
    assert memory - memory_of_a_page < 8_000


def test_again_it_records_nothing_twice(forge, tmp_path):
    file = tmp_path / "again.jsonl"
    file.write_text(lines(run(number, "again") for number in range(700)))
    assert counted(forge("runs", "import", str(file))) == [700, 0, 0]
    done = forge("runs", "import", str(file))
    assert (done.returncode, counted(done)) == (0, [0, 700, 0])
    # other batches, so other keys: then the external ids tell
    file.write_text(lines(run(number, "again") for number in range(-3, 703)))
    done = forge("runs", "import", str(file))
    assert counted(done) == [6, 700, 0]
    assert count(forge, "again") == 706


def test_rows_without_an_external_id_are_known_again(forge, tmp_path):
    file = tmp_path / "plain.ndjson"
    rows = [{name: value for name, value in run(0, "plain").items() if name != "external_id"}] * 2
    file.write_text(lines(rows))
    # two equal rows are two runs
    assert counted(forge("runs", "import", str(file))) == [2, 0, 0]
    file.write_text(lines([*rows, run(9, "plain")]))
    assert counted(forge("runs", "import", str(file))) == [1, 2, 0]


def test_each_refusal_is_told_with_its_line_and_the_rest_recorded(forge, tmp_path):
    file = tmp_path / "mixed.ndjson"
    rows = [run(number, "mixed") for number in range(6)]
    rows[1]["status"] = "odd"
    rows[2] |= {"log_url": "ftp://x", "commit": None}
    rows[4]["bakery_id"] = "osn.bakery.campus"
    file.write_text(lines(rows) + "{broken\n\n" + lines([run(5, "mixed"), [1]]))
    done = forge("runs", "import", str(file))
    assert done.returncode == 1
    told = sorted(line.removeprefix(f"{file}:") for line in done.stderr.splitlines()[:-1])
    assert [line.split(":")[0] for line in told] == ["10", "2", "3", "5", "7", "9"]
    assert told[1].startswith("2: /status: ")
    assert "/commit: " in told[2] and "; /log_url: " in told[2]
    assert BAKERY in told[3]
    assert told[5].startswith("9: /external_id: ") and "line 6" in told[5]
    assert counted(done) == [3, 0, 6]
    assert count(forge, "mixed") == 3
    # the same external id for something else
    file.write_text(lines([run(0, "mixed", commit="other"), run(3, "mixed")]))
    done = forge("runs", "import", str(file))
    assert re.search(":1: /external_id: .*commit", done.stderr)
    assert counted(done) == [0, 1, 1]


def test_an_export_is_an_import(forge, tmp_path):
    whole = whole_body(
        RecipeRun,
        recipe_id="exported",
        bakery_id=BAKERY,
        run_date="2025-06-01T03:00:00.000000Z",
        completed_at="2025-06-01T04:00:00.000000Z",
        is_test=True,
        message='of "two"\nlines, é',
        datasets=[{"url": "gs://b/e", "format": "zarr"}],
    )
    file = tmp_path / "first.json"
    file.write_text(json.dumps([whole]))
    assert forge("runs", "import", str(file)).returncode == 0
    exported = tmp_path / "export.csv"
    exported.write_bytes(forge.process("runs", "list", "--recipe-id", "exported", "--csv").stdout.encode())
    done = forge("runs", "import", str(exported), "--dry-run")
    (sent,) = [json.loads(line) for line in done.stdout.splitlines()]
    # all that was sent, and nothing that the registry sets
    assert sent == whole
    assert counted(forge("runs", "import", str(exported))) == [0, 1, 0]


BAD = [
    {"status": "done well"},
    {"status": None},
    {"commit": "", "recipe_id": 7},
    {"feedstock_id": "https://github.com/pangeo-forge/gpcp-feedstock"},
    {"bakery_id": "a bakery"},
    {"run_date": "2025-06-01"},
    {"run_date": "2150-06-01T00:00:00Z"},
    {"completed_at": "2025-06-01T02:00:00Z"},
    {"completed_at": "2025-06-01T04:00:00Z", "status": "Running"},
    {"log_url": "logs.example/1"},
    {"version": "\x1b[31m0.10"},
    {"version": "1" * 201},
    {"message": "m" * 65_537},
    {"is_test": "no"},
    {"datasets": [{"url": "gs://b/a"}, {"format": "zarr"}, {"url": "b/c"}, "gs://b/d"]},
    {"datasets": {"url": "gs://b/a"}},
]
GOOD = [
    {"status": " Failed", "message": "\x1b[31mred\x1b[0m"},
    {"feedstock_id": "leap-stc.x", "log_url": "https://é.example/"},
]


def test_a_dry_run_refuses_at_the_same_places_what_the_registry_would(forge, tmp_path):
    file = tmp_path / "bad.ndjson"
    file.write_text(lines(run(number, "checked", **changes) for number, changes in enumerate([*BAD, *GOOD])))
    tried = forge("runs", "import", str(file), "--dry-run")
    assert tried.returncode == 1
    assert [json.loads(line)["external_id"] for line in tried.stdout.splitlines()] == ["checked/16", "checked/17"]
    told = tried.stderr.splitlines()
    assert re.search(f"{re.escape(str(file))}:1: /status: .*'done well'.*queued, in_progress, success", told[0])
    sent = forge("runs", "import", str(file))
    assert counted(sent) == [2, 0, 16]

    def places(lines):
        return {line.split(":")[1]: set(re.findall(r"(?:: |; )(/[a-z0-9_/]+): ", line)) for line in lines}

    assert places(told) == places(line for line in sent.stderr.splitlines() if line.startswith(str(file)))
    # what is not there, what the file calls otherwise, and what is no text at all
    file.write_text('{"recipe_id": "r", "message": "\\ud800"}\n')
    tried = forge("runs", "import", str(file), "--dry-run", "--set", "status=success")
    assert places(tried.stderr.splitlines()[:1]) == {"1": {"/feedstock_id", "/commit", "/message"}}


def test_columns_are_renamed_and_set(forge, tmp_path):
    file = tmp_path / "other.csv"
    file.write_text(
        "recipe,sha,state,when,trial\n"
        "renamed,0f2c,done,2025-01-02T00:00:00Z,\n"
        "renamed,0f2d,failed,2025-01-03T00:00:00Z,T\n"
        "renamed,0f2e,failed,2025-01-04T00:00:00Z,perhaps\n"
    )
    done = forge("runs", "import", str(file))
    assert done.returncode == 2
    assert "recipe, sha, state, when" in done.stderr
    options = ["--map", "recipe=recipe_id", "--map", "sha=commit", "--map", "state=status", "--map", "when=run_date"]
    options += ["--map", "trial=is_test", "--set", "feedstock_id=f"]
    constant = "datasets=" + json.dumps([{"url": "gs://b/renamed"}])
    done = forge("runs", "import", str(file), *options, "--set", constant)
    assert done.returncode == 1
    assert f"{file}:4: trial" in done.stderr and "'perhaps'" in done.stderr
    assert f"{file}:2: /status: " in done.stderr
    (run_,) = forge.read("runs", "list", "--recipe-id", "renamed")
    assert (run_["commit"], run_["status"], run_["is_test"], run_["feedstock_id"]) == ("0f2d", "failure", True, "f")
    assert [dataset["url"] for dataset in run_["datasets"]] == ["gs://b/renamed"]
    assert forge("runs", "import", str(file), "--map", "recipe=id").returncode == 2
    done = forge("runs", "import", str(file), "--set", "is_test=perhaps")
    assert (done.returncode, "is_test" in done.stderr) == (2, True)


def test_the_history_of_the_api_that_ran_before(forge, tmp_path):
    for name, value in (
        ("runs.json", ORCHESTRATOR),
        (
            "feedstocks.json",
            [{"id": 5, "spec": "pangeo-forge/gpcp-feedstock"}, {"id": 6, "spec": "leap-stc/x-feedstock"}],
        ),
        ("bakeries.json", [{"id": 1, "name": BAKERY}]),
    ):
        (tmp_path / name).write_text(json.dumps(value))
    options = ["--system", "orchestrator", "--bakeries", str(tmp_path / "bakeries.json")]
    done = forge("runs", "import", str(tmp_path / "runs.json"), *options)
    assert (done.returncode, "--feedstocks" in done.stderr) == (1, True)
    options += ["--feedstocks", str(tmp_path / "feedstocks.json")]
    done = forge("runs", "import", str(tmp_path / "runs.json"), *options)
    assert re.search("runs.json:3: .*conclusion", done.stderr)
    assert "runs.json:4: /commit: " in done.stderr
    assert counted(done) == [2, 0, 2]
    second, first = forge.read(
        "runs", "list", "--external-id-startswith", "pangeo-forge-orchestrator/", "--recipe-id", "gpcp"
    )
    assert (first["commit"], first["run_date"], first["completed_at"], first["status"]) == (
        "27b264a69b",
        "2022-11-02T18:45:58.000000Z",
        "2022-11-02T18:59:01.123000Z",
        "success",
    )
    assert first["external_id"] == "pangeo-forge-orchestrator/71"
    assert first["feedstock_repository"] == "pangeo-forge/gpcp-feedstock"
    assert [(each["url"], each["format"]) for each in first["datasets"]] == [
        ("https://store.example/gpcp.zarr", "zarr")
    ]
    assert (second["status"], second["is_test"], second["is_stale"]) == ("in_progress", True, True)
    # as its own pages showed it, with names inside
    nested = {**ORCHESTRATOR[0], "feedstock": {"spec": "pangeo-forge/gpcp-feedstock"}, "bakery": {"name": BAKERY}}
    assert Mapper(system="orchestrator").run_of(nested)["feedstock_id"] == "pangeo-forge/gpcp-feedstock"
    with pytest.raises(BadRow, match="is_test"):
        Mapper(system="orchestrator").run_of({**nested, "is_test": "perhaps"})


@pytest.mark.parametrize("content", [b"[{", b"", b"recipe_id\n\xff\n", b'recipe_id\n"a\n'])
def test_a_file_that_cannot_be_read(forge, tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    done = forge("runs", "import", str(tmp_path / "file"))
    assert (done.returncode, str(tmp_path / "file") in done.stderr) == (1, True), done.stderr


def test_cells_that_are_missing(forge):
    given = b"recipe_id,feedstock_id,commit,status,is_test\ncells,f,c,success,maybe\ncells,f,c\ncells,f,c,success,\n"
    done = forge.process("runs", "import", "-", given=given)
    first, second, _ = done.stderr.splitlines()
    assert first.startswith("<stdin>:2: ") and "is_test" in first
    assert second.startswith("<stdin>:3: ")
    assert counted(done) == [1, 0, 2]
