"""scripts/sync.py with a GitHub of our own: exit codes, what is said, and what a kill leaves."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest
from database_rows import rows
from fake_github import FakeGitHub, limited
from pangeo_forge_federation.settings import ROOT
from served import numbers_of
from server_process import running_server
from werkzeug import Response

META = "title: {}\nrecipes:\n  - id: daily\n    object: recipe:daily\n"


@pytest.fixture
def github(httpserver):
    fake = FakeGitHub(httpserver)
    fake.add("org-a/ice", META.format("Ice"))
    fake.add("org-a/snow", META.format("Snow"))
    return fake


@pytest.fixture
def command(github, data):
    """The command line and environment of a sync of org-a."""

    def make(*arguments, token="a-token"):
        line = [sys.executable, str(ROOT / "scripts" / "sync.py"), "--data", str(data), "--org", "org-a", *arguments]
        return {"args": line, "env": {**os.environ, **github.environment, "GITHUB_TOKEN": token}}

    return make


@pytest.fixture
def call(command):
    def run(*arguments, **options):
        return subprocess.run(**command(*arguments, **options), capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.parametrize("token", ["a-token", ""])
def test_a_line_a_step_and_a_summary(call, token):
    done = call(token=token)
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("org-a: repositories 2")
    assert numbers_of(lines[-1]) == [2, 0, 0, 0, 0]


def test_quiet_says_nothing_unless_something_failed(call, github):
    done = call("--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    github.faults.append(lambda request: Response("{}", 401))
    done = call("--quiet")
    assert done.returncode == 1
    assert "github.com: " in done.stderr
    assert "a-token" not in done.stderr


def test_check_and_dry_run(call, github, connection):
    assert call("--check").returncode == 3
    assert call("--dry-run").returncode == 0
    assert rows(connection, "select count(*) from feedstocks") == [(0,)]
    call()
    assert call("--check").returncode == 0
    github.find("org-a/ice").files["feedstock/meta.yaml"] += b"maintainers:\n  - orcid: 1\n"
    call()
    # only what could not be understood would change
    github.find("org-a/ice").files["feedstock/meta.yaml"] = META.format("Ice").encode() + b"x: [\n"
    done = call("--check", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["changes"] == []


def test_a_limit_that_stays_is_exit_1_with_one_line(call, github, connection):
    call()
    github.faults.append(lambda request: limited())
    done = call()
    assert done.returncode == 1
    assert sum("github.com: " in line for line in done.stderr.splitlines()) == 1
    assert numbers_of(done.stderr.splitlines()[-1])[-1] == 1
    assert rows(connection, "select not_fetched from sync_runs order by id") == [(0,), (1,)]
    assert rows(connection, "select count(*) from feedstocks where removed_at is null") == [(2,)]


def test_help_tells_the_exit_codes(call):
    done = call("--help")
    assert re.findall(r"^ +(\d)  ", done.stdout, re.MULTILINE) == ["0", "1", "2", "3"]


def test_a_bar_on_a_terminal(command, github):
    for number in range(150):
        github.add(f"org-a/feedstock-{number}", META.format(number))
    mine, theirs = pty.openpty()
    process = subprocess.Popen(**command(), stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(mine, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    assert process.wait(30) == 0
    process.stdout.close()
    os.close(mine)
    assert b"152/152" in said
    assert b"/s" in said
    assert b"Synced: 152 added" in said


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_one_that_dies_half_way_has_changed_nothing(command, call, github, connection, number):
    for each in range(300):
        github.add(f"org-a/feedstock-{each}", META.format(each))
    reached, go_on = threading.Event(), threading.Event()

    def hold(request):
        if len(github.requests) == 2:
            reached.set()
            go_on.wait(10)

    github.faults.append(hold)
    process = subprocess.Popen(**command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert reached.wait(10)
    process.send_signal(number)
    assert process.wait(10) != 0
    go_on.set()
    github.faults.clear()
    assert rows(connection, "select (select count(*) from feedstocks) + (select count(*) from sync_runs)") == [(0,)]
    assert rows(connection, "pragma integrity_check") == [("ok",)]
    # and nobody holds its lock
    assert call().returncode == 0
    assert rows(connection, "select count(*) from feedstocks") == [(302,)]


@pytest.mark.slow
def test_killed_at_any_moment_it_is_whole_or_nothing(command, github, connection):
    for each in range(100):
        github.add(f"org-a/feedstock-{each}", META.format(each))
    for delay in (0.3, 0.4, 0.5, 0.6):
        process = subprocess.Popen(**command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.kill()
        process.wait()
        assert rows(connection, "select count(*) from feedstocks") in ([(0,)], [(102,)])
        assert rows(connection, "select count(*) from recipes") in ([(0,)], [(102,)])
    assert rows(connection, "pragma integrity_check") == [("ok",)]


@pytest.mark.slow
def test_posts_go_on_during_a_sync(command, github, data, headers, run_body, connection):
    for each in range(1000):
        github.add(f"org-a/feedstock-{each}", META.format(each))
    waits = []
    with running_server(data) as server:
        process = subprocess.Popen(**command("--quiet"))
        began = time.perf_counter()
        while process.poll() is None:
            sent = time.perf_counter()
            response = httpx.post(f"{server.url}/recipe_runs", json=run_body(), headers=headers)
            waits.append(time.perf_counter() - sent)
            assert response.status_code == 201
        assert process.returncode == 0
    # none waits for most of the sync
    assert max(waits) < (time.perf_counter() - began) / 2
    assert rows(connection, "select count(*) from feedstocks where listed") == [(1002,)]
