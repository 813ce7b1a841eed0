"""The restore drill: is anything lost when a primary vanishes with its disk?

    .venv/bin/python scripts/drill.py [--rounds 20] [--url s3://bucket/path?endpoint=...]

Each round starts a primary in a new folder, which restores from the store, and lets eight writers record runs that
are answered once they are in the store (FEDERATION_ACKNOWLEDGE=replica). Then the server and its Litestream are
killed at once and the folder is deleted. Every run that was acknowledged must be there in the next round, under its
id, and the token must still work. Without --url the store is a folder.
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
    """A job that records runs one after the other, and notes what was acknowledged."""

    def __init__(self, url: str, token: str):
        super().__init__(daemon=True)
        self.url = url
        self.token = token
        self.stopping = threading.Event()
        # external id -> id
        self.acknowledged: dict[str, int] = {}
        self.faults: list[str] = []

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
                answer = session.post(f"{self.url}/recipe_runs", json=body, timeout=20)
            except requests.RequestException:
                # the server was killed
                time.sleep(0.05)
                continue
            if answer.status_code == 201 and answer.headers["Federation-Acknowledged"] == "replica":
                self.acknowledged[external_id] = answer.json()["id"]
            elif answer.status_code != 503:
                self.faults.append(f"{answer.status_code} {answer.text}")
                return


def drill(url: str, rounds: int, writers: int, seconds: float, work: Path) -> str:
    """What was done, in a sentence. Raises RuntimeError when something was lost."""
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
        if faults := [fault for job in jobs for fault in job.faults]:
            raise RuntimeError(f"round {number}: {faults[0]}")
        new = {each: job.acknowledged[each] for job in jobs for each in job.acknowledged}
        if not new:
            raise RuntimeError(f"round {number}: nothing was acknowledged")
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
    """(process, address) of a primary that answers."""
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
            raise RuntimeError("the primary did not start: its reason is above")
        yield process, line.split()[-1]
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        process.stdout.close()


def make_token(data: Path) -> str:
    """A token that is in the store."""
    command = [sys.executable, str(ROOT / "scripts" / "tokens.py"), "create", "--bakery", BAKERY, "--data", str(data)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def kill_everything(process: subprocess.Popen, data: Path) -> None:
    """The power fails."""
    litestream = int((data / CHILD_LOCK).read_text())
    for pid in (litestream, process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()


def lost(data: Path, acknowledged: dict[str, int]) -> list[str]:
    """External ids that were acknowledged and are not there, or have another id."""
    with closing(connect(database_path(data, FEDERATION))) as connection:
        there = dict(tuple(row) for row in connection.execute("select external_id, id from recipe_runs"))
    return [external_id for external_id, run_id in acknowledged.items() if there.get(external_id) != run_id]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", help="The store: an empty path. Default: a folder that is deleted at the end.")
@click.option("--rounds", default=20, show_default=True, type=click.IntRange(1))
@click.option("--writers", default=8, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=3.0, show_default=True, help="How long a round writes.")
def drill_command(url: str | None, rounds: int, writers: int, seconds: float) -> None:
    """Kill a primary and delete its disk again and again; nothing that was acknowledged may be lost."""
    with tempfile.TemporaryDirectory(prefix="federation-drill-") as folder:
        work = Path(folder)
        try:
            print(drill(url or f"file://{work}/store", rounds, writers, seconds, work))
        except (RuntimeError, subprocess.CalledProcessError) as error:
            print(f"scripts/drill.py: {error}", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    drill_command(prog_name="scripts/drill.py")
