"""`forge runs record`: a command is run whatever the registry does, and each of its ends is recorded."""

import json
import os
import pty
import re
import signal
import stat
import subprocess
import time

import pytest
from forge_process import BAKERY, COMMAND, RUN
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction
from served import numbers_of
from server_process import wait_for

pytest_plugins = ["forge_fixtures"]


@pytest.fixture(scope="module")
def data(registry_folder):
    return registry_folder


def test_on_a_terminal_it_says_what_was_recorded(forge):
    mine, theirs = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "runs", "record", *RUN, "--", "true"], env=forge.environ, stderr=theirs, stdout=subprocess.PIPE
    )
    os.close(theirs)
    assert (done.returncode, done.stdout) == (0, b"")
    assert os.read(mine, 1000).decode().endswith(f"{forge.url}/recipe_runs/{forge.latest()['id']}\r\n")
    os.close(mine)


def test_a_command_that_succeeds(forge):
    done = forge(
        "runs", "record", *RUN, "--dataset", "gs://northlight-open/e.zarr", "--", "sh", "-c", "echo out; echo err >&2"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")
    run = forge.latest()
    assert (run["status"], run["recipe_id"], run["bakery_id"]) == ("success", "extent", BAKERY)
    assert sorted(run["message"].split()) == ["err", "out"]
    assert [dataset["url"] for dataset in run["datasets"]] == ["gs://northlight-open/e.zarr"]
    events = forge.read("runs", "events", str(run["id"]))
    assert [event["status"] for event in events] == ["in_progress", "success"]
    assert run["run_date"] <= run["completed_at"]
    assert not forge.spool.exists()


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("sh", "-c", "echo broken; exit 3"), 3, "\n\nbroken"),
        (("sh", "-c", "kill -KILL $$; sleep 5"), 137, "SIGKILL"),
        (("sh", "-c", "kill -TERM $$; sleep 5"), 143, "SIGTERM"),
        (("no-such-command",), 127, "no-such-command"),
        (("/etc",), 126, "/etc"),
    ],
    ids=["code", "kill", "term", "not found", "not executable"],
)
def test_every_failure_is_recorded_with_its_code_or_signal(forge, command, code, said):
    assert forge.record(*command).returncode == code
    run = forge.latest()
    assert run["status"] == "failure"
    assert said in run["message"] and (str(code) in run["message"] or said.startswith("SIG"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_us_reaches_the_whole_group_and_is_cancelled(forge, number, tmp_path):
    # the command waits for another process of its group, which says that it was told; both then exit 0
    inner, told = tmp_path / "inner.sh", tmp_path / "told"
    inner.write_text(f'trap "echo told > {told}; exit 0" TERM INT\necho begun\nwhile :; do sleep 0.05; done\n')
    process = forge.start("runs", "record", *RUN, "--", "bash", "-c", f'trap "exit 0" TERM INT; bash {inner}; exit 0')
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert told.exists()
    run = forge.latest()
    assert run["status"] == "cancelled"
    assert signal.Signals(number).name in run["message"]


def test_what_does_not_end_is_killed_after_five_seconds_and_recorded(forge):
    process = forge.start(
        "runs", "record", *RUN, "--", "sh", "-c", 'trap "" TERM; echo begun; while :; do sleep 1; done'
    )
    assert process.stdout.readline() == b"begun\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert time.monotonic() - began >= 5
    assert process.returncode == 143
    run = forge.latest()
    assert run["status"] == "cancelled"
    assert re.findall("SIG[A-Z]+", run["message"].splitlines()[0]) == ["SIGTERM", "SIGKILL"]


def test_time_that_is_up(forge):
    done = forge("runs", "record", *RUN, "--timeout", "0.3s", "--", "sh", "-c", "echo slow; sleep 60")
    assert done.returncode == 124
    run = forge.latest()
    assert run["status"] == "timed_out"
    assert "SIGTERM" in run["message"] and run["message"].endswith("\n\nslow")


def test_kill_9_leaves_a_run_that_goes_stale(forge, data):
    process = forge.start("runs", "record", *RUN, "--", "sh", "-c", "echo begun; echo $$; exec sleep 60")
    assert process.stdout.readline() == b"begun\n"
    command = int(process.stdout.readline())
    process.kill()
    process.wait()
    os.kill(command, signal.SIGKILL)
    process.stdout.close()
    process.stderr.close()
    run = forge.latest()
    assert (run["status"], run["is_stale"]) == ("in_progress", False)
    # as it reads when `stale_after` has passed
    long_ago = "2026-01-01T00:00:00.000000Z"
    connection = connect(database_path(data, FEDERATION))
    with transaction(connection):
        connection.execute(
            "update recipe_runs set updated_at = :at, created_at = :at, run_date = :at where id = :id",
            {"at": long_ago, "id": run["id"]},
        )
    connection.close()
    assert forge.read("runs", "show", str(run["id"]))["is_stale"] is True


def test_a_background_process_that_holds_the_pipe_does_not_hold_us(forge, tmp_path):
    done = forge.record("sh", "-c", f"sleep 600 & echo $! > {tmp_path}/pid; echo done")
    assert (done.returncode, done.stdout) == (0, "done\n")
    # it is there still
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert forge.latest()["status"] == "success"


def test_a_reader_that_leaves_stops_neither_the_command_nor_the_record(forge, tmp_path):
    script = f"seq 200000; echo whole > {tmp_path}/whole"
    process = forge.start("runs", "record", *RUN, "--", "sh", "-c", script)
    assert process.stdout.readline() == b"1\n"
    process.stdout.close()
    process.wait(20)
    process.stderr.close()
    assert process.returncode == 0
    assert (tmp_path / "whole").exists()
    run = forge.latest()
    assert run["status"] == "success"
    assert run["message"].endswith("\n200000")


def test_output_passes_byte_for_byte_and_the_message_is_made_fit(forge, tmp_path):
    output = b"\x1b[31mred\x1b[0m \x00\xff\xfe caf\xc3\xa9\n 10%\r 50%\r100%\r\n\x1b]0;title\x07end"
    (tmp_path / "output").write_bytes(output)
    process = forge.start("runs", "record", *RUN, "--", "cat", str(tmp_path / "output"))
    out, _ = process.communicate(timeout=20)
    assert out == output
    assert forge.latest()["message"] == "red \ufffd\ufffd café\n100%\nend"


def test_of_a_long_output_the_last_64_kib_are_the_message(forge):
    done = forge.record("sh", "-c", "seq 1 60000; echo é; exit 1")
    assert len(done.stdout) > 300_000
    message = forge.latest()["message"]
    assert 65_000 < len(message.encode()) <= 65_536
    assert "\n\n…\n" in message[:100]
    assert message.endswith("\n60000\né")


def test_secrets_of_the_environment_are_not_in_the_message(forge):
    done = forge.where(AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI").record("env")
    assert "wJalrXUtnFEMI" in done.stdout
    message = forge.latest()["message"]
    assert "AWS_SECRET_ACCESS_KEY=***" in message
    assert forge.token not in message


def test_no_output_keeps_it_to_ourselves(forge):
    forge("runs", "record", *RUN, "--no-output", "--", "sh", "-c", "echo private; exit 2")
    assert "private" not in forge.latest()["message"]


def test_the_command_knows_its_run_and_heartbeats_are_heard(forge):
    script = "echo $FEDERATION_RECIPE_RUN_ID; sleep 0.7"
    done = forge("runs", "record", *RUN, "--heartbeat", "0.2s", "--", "sh", "-c", script)
    run = forge.latest()
    assert done.stdout == f"{run['id']}\n"
    assert run["revision"] == 2


def test_a_heartbeat_moves_the_run(forge):
    process = forge.start("runs", "record", *RUN, "--heartbeat", "0.1s", "--", "sh", "-c", "echo begun; exec sleep 60")
    assert process.stdout.readline() == b"begun\n"
    first = forge.latest()
    assert first["status"] == "in_progress"
    wait_for(lambda: forge.latest()["updated_at"] != first["updated_at"])
    process.terminate()
    process.communicate(timeout=20)


def test_a_usage_that_is_wrong_runs_nothing(forge, tmp_path):
    marker = tmp_path / "ran"
    done = forge("runs", "record", "--recipe", "extent", "--", "touch", str(marker))
    assert done.returncode == 2
    assert "--feedstock-id" in done.stderr and "--commit" in done.stderr
    done = forge.where(FEDERATION_TOKEN="pfk_1_a\r\nb").record("touch", str(marker))
    assert done.returncode == 2
    assert "pfk_1" not in done.stderr
    assert not marker.exists()


def test_the_blanks_around_a_token_are_dropped(forge):
    done = forge.where(FEDERATION_TOKEN=f" {forge.token}\r\n").record("true")
    assert (done.returncode, done.stderr) == (0, "")
    assert forge.latest()["status"] == "success"


def test_what_a_refused_token_leaves_is_kept_and_sent_later(forge):
    refused = forge.where(FEDERATION_TOKEN="pfk_4_" + "x" * 43)
    done = refused.record("sh", "-c", "echo ran; exit 4")
    assert (done.returncode, done.stdout) == (4, "ran\n")
    assert (done.stderr.count("\n"), "401" in done.stderr) == (1, True)
    (kept,) = forge.spool.glob("*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "pfk_" not in kept.read_text()
    done = forge("runs", "flush")
    assert (done.returncode, numbers_of(done.stderr)) == (0, [1, 0, 0])
    run = forge.latest()
    assert run["status"] == "failure" and run["message"].endswith("\n\nran")
    assert not list(forge.spool.iterdir())


def test_what_the_registry_refuses_is_told_and_the_command_runs(forge):
    done = forge("runs", "record", *RUN, "--log-url", "ftp://x", "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert "/log_url" in done.stderr
    assert not forge.spool.exists()


def test_each_attempt_and_each_recipe_of_a_workflow_is_a_run_of_its_own(forge):
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "leap-stc/demo-feedstock",
        "GITHUB_SHA": "4" * 40,
        "GITHUB_RUN_ID": "7000000001",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_EVENT_NAME": "push",
    }
    for attempt, recipe, code in (("1", "one", "1"), ("2", "one", "0"), ("1", "two", "0"), ("2", "one", "0")):
        job = forge.where(**github, GITHUB_RUN_ATTEMPT=attempt)
        assert str(job("runs", "record", "--recipe", recipe, "--", "sh", "-c", f"exit {code}").returncode) == code
    runs = forge.read("runs", "list", "--external-id-startswith", "7000000001/", "--sort", "id")
    assert [(run["external_id"], run["status"]) for run in runs] == [
        ("7000000001/1/one", "failure"),
        ("7000000001/2/one", "success"),
        ("7000000001/1/two", "success"),
        # the same recipe twice in one attempt
        ("7000000001/2/one/2", "success"),
    ]
    run = runs[0]
    assert (run["feedstock_id"], run["commit"]) == ("leap-stc.demo-feedstock", "4" * 40)
    assert run["log_url"] == "https://github.com/leap-stc/demo-feedstock/actions/runs/7000000001/attempts/1"


def test_a_pull_request_is_a_test_and_the_job_is_told(forge, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"sha": "a" * 40}}}))
    job = forge.where(
        GITHUB_ACTIONS="true",
        GITHUB_REPOSITORY="leap-stc/demo-feedstock",
        GITHUB_SHA="b" * 40,
        GITHUB_RUN_ID="7000000002",
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_EVENT_PATH=str(event),
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary"),
        GITHUB_OUTPUT=str(tmp_path / "output"),
    )
    assert job("runs", "record", "--recipe", "x|y", "--", "false").returncode == 1
    run = forge.latest()
    assert (run["is_test"], run["commit"]) == (True, "a" * 40)
    assert (tmp_path / "output").read_text() == (
        f"recipe_run_id={run['id']}\nstatus=failure\nexternal_id=7000000002/1/x|y\n"
    )
    summary = (tmp_path / "summary").read_text()
    assert "failure" in summary
    assert "| x\\|y |" in summary
    assert f"{forge.url}/recipe_runs/{run['id']}" in summary


def test_a_run_that_a_job_creates_by_itself_is_filled_in_too(forge):
    job = forge.where(
        GITHUB_ACTIONS="true",
        GITHUB_REPOSITORY="leap-stc/demo-feedstock",
        GITHUB_SHA="c" * 40,
        GITHUB_RUN_ID="7000000003",
    )
    run = json.loads(
        job("runs", "create", "--recipe", "one", "--status", "queued", "--commit", "mine", "--json").stdout
    )
    assert (run["feedstock_id"], run["commit"], run["external_id"]) == (
        "leap-stc.demo-feedstock",
        "mine",
        "7000000003/1/one",
    )
