"""Run everything at once, kill each process in turn, and check that every acknowledged write is there in the end.

It runs a primary with two workers that syncs and replicates, a read replica, writers, readers, manual syncs and GitHub
webhooks, with a fake GitHub. Every few seconds one of the processes is killed with SIGKILL, and started again unless
another process does that. In the end, every acknowledged write must be in the database and in the replica. Prints what
it counted. The exit code is 1 if a write was lost, something was wrong, or a response was a 5xx other than 503.
"""

import hashlib
import hmac
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
import requests
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect, database_path
from pytest_httpserver import HTTPServer

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from fake_github import FakeGitHub  # noqa: E402

BAKERY = "endurance.bakery"
WEBHOOK_SECRET = "endurance"
REPOSITORIES = 20
# How long to wait in the end for deliveries that are retried, and for the replica to catch up.
SETTLE_SECONDS = 60
META = "title: {title}\nrecipes:\n  - id: daily\n    object: recipe:recipe\n"
PATHS = ("/recipe_runs", "/stats", "/feedstocks", "/datasets?_size=10", "/health", "/", "/federation/recipe_runs/1")


class Endurance:
    """The state that all threads share."""

    def __init__(self, folder: Path, github: FakeGitHub):
        self.folder = folder
        self.github = github
        self.data = folder / "data"
        self.port, self.replica_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.replica_url = f"http://127.0.0.1:{self.replica_port}"
        self.stopping = threading.Event()
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        # recipe run: the last status that was acknowledged
        self.acknowledged: dict[int, str] = {}
        # repository: the title of the last delivery that was acknowledged
        self.titles: dict[str, str] = {}
        self.processes: dict[str, subprocess.Popen] = {}
        self.environment = {
            **os.environ,
            **github.environment,
            "GITHUB_TOKEN": "endurance",
            "GITHUB_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "FEDERATION_WRITES_PER_MINUTE": "0",
            "FEDERATION_GITHUB_WAIT_SECONDS": "0.1",
        }
        prepare(self.data)
        connection = connect(database_path(self.data, TOKENS))
        self.token = tokens.create_token(connection, BAKERY, "endurance", 1)
        connection.close()

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "pangeo_forge_federation.server.serve_command"]
        store = f"file://{self.folder / 'store'}"
        if name == "server":
            command += ["--data", str(self.data), "--port", str(self.port), "--workers", "2"]
            command += ["--sync-every", "20s", "--replicate", store]
        else:
            copy = self.folder / "replica"
            command += ["--data", str(copy), "--port", str(self.replica_port), "--replica-of", store]
        self.processes[name] = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=(self.folder / f"{name}.log").open("ab")
        )

    def request(self, method: str, url: str, **arguments) -> requests.Response | None:
        """Send a request, and return the response, or None if there is none. A 5xx other than 503 is an error."""
        try:
            response = requests.request(method, url, timeout=30, **arguments)
        except requests.RequestException:
            self.counts["no response"] += 1
            return None
        self.counts[f"{method} {response.status_code}"] += 1
        if response.status_code >= 500 and response.status_code != 503:
            self.wrong.append(f"{method} {url} is {response.status_code}: {response.text[:300]}")
        return response

    def write(self, method: str, path: str, body: dict, expected: int) -> dict:
        """Send a write with the same Idempotency-Key until it is acknowledged."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": str(uuid.uuid4())}
        while True:
            response = self.request(method, self.url + path, json=body, headers=headers)
            if response is not None and response.status_code == expected:
                return response.json()
            if response is not None and response.status_code != 503:
                raise click.ClickException(f"{method} {path} is {response.status_code}: {response.text[:500]}")
            time.sleep(0.2)


def record_runs(endurance: Endurance) -> None:
    """Do what a bakery's job does: record a run, report that it is running, and report its end."""
    while not endurance.stopping.is_set():
        number = random.randrange(REPOSITORIES)
        body = {
            "recipe_id": "daily",
            "feedstock_id": f"pangeo-forge/endurance-{number}-feedstock",
            "commit": "0f2c9a7d",
            "status": "in_progress",
            "external_id": str(uuid.uuid4()),
            "datasets": [{"url": f"gs://endurance/{number}.zarr", "format": "zarr"}],
        }
        run = endurance.write("POST", "/recipe_runs", body, 201)
        if run["id"] in endurance.acknowledged:
            endurance.wrong.append(f"the number {run['id']} was given twice")
        endurance.acknowledged[run["id"]] = "in_progress"
        status = random.choice(("success", "failure"))
        endurance.write("PATCH", f"/recipe_runs/{run['id']}", {"status": status, "message": "it ended"}, 200)
        endurance.acknowledged[run["id"]] = status


def read(endurance: Endurance) -> None:
    """Do what a website does: read from the primary and the replica."""
    while not endurance.stopping.wait(0.05):
        endurance.request("GET", random.choice((endurance.url, endurance.replica_url)) + random.choice(PATHS))


def push(endurance: Endurance) -> None:
    """Do what GitHub does: change a repository, and deliver a webhook."""
    version = 0
    while not endurance.stopping.wait(1):
        version += 1
        repository = random.choice(endurance.github.repositories[:REPOSITORIES])
        title = f"Version {version}"
        repository.files["feedstock/meta.yaml"] = META.format(title=title).encode()
        owner, name = repository.name.split("/")
        event = {
            "ref": "refs/heads/main",
            "repository": {
                "id": repository.github_id,
                "name": name,
                "full_name": repository.name,
                "default_branch": "main",
                "owner": {"login": owner},
            },
        }
        body = json.dumps(event).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": "sha256=" + hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest(),
        }
        for _ in range(300):
            response = endurance.request("POST", f"{endurance.url}/webhooks/github", data=body, headers=headers)
            if response is not None and response.status_code == 202:
                endurance.titles[name] = title
                break
            time.sleep(0.2)


def sync(endurance: Endurance) -> None:
    """Do what a maintainer does: run syncs manually, in addition to those of the server."""
    command = [sys.executable, str(ROOT / "scripts" / "sync.py"), "--data", str(endurance.data), "--quiet"]
    while not endurance.stopping.wait(2):
        with (endurance.folder / "sync.log").open("ab") as log:
            process = subprocess.Popen(command, env=endurance.environment, stdout=subprocess.DEVNULL, stderr=log)
        endurance.processes["sync"] = process
        endurance.counts[f"sync exit {process.wait()}"] += 1


def kill(endurance: Endurance, every: float) -> None:
    """Kill one of the processes after another."""
    for victim in iter_victims(endurance):
        if endurance.stopping.wait(every):
            return
        victim()


def iter_victims(endurance: Endurance):
    def die(name: str, pids: list[int]) -> None:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
                endurance.counts[f"killed {name}"] += 1
            except ProcessLookupError:
                pass

    def worker() -> None:
        die("worker", children(endurance.processes["server"].pid, "spawn_main")[:1])

    def litestream() -> None:
        die("litestream", children(endurance.processes["server"].pid, "litestream")[:1])

    def by_hand() -> None:
        if process := endurance.processes.get("sync"):
            die("sync", [process.pid] if process.poll() is None else [])

    def main(name: str) -> Callable[[], None]:
        def kill_and_start() -> None:
            if (code := endurance.processes[name].poll()) is None:
                die(name, [endurance.processes[name].pid])
            elif name == "replica":
                # a replica exits when its follower does, and is started again by a service manager
                endurance.counts[f"replica ended by itself with {code}"] += 1
            else:
                endurance.wrong.append(f"the {name} had ended by itself with {code}")
            endurance.processes[name].wait()
            # wait for the processes that it started to end, as they hold the port
            time.sleep(2)
            endurance.start(name)

        return kill_and_start

    while True:
        yield from (worker, by_hand, main("replica"), litestream, main("server"))


def children(pid: int, word: str) -> list[int]:
    """Return the children of a process whose command lines contain a word."""
    listing = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return [int(line.split()[0]) for line in listing.splitlines() if word in line]


def settle(endurance: Endurance) -> None:
    """Wait until all deliveries are done and the replica has caught up, and check that nothing is lost."""
    connection = connect(database_path(endurance.data, FEDERATION))
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline and (behind := differences(endurance, connection)):
        time.sleep(1)
    endurance.wrong += behind
    for pragma in ("integrity_check", "foreign_key_check"):
        found = [tuple(row) for row in connection.execute(f"pragma {pragma}")]
        if found not in ([], [("ok",)]):
            endurance.wrong.append(f"{pragma}: {found[:3]}")
    counted = connection.execute(
        "select status, sum(recipe_runs) from recipe_run_counts_by_bakery group by status order by status"
    ).fetchall()
    actual = connection.execute("select status, count(*) from recipe_runs group by status order by status").fetchall()
    if [tuple(row) for row in counted] != [tuple(row) for row in actual]:
        endurance.wrong.append("the counts of recipe runs do not match the rows")
    connection.close()


def differences(endurance: Endurance, connection) -> list[str]:
    """Return what differs from what was acknowledged."""
    stored = dict(connection.execute("select id, status from recipe_runs").fetchall())
    wrong = [
        f"recipe run {id_} was acknowledged as {status} and is {stored.get(id_)}"
        for id_, status in endurance.acknowledged.items()
        if stored.get(id_) != status
    ]
    twice = connection.execute(
        "select external_id from recipe_runs group by external_id having count(*) > 1"
    ).fetchall()
    wrong += [f"there are two runs with the external id {row[0]}" for row in twice]
    titles = dict(connection.execute("select id, title from feedstocks").fetchall())
    wrong += [
        f"{name} has the title {titles.get(name)!r}, not {title!r}"
        for name, title in endurance.titles.items()
        if titles.get(name) != title
    ]
    newest = max(endurance.acknowledged, default=None)
    response = endurance.request("GET", f"{endurance.replica_url}/recipe_runs/{newest}")
    if response is None or response.status_code != 200 or response.json()["status"] != endurance.acknowledged[newest]:
        wrong.append(f"the replica does not have recipe run {newest} as it was acknowledged")
    return wrong


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def wait_for(endurance: Endurance, url: str) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        response = endurance.request("GET", f"{url}/recipe_runs?_size=1")
        if response is not None and response.status_code == 200:
            return
        time.sleep(0.2)
    raise click.ClickException(f"{url} does not respond; see the logs in {endurance.folder}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", default=300, show_default=True, type=click.IntRange(1), help="How long to run.")
@click.option("--writers", default=4, show_default=True, type=click.IntRange(1), help="Number of writers.")
@click.option("--kill-every", default=8.0, show_default=True, type=click.FloatRange(0.1), help="Seconds between kills.")
def endurance_command(seconds: int, writers: int, kill_every: float) -> None:
    """Run everything at once, kill each process in turn, and check that nothing acknowledged is lost."""
    # pytest-httpserver logs a line for each request
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="endurance-") as folder, HTTPServer() as server:
        github = FakeGitHub(server)
        for number in range(REPOSITORIES):
            github.add(f"pangeo-forge/endurance-{number}-feedstock", META.format(title=f"Feedstock {number}"))
        # everything else that is synced according to metadata.yml
        github.add("pangeo-forge/bakery-database", f"{BAKERY}:\n  region: aws.us-west-2\n", "bakeries.yaml")
        github.add("leap-stc/endurance-demo", META.format(title="Demo"))
        github.add("carbonplan/ocean-sink-data-feedstock", META.format(title="Ocean sink"))
        endurance = Endurance(Path(folder), github)
        try:
            endurance.start("server")
            wait_for(endurance, endurance.url)
            endurance.start("replica")
            wait_for(endurance, endurance.replica_url)
            roles = [record_runs] * writers + [read] * 2 + [push, sync]
            threads = [threading.Thread(target=role, args=(endurance,), daemon=True) for role in roles]
            killer = threading.Thread(target=kill, args=(endurance, kill_every), daemon=True)
            for thread in (*threads, killer):
                thread.start()
            time.sleep(seconds)
            endurance.stopping.set()
            killer.join(SETTLE_SECONDS)
            for thread in threads:
                thread.join(SETTLE_SECONDS)
                if thread.is_alive():
                    endurance.wrong.append("a client is still waiting for a response")
            settle(endurance)
        finally:
            for process in endurance.processes.values():
                process.send_signal(signal.SIGTERM)
            for process in endurance.processes.values():
                process.wait(SETTLE_SECONDS)
    for name, count in sorted(endurance.counts.items()):
        click.echo(f"{count:>8,}  {name}")
    click.echo(
        f"{len(endurance.acknowledged):>8,}  recipe runs acknowledged, {len(endurance.titles)} repositories pushed"
    )
    for line, times in Counter(endurance.wrong).most_common(20):
        click.echo(f"wrong, {times} times: {line}", err=True)
    sys.exit(1 if endurance.wrong else 0)


if __name__ == "__main__":
    endurance_command()
