"""`serve --sync-every`: the sync beside the server, and gone with it."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest
from click.exceptions import BadParameter
from fake_github import FakeGitHub
from pangeo_forge_federation.command_line.duration import Duration
from pangeo_forge_federation.server.schedule import running_every
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path
from server_process import running_server, wait_for

META = "title: Sea ice\n"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("6h", 21600), ("1d", 86400), ("1.5h", 5400), ("15M", 900), ("999999s", 999999)],
)
def test_durations(text, seconds):
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "15", "m", "0m", "-1m", "1,5h", "15 m", "1000000s", "\u0661m"])
def test_what_is_no_duration(text):
    with pytest.raises(BadParameter):
        Duration().convert(text, None, None)


def test_a_command_that_says_so_takes_seconds_without_a_unit():
    assert (Duration(bare=True).convert("90", None, None), Duration(bare=True).convert("1.5", None, None)) == (90, 1.5)


def test_a_server_syncs_and_its_sync_ends_with_it(data, httpserver):
    github = FakeGitHub(httpserver)
    github.add("pangeo-forge/bakery-database", "north.bakery: {}\n", "bakeries.yaml")
    github.add("pangeo-forge/ice", META)
    github.add("leap-stc/snow", META)
    github.add("carbonplan/ocean-sink-data-feedstock", META)
    environment = {**github.environment, "GITHUB_TOKEN": "x"}

    def count(table):
        with closing(connect(database_path(data, FEDERATION))) as connection:
            return connection.execute(f"select count(*) from {table}").fetchone()[0]

    with running_server(data, "--sync-every", "1s", **environment) as server:
        wait_for(lambda: count("sync_runs") >= 2)
        assert count("feedstocks") == 3
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
    after = count("sync_runs")
    time.sleep(1.2)
    assert count("sync_runs") == after


def test_a_command_under_way_is_ended(tmp_path):
    mark = tmp_path / "pid"
    script = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    with running_every(60, [sys.executable, "-c", script, str(mark)]):
        wait_for(lambda: mark.exists() and mark.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_a_sync_under_way_ends_with_a_server_that_is_killed(data):
    """GitHub never answers here: what ends is the connection of the sync that waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as github:
        github.settimeout(20)
        url = f"http://127.0.0.1:{github.getsockname()[1]}"
        with running_server(data, "--sync-every", "1d", GITHUB_API_URL=url, GITHUB_RAW_URL=url) as server:
            waiting, _ = github.accept()
            with waiting:
                waiting.settimeout(10)
                assert waiting.recv(65536).startswith(b"GET /")
                server.process.kill()
                server.process.wait()
                assert waiting.recv(65536) == b""


def test_a_bad_duration_is_exit_2(data):
    command = [
        sys.executable,
        "-m",
        "pangeo_forge_federation.server.serve_command",
        "--data",
        str(data),
        "--sync-every",
        "often",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "--sync-every" in done.stderr
