"""Real servers: what they say, how they stop, what they keep."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import BAKERY, FIXTURES
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.server.serve_command import bind, serve_command
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path
from server_process import running_server

COMMAND = [sys.executable, "-m", "pangeo_forge_federation.server.serve_command"]
STOP_SECONDS = 10


def ask(url, body=None, token=None):
    """(status, answer) of a GET, or of a POST with a body; each on a connection of its own."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def descendants(pid):
    """The processes that a process started, and those that they started."""
    parents = [(int(path.name), parent_and_state(path.name)[0]) for path in Path("/proc").glob("[0-9]*")]
    found = [pid]
    for each in found:
        found += [child for child, parent in parents if parent == each]
    return found[1:]


def parent_and_state(pid):
    """(parent, state) of a process; (None, None) when it has gone."""
    try:
        # its name stands in brackets, and may hold anything
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None, None
    return int(parent), state


def is_alive(pid):
    return parent_and_state(pid)[1] not in (None, "Z")


def left_over(pids):
    """Those that still run, once they have had a moment: the interpreter's own helper notices the end by itself."""
    deadline = time.monotonic() + 5
    while (alive := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def new_token():
    """A function that makes a token in a data folder that a server has made."""

    def make(folder):
        connection = connect(database_path(folder, TOKENS))
        try:
            return tokens.create_token(connection, BAKERY, "test", 1)
        finally:
            connection.close()

    return make


def test_it_says_its_url_when_it_answers(tmp_path):
    with running_server(tmp_path / "made" / "by it") as server:
        assert str(tmp_path / "made" / "by it") in server.process.stdout.readline()
        status, answer = ask(f"{server.url}/health")
        assert (status, answer["status"]) == (200, "ok")
        assert ask(f"{server.url}/recipe_runs") == (200, [])
    assert {"federation.db", "tokens.db"} <= {path.name for path in (tmp_path / "made" / "by it").iterdir()}


# Ctrl-C with two workers has a test of its own, below
@pytest.mark.parametrize(("workers", "number"), [("1", signal.SIGTERM), ("1", signal.SIGINT), ("2", signal.SIGTERM)])
@pytest.mark.slow
def test_a_signal_stops_it_cleanly(data, number, workers, new_token, run_body):
    with running_server(data, "--workers", workers) as server:
        children = descendants(server.process.pid)
        assert len(children) >= (2 if workers == "2" else 0)
        # a client that keeps its connection does not hold it
        idle = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(100).startswith(b"HTTP/1.1 200")
        # pages are read through Datasette's own connections, and something is in the log
        assert urllib.request.urlopen(f"{server.url}/federation/bakeries").status == 200
        run = run_body()
        assert ask(f"{server.url}/recipe_runs", run, new_token(data))[0] == 201
        server.process.send_signal(number)
        assert server.process.wait(STOP_SECONDS) == 0
        idle.close()
        assert left_over(children) == []
        with pytest.raises(OSError):
            ask(f"{server.url}/health")
    # everything is in the database itself: no log of it is left to be read again
    assert [path.name for path in data.iterdir() if path.name.endswith("-wal")] == []


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_reaches_the_workers_too(data):
    """It goes to the whole process group, not only to the first process."""
    process = subprocess.Popen(
        [*COMMAND, "--data", str(data), "--port", "0", "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert "http://" in process.stdout.readline()
    children = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 0
    assert "Traceback" not in said, said
    assert left_over(children) == []


def test_a_port_in_use_is_one_line(data):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--data", str(data), "--port", str(port)], capture_output=True, text=True, timeout=30
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"127.0.0.1:{port}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_database_that_cannot_be_opened_is_one_line(tmp_path):
    (tmp_path / "federation.db").write_bytes(b"this is no database" * 100)
    done = subprocess.run(
        [*COMMAND, "--data", str(tmp_path), "--port", "0", "--workers", "2"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_query_that_does_not_fit_is_one_line_that_names_it(data, tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "plugins", checkout / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    metadata = (ROOT / "metadata.yml").read_text("utf-8").replace("from bakery_summaries", "from bakery_summary", 1)
    (checkout / "metadata.yml").write_text(metadata, "utf-8")
    shutil.copy(ROOT / "settings.json", checkout)
    done = subprocess.run(
        [*COMMAND, "--data", str(data), "--port", "0", "--workers", "2"],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(checkout / "plugins")},
    )
    assert done.returncode == 1
    assert "list_bakeries" in done.stderr and "bakery_summary" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.slow
def test_what_cannot_start_ends_and_is_not_started_again_and_again(data, tmp_path, workers):
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "plugins", checkout / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "settings.json", checkout)
    (checkout / "metadata.yml").write_text("title: Without the settings of the registry\n")
    done = subprocess.run(
        [*COMMAND, "--data", str(data), "--port", "0", "--workers", workers],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(checkout / "plugins")},
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "plugins" in done.stderr


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--workers", "0"], ["--nonsense"], ["extra"]])
def test_arguments_that_make_no_sense_are_a_usage_error(arguments):
    done = CliRunner().invoke(serve_command, arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("Usage: ")


def test_two_workers_serve_one_database(data, new_token, run_body):
    token = new_token(data)
    with running_server(data, "--workers", "2") as server:
        for number in range(5):
            status, run = ask(f"{server.url}/recipe_runs", run_body(recipe_id=f"r{number}"), token)
            assert status == 201
            # whichever of them answers
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda _: ask(f"{server.url}/recipe_runs"), range(16)))
            assert {len(rows) for _, rows in answers} == {number + 1}
            assert {rows[0]["id"] for _, rows in answers} == {run["id"]}


def test_a_run_that_was_acknowledged_survives_kill_9(data, new_token, run_body):
    token = new_token(data)
    with running_server(data) as server:
        status, run = ask(f"{server.url}/recipe_runs", run_body(message="still here"), token)
        assert status == 201
        server.process.kill()
        assert server.process.wait(STOP_SECONDS) == -signal.SIGKILL
    with running_server(data) as server:
        assert ask(f"{server.url}/recipe_runs/{run['id']}") == (200, run)
        assert ask(f"{server.url}/recipe_runs", run_body(), token)[1]["id"] == run["id"] + 1


def test_workers_end_with_a_supervisor_that_is_killed(data):
    """Else they would hold the port, and take writes that nobody replicates."""
    with running_server(data, "--workers", "2") as server:
        children = descendants(server.process.pid)
        assert len(children) >= 2
        server.process.kill()
        server.process.wait(STOP_SECONDS)
        assert left_over(children) == []
    bind("127.0.0.1", int(server.url.rpartition(":")[2])).close()


def test_two_servers_on_one_folder_at_once(tmp_path, new_token, run_body):
    """Both make the databases at the same moment, and each sees what the other records."""
    folder = tmp_path / "shared"
    with ThreadPoolExecutor(2) as pool, running_server(folder) as first, running_server(folder) as second:
        token = new_token(folder)
        posts = [
            pool.submit(ask, f"{server.url}/recipe_runs", run_body(recipe_id=f"r{number}"), token)
            for number in range(10)
            for server in (first, second)
        ]
        assert {post.result()[0] for post in posts} == {201}
        assert sorted(post.result()[1]["id"] for post in posts) == list(range(1, 21))
        assert ask(f"{first.url}/recipe_runs") == ask(f"{second.url}/recipe_runs")


def test_servers_that_start_on_a_fresh_folder_at_the_same_moment(tmp_path):
    command = [*COMMAND, "--data", str(tmp_path / "fresh"), "--port", "0"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        urls = [process.stdout.readline().split()[-1] for process in processes]
        assert len(set(urls)) == 4
        for url in urls:
            assert ask(f"{url}/bakeries") == (200, [])
    finally:
        for process in processes:
            process.terminate()
        assert [process.wait(STOP_SECONDS) for process in processes] == [0] * 4


def test_the_demo_says_a_line_that_works(tmp_path):
    folder = tmp_path / "demo"
    with running_server(folder, "--demo") as server:
        lines = [server.process.stdout.readline().rstrip("\n") for _ in range(4)]
        token = lines[1].split()[-1]
        assert token.startswith("pfk_")
        assert lines[3].lstrip().startswith("curl ")
        assert len(ask(f"{server.url}/bakeries")[1]) >= 3
        assert len(ask(f"{server.url}/feedstocks")[1]) >= 12
        runs = ask(f"{server.url}/recipe_runs?_shape=objects&_extra=count")[1]
        assert 500 <= runs["count"] <= 700
        assert len(ask(f"{server.url}/stats")[1]["recipe_runs_by_status"]) == 7
        done = subprocess.run(["bash", "-c", lines[3]], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        run = json.loads(done.stdout)
        assert run["bakery_id"] == BAKERY
        assert ask(f"{server.url}/recipe_runs/{run['id']}") == (200, run)
        assert ask(f"{server.url}/recipe_runs", {}, token)[0] == 422

    # a second start finds it as it was left, and its token is a new one
    with running_server(folder, "--demo") as server:
        lines = [server.process.stdout.readline().rstrip("\n") for _ in range(4)]
        assert lines[1].split()[-1] != token
        assert ask(f"{server.url}/recipe_runs/{run['id']}") == (200, run)


def test_plain_datasette_serves_the_checkout(data, new_token, run_body):
    """`datasette .` in the repository: the same endpoints over the same databases."""
    port = free_port()
    datasette = Path(sysconfig.get_path("scripts")) / "datasette"
    process = subprocess.Popen(
        [str(datasette), ".", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "FEDERATION_DATA": str(data)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert ask(f"{url}/recipe_runs") == (200, [])
                break
            except urllib.error.URLError:
                assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
                time.sleep(0.1)
        status, run = ask(f"{url}/recipe_runs", run_body(), new_token(data))
        assert status == 201
        assert ask(f"{url}/recipe_runs/{run['id']}") == (200, run)
        assert ask(f"{url}/tokens.json")[0] == 403
        assert ask(f"{url}/recipe_runs?nonsense=1")[0] == 400
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        process.stderr.close()
    # it wrote to the folder that was named, and it is not Datasette's copy
    with running_server(data) as server:
        assert ask(f"{server.url}/recipe_runs/{run['id']}") == (200, run)


async def test_the_home_page_of_an_empty_database_names_two_commands_that_fill_it(datasette, data):
    page = await datasette.client.get("/")
    assert page.status_code == 200
    assert str(data) not in page.text
    commands = re.findall(r"\.venv/bin/python (scripts/sync[\w.]+)(.*?)(?:</code>.*)?$", page.text, re.MULTILINE)
    assert [script for script, _ in commands] == ["scripts/sync_bakeries.py", "scripts/sync_feedstocks.py"]
    for script, arguments in commands:
        # a page prints no path of the server's
        assert arguments == " --data DIR"
        said = [sys.executable, script, "--from", str(FIXTURES), "--data", str(data)]
        subprocess.run(said, cwd=ROOT, check=True, capture_output=True)
    assert len((await datasette.client.get("/bakeries")).json()) == 3
    assert len((await datasette.client.get("/feedstocks")).json()) == 12

    page = await datasette.client.get("/")
    assert "scripts/sync" not in page.text
    assert 'href="/federation"' in page.text
