"""A run is recorded once, whenever the registry is away and whatever answer is lost."""

import contextlib
import json
import re
import socket
import sys
import threading
import time
from dataclasses import replace

import pytest
from forge_process import RUN, Forge, make_token
from pangeo_forge_federation.client import recording
from pangeo_forge_federation.client.recorder import TIMEOUT
from relay import relay_to
from served import numbers_of
from server_process import running_server

pytest_plugins = ["forge_fixtures"]


def runs_of(forge, external_id):
    return forge.read("runs", "list", "--external-id", external_id)


def record(external_id, *command):
    return ("runs", "record", *RUN, "--external-id", external_id, "--", *command)


def test_a_registry_that_is_down_for_the_first_half(forge):
    with relay_to(forge.url, is_open=False) as relay:
        process = forge.at(relay.url).start(*record("down/1", "sh", "-c", "echo begun; read line; echo end"), stdin=-1)
        assert process.stdout.readline() == b"begun\n"
        assert forge.read("runs", "list", "--external-id", "down/1") == []
        # what was to be sent is on disk already, should this process be killed
        assert len(list(forge.spool.glob("*.json"))) == 1
        relay.open()
        out, error = process.communicate(b"on\n", timeout=30)
    assert (process.returncode, out) == (0, b"end\n")
    assert error.count(b"forge: ") == 1
    (run,) = runs_of(forge, "down/1")
    assert (run["status"], run["message"]) == ("success", "begun\nend")
    assert list(forge.spool.iterdir()) == []


@pytest.mark.parametrize("lost", [1, 2])
def test_an_answer_that_is_lost_leaves_one_run(forge, lost):
    with relay_to(forge.url) as relay:
        relay.lose = lost
        done = forge.at(relay.url)(*record(f"lost/{lost}", "sh", "-c", "exit 3"))
    assert done.returncode == 3
    keys = [re.search(rb"Idempotency-Key: (\S+)", write)[1] for write in relay.writes]
    assert len(keys) == lost + 2
    assert len(set(keys)) == 2
    (run,) = runs_of(forge, f"lost/{lost}")
    assert (run["status"], run["revision"]) == ("failure", 2)


@pytest.mark.slow
def test_a_server_that_is_killed_between_request_and_answer(tmp_path):
    token = make_token(tmp_path / "data")
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(running_server(tmp_path / "data"))
        relay = stack.enter_context(relay_to(first.url))

        def kill_and_start_anew():
            first.process.kill()
            first.process.wait()
            relay.turn_to(stack.enter_context(running_server(tmp_path / "data")).url)

        relay.lose, relay.lost = 1, kill_and_start_anew
        forge = Forge(relay.url, token, tmp_path)
        done = forge(*record("killed/server", "sh", "-c", "exit 3"))
        assert done.returncode == 3
        (run,) = runs_of(forge, "killed/server")
        assert (run["status"], run["revision"]) == ("failure", 2)
        assert len(forge.read("runs", "list")) == 1


def test_an_answer_that_is_lost_at_the_end_changes_it_once(forge):
    with relay_to(forge.url) as relay:
        process = forge.at(relay.url).start(*record("lost/end", "sh", "-c", "echo begun; read line"), stdin=-1)
        assert process.stdout.readline() == b"begun\n"
        relay.lose = 1
        process.communicate(b"on\n", timeout=30)
    assert process.returncode == 0
    (run,) = runs_of(forge, "lost/end")
    assert (run["status"], run["revision"]) == ("success", 2)
    assert len(forge.read("runs", "events", str(run["id"]))) == 2


def test_a_registry_that_is_gone_costs_little_and_is_told_later(forge):
    with relay_to(forge.url, is_open=False) as relay:
        away = forge.at(relay.url)
        done = away("--patience", "0", *record("gone/1", "sh", "-c", "echo ran; exit 5"))
        assert (done.returncode, done.stdout) == (5, "ran\n")
        assert done.stderr.count("\n") == 1
        assert "forge runs flush" in done.stderr
        assert away("--patience", "0", "runs", "flush").returncode == 1
        assert len(list(forge.spool.glob("*.json"))) == 1
        # another registry's are not sent here, but told: it may be the same one, which has another URL now
        counts, elsewhere = forge("runs", "flush").stderr.splitlines()
        assert numbers_of(counts) == [0, 0, 0]
        assert f"FEDERATION_URL={relay.url}" in elsewhere
        relay.open()
        # the next command that writes sends it
        assert away(*record("gone/2", "true")).returncode == 0
    (run,) = runs_of(forge, "gone/1")
    assert run["status"] == "failure" and run["message"].endswith("\n\nran")
    assert run["run_date"] < run["completed_at"] < run["created_at"]
    assert runs_of(forge, "gone/2")[0]["status"] == "success"
    assert list(forge.spool.iterdir()) == []


def test_what_was_killed_before_it_was_sent_is_sent_later(forge):
    with relay_to(forge.url, is_open=False) as relay:
        process = forge.at(relay.url).start(*record("killed/1", "sh", "-c", "echo begun; exec sleep 5"))
        assert process.stdout.readline() == b"begun\n"
        # a process that still works on it is left alone
        assert numbers_of(forge.at(relay.url)("runs", "flush").stderr) == [0, 0, 0]
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
        relay.open()
        assert numbers_of(forge.at(relay.url)("runs", "flush").stderr) == [1, 0, 0]
    (run,) = runs_of(forge, "killed/1")
    assert run["status"] == "in_progress"


@pytest.fixture
def hanging(forge):
    """`forge` and a registry that takes a connection and never answers, where it waits a second instead of several."""
    # GitHub Actions gives 7.5 seconds to a job that is cancelled
    assert recording.BEGIN_SECONDS < 5 < recording.LEAVE_SECONDS < 7.5
    impatient = (
        "from pangeo_forge_federation.client import recording; "
        "from pangeo_forge_federation.client.commands.root import main; "
        "recording.BEGIN_SECONDS = recording.LEAVE_SECONDS = 1.0; main()"
    )
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        yield replace(forge.at(url), command=(sys.executable, "-c", impatient))


def test_a_registry_that_hangs_is_not_waited_for(hanging):
    began = time.monotonic()
    process = hanging.start("--patience", "1", *record("hang/1", "sh", "-c", "echo begun"))
    assert process.stdout.readline() == b"begun\n"
    _, error = process.communicate(timeout=20)
    assert process.returncode == 0
    # a request would be waited for longer
    assert time.monotonic() - began < TIMEOUT[1]
    assert error.count(b"\n") == 1
    assert len(list(hanging.spool.glob("*.json"))) == 1


def test_a_cancelled_run_is_kept_in_time_where_the_registry_hangs(hanging):
    process = hanging.start(*record("hang/2", "sh", "-c", "echo begun; exec sleep 60"))
    assert process.stdout.readline() == b"begun\n"
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 143
    (kept,) = hanging.spool.glob("*.json")
    assert '"cancelled"' in kept.read_text()


def test_one_that_is_refused_does_not_hold_back_the_others(forge, tmp_path):
    with relay_to(forge.url, is_open=False) as relay:
        away = forge.at(relay.url)
        for external_id, more in (("behind/1", ("--bakery", "another.bakery")), ("behind/2", ("--log-url", "ftp://x"))):
            away("--patience", "0", "runs", "record", *RUN, *more, "--external-id", external_id, "--", "true")
        away("--patience", "0", *record("behind/3", "true"))
        relay.open()
        done = away("runs", "flush")
    assert done.returncode == 1
    kept, refused, summary = [line for line in done.stderr.splitlines() if not line.startswith(" ")]
    assert "'extent'" in kept and "(403)" in kept
    assert "(422)" in refused
    assert numbers_of(summary) == [1, 1, 1]
    assert len(runs_of(forge, "behind/3")) == 1
    assert len(list(forge.spool.glob("*.json"))) == 1


def test_a_run_that_can_be_neither_sent_nor_kept(forge, tmp_path):
    (tmp_path / "file").write_text("")
    with relay_to(forge.url, is_open=False) as relay:
        away = forge.at(relay.url).where(FEDERATION_SPOOL=str(tmp_path / "file"))
        done = away("--patience", "0", *record("neither/1", "sh", "-c", "echo ran; exit 6"))
    assert (done.returncode, done.stdout) == (6, "ran\n")
    assert str(tmp_path / "file") in done.stderr


def test_a_folder_that_cannot_be_used_undoes_nothing(forge):
    forge.spool.mkdir()
    # what another version wrote is left where it is
    (forge.spool / "b.json").write_text(json.dumps({"url": forge.url, "delivery": {"other": 1}}))
    assert numbers_of(forge("runs", "flush").stderr) == [0, 0, 0]
    # where a lock would be
    (forge.spool / "a.json").write_text("{}")
    (forge.spool / "a.lock").mkdir()
    done = forge("runs", "create", *RUN, "--status", "success", "--external-id", "folder/1")
    assert (done.returncode, "a.lock" in done.stderr) == (0, True)
    assert forge(*record("folder/2", "true")).returncode == 0
    assert len(runs_of(forge, "folder/2")) == 1
    assert forge("runs", "flush").returncode == 1


def test_a_write_is_repeated_with_its_key(forge):
    with relay_to(forge.url) as relay:
        relay.lose = 1
        done = forge.at(relay.url)("runs", "create", *RUN, "--status", "success", "--external-id", "once/1")
    assert done.returncode == 0
    assert len(relay.writes) == 2
    assert len(runs_of(forge, "once/1")) == 1


def test_two_that_send_the_same_kept_run_record_it_once(forge):
    with relay_to(forge.url, is_open=False) as relay:
        away = forge.at(relay.url)
        away("--patience", "0", *record("twice/1", "true"))
        relay.open()
        threads = [threading.Thread(target=away.process, args=("runs", "flush")) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (run,) = runs_of(forge, "twice/1")
    assert (run["status"], run["revision"]) == ("success", 2)
