"""A restore drill: kill a primary, delete its disk, and check that nothing is lost.

    .venv/bin/python scripts/drill.py [--rounds 20] [--url s3://bucket/path?endpoint=...]

Each round starts a primary in a new folder, which is restored from the store, and eight writers that record runs. The
primary responds once a run is in the store (FEDERATION_ACKNOWLEDGE=replica). Then the server and its Litestream are
killed, and the folder is deleted. In the next round, every acknowledged run must exist under the same id, and the token
must still work. Without --url, the store is a temporary folder.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import click
import requests
from pangeo_forge_federation.replication.process import CHILD_LOCK
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path

BAKERY = "drill.bakery"


class Writer(threading.Thread):
    """Records runs one after the other, and collects those that were acknowledged."""

    def __init__(self, url: str, token: str):
        super().__init__(daemon=True)
        self.url = url
        self.token = token
        self.stopping = threading.Event()
        # external id -> id
        self.acknowledged: dict[str, int] = {}
        self.errors: list[str] = []

    def run(self) -> None:
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {self.token}"
        while not self.stopping.is_set():
            external_id = str(uuid.uuid4())
            body = {
                "recipe_id": "drill",
                "feedstock_id": "drill-feedstock",
                "commit": "0f2c9a7d",
                "status": "queued",
                "external_id": external_id,
            }
            try:
                response = session.post(f"{self.url}/recipe_runs", json=body, timeout=20)
            except requests.RequestException:
                # the server was killed
                time.sleep(0.05)
                continue
            if response.status_code == 201 and response.headers["Federation-Acknowledged"] == "replica":
                self.acknowledged[external_id] = response.json()["id"]
            elif response.status_code != 503:
                self.errors.append(f"{response.status_code} {response.text}")
                return


def drill(url: str, rounds: int, writers: int, seconds: float, work: Path) -> str:
    """Run the drill, and return a summary. Raises RuntimeError if something was lost."""
    acknowledged: dict[str, int] = {}
    token = None
    for number in range(1, rounds + 1):
        data = work / f"round-{number}"
        began = time.monotonic()
        with primary(data, url) as (process, address):
            ready = time.monotonic() - began
            missing = lost(data, acknowledged)
            if missing:
                raise RuntimeError(f"round {number}: {len(missing)} acknowledged runs are lost: {missing[:3]}")
            token = token or make_token(data)
            jobs = [Writer(address, token) for _ in range(writers)]
            for job in jobs:
                job.start()
            time.sleep(seconds)
            kill_everything(process, data)
            for job in jobs:
                job.stopping.set()
            for job in jobs:
                job.join()
        shutil.rmtree(data)
        if errors := [error for job in jobs for error in job.errors]:
            raise RuntimeError(f"round {number}: a run was refused: {errors[0]}")
        new = {each: job.acknowledged[each] for job in jobs for each in job.acknowledged}
        if not new:
            raise RuntimeError(f"round {number}: no run was acknowledged")
        acknowledged |= new
        print(f"round {number}: ready in {ready:.1f} s, {len(new)} acknowledged, killed, deleted", file=sys.stderr)
    data = work / "last"
    subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "restore.py"), url, "--data", str(data)],
        check=True,
        stdout=sys.stderr,
    )
    if missing := lost(data, acknowledged):
        raise RuntimeError(f"{len(missing)} acknowledged runs are lost: {missing[:3]}")
    shutil.rmtree(data)
    return f"{rounds} rounds, {len(acknowledged)} runs acknowledged, 0 lost"


@contextlib.contextmanager
def primary(data: Path, url: str):
    """Start a primary, and yield its process and its URL once it responds."""
    command = [
        sys.executable,
        "-m",
        "pangeo_forge_federation.server.serve_command",
        "--data",
        str(data),
        "--port",
        "0",
        "--replicate",
        url,
    ]
    environment = {**os.environ, "FEDERATION_ACKNOWLEDGE": "replica", "FEDERATION_WRITES_PER_MINUTE": "0"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        line = process.stdout.readline()
        if not line.startswith("Serving "):
            raise RuntimeError("the primary did not start; its error message is above")
        yield process, line.split()[-1]
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        process.stdout.close()


def make_token(data: Path) -> str:
    """Create a token, and return it once it is in the store."""
    command = [sys.executable, str(ROOT / "scripts" / "tokens.py"), "create", "--bakery", BAKERY, "--data", str(data)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def kill_everything(process: subprocess.Popen, data: Path) -> None:
    """Kill the server and Litestream with SIGKILL, as in a power failure."""
    litestream = int((data / CHILD_LOCK).read_text())
    for pid in (litestream, process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()


def lost(data: Path, acknowledged: dict[str, int]) -> list[str]:
    """Return the external ids of acknowledged runs that are missing or have another id."""
    with closing(connect(database_path(data, FEDERATION))) as connection:
        there = dict(tuple(row) for row in connection.execute("select external_id, id from recipe_runs"))
    return [external_id for external_id, run_id in acknowledged.items() if there.get(external_id) != run_id]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", help="URL of an empty store.  [default: a temporary folder]")
@click.option("--rounds", default=20, show_default=True, type=click.IntRange(1), help="Number of rounds.")
@click.option("--writers", default=8, show_default=True, type=click.IntRange(1), help="Number of concurrent writers.")
@click.option("--seconds", default=3.0, show_default=True, help="How long the writers run in each round.")
def drill_command(url: str | None, rounds: int, writers: int, seconds: float) -> None:
    """Kill a primary and delete its disk repeatedly, and check that no acknowledged run is lost."""
    with tempfile.TemporaryDirectory(prefix="federation-drill-") as folder:
        work = Path(folder)
        try:
            print(drill(url or f"file://{work}/store", rounds, writers, seconds, work))
        except (RuntimeError, subprocess.CalledProcessError) as error:
            print(f"scripts/drill.py: {error}", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    drill_command(prog_name="scripts/drill.py")
