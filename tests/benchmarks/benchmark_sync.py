"""Measure a first sync of many feedstocks from files, and a second one that finds no changes, by the parts of a sync.

With --posts, two clients meanwhile record runs with a real server, and the slowest response is reported.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path
from pangeo_forge_federation.sync import run
from pangeo_forge_federation.sync.folder import fetch_folder

EXAMPLES = ROOT / "tests" / "fixtures" / "federation"
BAKERY_DATABASE = "pangeo-forge/bakery-database"
HOME = "pangeo-forge"
CLIENTS = 2
POST_TIMEOUT_SECONDS = 30
# how long a bakery may have to wait for a response
LONGEST_POST_SECONDS = 1.5


def write_feedstocks(folder: Path, count: int) -> None:
    """Write `count` feedstocks with the contents of the fixtures, each slightly different."""
    contents = [path.read_bytes() for path in sorted(EXAMPLES.glob("*/*/feedstock/meta.y*ml"))]
    for number in range(count):
        file = folder / "pangeo-forge" / f"feedstock-{number}" / "feedstock" / "meta.yaml"
        file.parent.mkdir(parents=True)
        file.write_bytes(contents[number % len(contents)] + b"# %d\n" % number)


def measure(data: Path, folder: Path) -> dict[str, float]:
    """Run a sync, and return its seconds by part."""
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
def posting(data: Path, waits: list[float], errors: list[str]) -> Iterator[None]:
    """Start a server for the data folder, and two clients that each record one run after another."""
    connection = connect(database_path(data, TOKENS))
    token = tokens.create_token(connection, "bench.bakery", "benchmark", 1)
    connection.close()
    command = [sys.executable, "-m", "pangeo_forge_federation.server.serve_command", "--data", str(data), "--port", "0"]
    environment = {**os.environ, "FEDERATION_WRITES_PER_MINUTE": "0"}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    stopping = threading.Event()

    def post(url: str, name: str) -> None:
        body = {"recipe_id": "daily", "feedstock_id": f"feedstock-{name}", "commit": "0f2c9a7d", "status": "success"}
        with httpx.Client(trust_env=False, timeout=POST_TIMEOUT_SECONDS) as client:
            while not stopping.is_set():
                began = time.perf_counter()
                try:
                    response = client.post(
                        f"{url}/recipe_runs", json=body, headers={"Authorization": f"Bearer {token}"}
                    )
                    if response.status_code != 201:
                        errors.append(f"{response.status_code} {response.text}")
                except httpx.HTTPError as error:
                    errors.append(repr(error))
                waits.append(time.perf_counter() - began)

    try:
        url = re.search(r"http://\S+", server.stdout.readline())[0]
        threads = [threading.Thread(target=post, args=(url, str(number))) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        yield
        stopping.set()
        for thread in threads:
            thread.join()
    finally:
        stopping.set()
        server.terminate()
        server.wait()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--feedstocks", default=25_000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Folder for temporary files."
)
@click.option("--posts", is_flag=True, help="Also record runs; exit with 1 if a POST fails or takes over 1.5 s.")
def benchmark(feedstocks: int, folder: Path | None, posts: bool) -> None:
    """Measure a first sync of many feedstocks from files, and a second one without changes."""
    waits: list[float] = []
    errors: list[str] = []
    with tempfile.TemporaryDirectory(dir=folder) as root:
        files, data = Path(root) / "files", Path(root) / "data"
        write_feedstocks(files, feedstocks)
        prepare(data)
        for name in ("first", "unchanged"):
            with posting(data, waits, errors) if posts else contextlib.nullcontext():
                seconds = measure(data, files)
            shares = ", ".join(
                f"{part} {taken / seconds['total']:.0%}" for part, taken in seconds.items() if part != "total"
            )
            click.echo(f"{name:<9} {seconds['total']:6.1f} s   {shares}")
            if posts:
                middle, slowest = sorted(waits)[len(waits) // 2], max(waits)
                click.echo(
                    f"{'':<9} {len(waits):,} POSTs, {len(errors)} failed, "
                    f"median {middle * 1000:.0f} ms, slowest {slowest * 1000:.0f} ms"
                )
                if errors or slowest > LONGEST_POST_SECONDS:
                    raise click.ClickException(f"a POST failed or took too long: {errors[:3]}")
                waits.clear()


if __name__ == "__main__":
    benchmark()
