"""Measure how far a read replica under load lags behind, and check that it never shows a state that never existed.

    .venv/bin/python tests/benchmarks/benchmark_replica.py [--seconds 60] [--rate 50]

A primary and a replica are started, with a folder as the store. A writer commits `--rate` times a second, alternating
between updates of two rows of two tables in one transaction, which do not enlarge the database, and new rows. Meanwhile
long-lived connections read both rows together from the replica, and requests are sent to its server. Halfway through,
the replica and its follower are killed and started again.
"""

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import click
import requests
from pangeo_forge_federation.replication.process import CHILD_LOCK
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction
from pangeo_forge_federation.storage.read_connections import connect_reader

READ_PAUSE = 0.02
BAKERY, FEEDSTOCK = "load.bakery", "load-feedstock"


@dataclass
class Seen:
    """What was read, and the errors in it."""

    reads: int = 0
    # seconds from a commit to the first read that saw it
    delays: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Load:
    """What is written, and when each number was committed."""

    def __init__(self, data: Path, rate: float):
        self._data = data
        self._rate = rate
        self.committed: dict[int, float] = {}
        self.stopping = threading.Event()
        self.number = 0

    def run(self) -> None:
        with closing(connect(database_path(self._data, FEDERATION))) as connection:
            with transaction(connection):
                connection.execute("insert into bakeries (id, listed) values (:id, 0)", {"id": BAKERY})
                connection.execute(
                    "insert into feedstocks (id, repository) values (:id, 'pangeo-forge/load-feedstock')",
                    {"id": FEEDSTOCK},
                )
            beginning = time.monotonic()
            while not self.stopping.wait(max(0.0, beginning + self.number / self._rate - time.monotonic())):
                self.number += 1
                # of one length, so that no page is added
                text = f"{self.number:012d}"
                with transaction(connection):
                    connection.execute("update bakeries set description = :t where id = :id", {"t": text, "id": BAKERY})
                    connection.execute("update feedstocks set title = :t where id = :id", {"t": text, "id": FEEDSTOCK})
                    if self.number % 2:
                        connection.execute("insert into bakeries (id, listed) values (:id, 0)", {"id": f"n{text}"})
                self.committed[self.number] = time.monotonic()


def read_database(path: Path, load: Load, stopping: threading.Event, seen: Seen) -> None:
    """Read both rows together, on one connection that stays open."""
    newest = 0
    with closing(connect_reader(path)) as connection:
        while not stopping.wait(READ_PAUSE):
            connection.execute("begin")
            bakery = connection.execute("select description from bakeries where id = :id", {"id": BAKERY}).fetchone()
            time.sleep(0.001)
            row = connection.execute("select title from feedstocks where id = :id", {"id": FEEDSTOCK}).fetchone()
            connection.execute("rollback")
            seen.reads += 1
            if bakery != row:
                seen.errors.append(f"read together: {bakery} and {row}")
            newest = note(int(row[0] or 0) if row else 0, newest, load, seen)


def read_server(url: str, load: Load, stopping: threading.Event, seen: Seen) -> None:
    """Send requests to the replica's server, which may respond from its cache."""
    newest = 0
    session = requests.Session()
    session.trust_env = False
    while not stopping.wait(READ_PAUSE):
        response = session.get(f"{url}/feedstocks/{FEEDSTOCK}", timeout=20)
        seen.reads += 1
        if response.status_code != 200:
            seen.errors.append(f"{response.status_code} {response.text}")
        else:
            newest = note(int(response.json()["title"] or 0), newest, load, seen)


def note(number: int, newest: int, load: Load, seen: Seen) -> int:
    """Note what a reader saw; the newest that it has seen now."""
    if number < newest:
        seen.errors.append(f"{number} after {newest}")
    # the first read of a life has waited for nothing
    if newest and number > newest and number in load.committed:
        # the oldest of those that came together has waited longest
        seen.delays.append(time.monotonic() - load.committed.get(newest + 1, load.committed[number]))
    return max(number, newest)


@contextlib.contextmanager
def serving(data: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen, str]]:
    command = [
        sys.executable,
        "-m",
        "pangeo_forge_federation.server.serve_command",
        "--data",
        str(data),
        "--port",
        "0",
        *arguments,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line.startswith("Serving "):
            raise click.ClickException("a server did not start; its error message is above")
        yield process, line.split()[-1]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def life(data: Path, store: str, load: Load, seconds: float, readers: int, over_http: Seen, directly: Seen) -> None:
    """Start a replica, read from it, and kill it together with its follower."""
    with serving(data, "--replica-of", store) as (process, url):
        stopping = threading.Event()
        path = database_path(data, FEDERATION)
        threads = [
            threading.Thread(target=read_database, args=(path, load, stopping, directly)) for _ in range(readers)
        ]
        threads.append(threading.Thread(target=read_server, args=(url, load, stopping, over_http)))
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        stopping.set()
        for thread in threads:
            thread.join()
        for pid in (int((data / CHILD_LOCK).read_text()), process.pid):
            os.kill(pid, signal.SIGKILL)


def measure(folder: Path, seconds: float, rate: float, readers: int) -> tuple[Load, Seen, Seen]:
    """Return what was written, what the connections saw, and what was seen over HTTP."""
    store = f"file://{folder}/store"
    directly, over_http = Seen(), Seen()
    with serving(folder / "primary", "--replicate", store):
        load = Load(folder / "primary", rate)
        writer = threading.Thread(target=load.run)
        writer.start()
        try:
            while load.number < rate:
                time.sleep(0.05)
            for _ in range(2):
                life(folder / "replica", store, load, seconds / 2, readers, over_http, directly)
        finally:
            load.stopping.set()
            writer.join()
    return load, directly, over_http


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--seconds", default=60.0, show_default=True, help="How long to read, before and after the restart in total."
)
@click.option("--rate", default=50.0, show_default=True, help="Commits per second.")
@click.option("--readers", default=4, show_default=True, help="Number of long-lived connections.")
def benchmark(seconds: float, rate: float, readers: int) -> None:
    """Measure how far a read replica lags behind."""
    with tempfile.TemporaryDirectory(prefix="federation-replica-") as folder:
        load, *seen = measure(Path(folder), seconds, rate, readers)
    print(f"{load.number} commits")
    for name, each in zip(("long-lived connections", "over HTTP"), seen, strict=True):
        delays = sorted(each.delays) or [0.0]
        print(
            f"{name}: {each.reads} reads, {len(each.errors)} wrong {each.errors[:2] or ''}; a commit was seen after "
            f"{statistics.median(delays):.2f} s at the median, {delays[int(len(delays) * 0.99)]:.2f} s at p99, "
            f"{delays[-1]:.2f} s at most"
        )
    if any(each.errors for each in seen):
        sys.exit(1)


if __name__ == "__main__":
    benchmark(prog_name="tests/benchmarks/benchmark_replica.py")
