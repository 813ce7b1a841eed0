"""Measure how long it takes to replicate a large registry to a store, to restore it, and to follow it.

    .venv/bin/python tests/benchmarks/benchmark_restore.py [--runs 1000000]

The store is a folder on this disk, so that the figures do not include the network.
"""

import tempfile
import time
from contextlib import closing
from pathlib import Path

import click
from pangeo_forge_federation.replication.follower import following
from pangeo_forge_federation.replication.primary import replicating
from pangeo_forge_federation.replication.restore_command import restore
from pangeo_forge_federation.replication.urls import StoreUrl, read_url
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction

RUNS_A_COMMIT = 50_000
FEEDSTOCKS = 500


def fill(data: Path, runs: int) -> None:
    """Create a registry with this many recipe runs, and as many feedstocks as the federation may have one day."""
    prepare(data)
    with closing(connect(database_path(data, FEDERATION))) as connection:
        with transaction(connection):
            connection.execute("insert into bakeries (id, listed) values ('benchmark.bakery', 1)")
            connection.executemany(
                "insert into feedstocks (id, repository) values (:id, 'pangeo-forge/' || :id)",
                [{"id": f"benchmark-{number}-feedstock"} for number in range(FEEDSTOCKS)],
            )
        for first in range(0, runs, RUNS_A_COMMIT):
            with transaction(connection):
                connection.execute(
                    """
                    with recursive numbers (n) as (
                        select :first
                        union all
                        select n + 1
                        from numbers
                        where n + 1 < :last
                    )
                    insert into recipe_runs (
                        recipe_id, run_date, bakery_id, feedstock_id, "commit", status, external_id,
                        is_test, created_at, updated_at
                    )
                    select
                        'recipe-' || (n % 3),
                        strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1700000000 + n * 60, 'unixepoch'),
                        'benchmark.bakery',
                        'benchmark-' || (n % :feedstocks) || '-feedstock',
                        lower(hex(randomblob(20))),
                        case when n % 10 then 'success' else 'failure' end,
                        'job/' || n,
                        0,
                        strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1700000000 + n * 60, 'unixepoch'),
                        strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1700000000 + n * 60, 'unixepoch')
                    from numbers
                    """,
                    {"first": first, "last": min(runs, first + RUNS_A_COMMIT), "feedstocks": FEEDSTOCKS},
                )


def say(what: str, seconds: float, size: int | None = None) -> None:
    print(f"{what}: {seconds:.1f} s" + (f", {size / 1e6:,.0f} MB" if size is not None else ""), flush=True)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure(folder: Path, runs: int) -> None:
    data, store = folder / "primary", folder / "store"
    url: StoreUrl = read_url(f"file://{store}")
    began = time.monotonic()
    fill(data, runs)
    say(f"a registry of {runs:,} recipe runs was made", time.monotonic() - began, size_of(data))
    began = time.monotonic()
    with replicating(data, url):
        say("copied to the store for the first time", time.monotonic() - began, size_of(store))
        began = time.monotonic()
        with following(folder / "copy", url):
            say("copied by a read replica, until it can be read", time.monotonic() - began)
        began = time.monotonic()
    say("stopped", time.monotonic() - began)
    began = time.monotonic()
    restore(url, None, folder / "restored")
    say("restored and checked", time.monotonic() - began, size_of(folder / "restored"))
    began = time.monotonic()
    with replicating(data, url):
        say("started again as a primary", time.monotonic() - began, size_of(store))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--runs", default=1_000_000, show_default=True, type=click.IntRange(1), help="Number of recipe runs.")
def benchmark(runs: int) -> None:
    """Measure how long a restore takes."""
    with tempfile.TemporaryDirectory(prefix="federation-restore-") as folder:
        measure(Path(folder), runs)


if __name__ == "__main__":
    benchmark(prog_name="tests/benchmarks/benchmark_restore.py")
