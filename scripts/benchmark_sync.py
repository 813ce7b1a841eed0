"""A first sync of many feedstocks from files, and one that finds nothing changed: how long, and what takes it.

Then the same first sync beside a server to which two clients POST: how long they wait.
"""

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import click
import requests
from federation import tokens
from federation.data_folder import prepare
from federation.database import TOKENS, connect, database_path
from federation.settings import ROOT
from federation.sync import run
from federation.sync.folder import fetch_folder

EXAMPLES = ROOT / "tests" / "fixtures" / "federation"
BAKERY_DATABASE = "pangeo-forge/bakery-database"
HOME = "pangeo-forge"


def write_feedstocks(folder: Path, count: int) -> None:
    """As many feedstocks as asked for, with the contents of the fixtures in turns, each a little different."""
    contents = [path.read_bytes() for path in sorted(EXAMPLES.glob("*/*/feedstock/meta.y*ml"))]
    for number in range(count):
        file = folder / "pangeo-forge" / f"feedstock-{number}" / "feedstock" / "meta.yaml"
        file.parent.mkdir(parents=True)
        file.write_bytes(contents[number % len(contents)] + b"# %d\n" % number)


def measure(data: Path, folder: Path) -> dict[str, float]:
    """Seconds of one sync by what they went into."""
    parsing = 0.0
    usual = run.parse_meta_yaml

    def timed(content: bytes):
        nonlocal parsing
        began = time.perf_counter()
        try:
            return usual(content)
        finally:
            parsing += time.perf_counter() - began

    run.parse_meta_yaml = timed
    try:
        began = time.perf_counter()
        fetched = fetch_folder(folder, BAKERY_DATABASE)
        reading = time.perf_counter() - began
        run.run_sync(data, fetched, HOME)
        total = time.perf_counter() - began
    finally:
        run.parse_meta_yaml = usual
    return {"total": total, "files": reading, "YAML": parsing, "SQL and the rest": total - reading - parsing}


@contextlib.contextmanager
def serving(data: Path) -> Iterator[tuple[str, str]]:
    """(url, token) of a server over a folder."""
    connection = connect(database_path(data, TOKENS))
    token = tokens.create_token(connection, "benchmark.bakery", "benchmark", 1)
    connection.close()
    command = [sys.executable, "-m", "federation.serve_command", "--data", str(data), "--port", "0"]
    environment = {**os.environ, "FEDERATION_WRITES_PER_MINUTE": "0"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        if not found:
            raise click.ClickException("the server did not start")
        yield found[0], token
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def post_until(url: str, token: str, stopping: threading.Event, seconds: list[float], refused: list[str]) -> None:
    """One client: POST after POST. Appends how long each waited, and what was refused."""
    body = {"recipe_id": "daily", "feedstock_id": "pangeo-forge/feedstock-7", "commit": "0f2c9a7d", "status": "success"}
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        while not stopping.wait(0.01):
            began = time.perf_counter()
            response = session.post(f"{url}/recipe_runs", json=body, timeout=60)
            seconds.append(time.perf_counter() - began)
            if response.status_code != 201:
                refused.append(response.text)


def posts_beside_a_sync(data: Path, files: Path) -> str:
    """What two clients met while `scripts/sync.py` made a first sync in a process of its own."""
    seconds: list[float] = []
    refused: list[str] = []
    stopping = threading.Event()
    with serving(data) as (url, token):
        arguments = (url, token, stopping, seconds, refused)
        clients = [threading.Thread(target=post_until, args=arguments) for _ in range(2)]
        for client in clients:
            client.start()
        command = [sys.executable, ROOT / "scripts" / "sync.py", "--data", data, "--from", files, "--quiet"]
        began = time.perf_counter()
        subprocess.run(command, check=True)
        took = time.perf_counter() - began
        stopping.set()
        for client in clients:
            client.join()
    percentiles = statistics.quantiles(seconds, n=100)
    return (
        f"{len(seconds):,} POSTs beside a first sync of {took:.1f} s: median {percentiles[49] * 1000:.0f} ms, "
        f"99 % within {percentiles[98] * 1000:.0f} ms, slowest {max(seconds) * 1000:.0f} ms, {len(refused)} refused"
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--feedstocks", default=25_000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="On which disk.")
def benchmark(feedstocks: int, folder: Path | None) -> None:
    """A first sync of many feedstocks from files, and one that finds nothing changed."""
    with tempfile.TemporaryDirectory(dir=folder) as root:
        files, data = Path(root) / "files", Path(root) / "data"
        write_feedstocks(files, feedstocks)
        prepare(data)
        for name in ("first", "unchanged"):
            seconds = measure(data, files)
            shares = ", ".join(
                f"{part} {taken / seconds['total']:.0%}" for part, taken in seconds.items() if part != "total"
            )
            click.echo(f"{name:<9} {seconds['total']:6.1f} s   {shares}")
        beside = Path(root) / "beside"
        prepare(beside)
        click.echo(posts_beside_a_sync(beside, files))


if __name__ == "__main__":
    benchmark()
