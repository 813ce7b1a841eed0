"""Measure how fast the registry is: everything that docs/performance.md reports, interleaved in one run.

tests/benchmarks/benchmark.py                 10 thousand and 1 million recipe runs, about ten minutes
tests/benchmarks/benchmark.py --large         also 10 million, whose database takes about ten minutes to create
tests/benchmarks/benchmark.py --json          print the results as JSON
"""

import contextlib
import json
import os
import platform
import shutil
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import benchmark_load
import benchmark_sync
import benchmark_writes
import click
from benchmark_database import fill
from benchmark_reads import Writes, cached, cases, cold, floor_of, registry
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, database_path

LARGE = 10_000_000
CLIENTS = (1, 32)
# Datasette's own responses with the same 100 runs: from its table and from a canned query
DATASETTE = {
    "Datasette table JSON": "/federation/recipe_runs.json?_size=100&_sort_desc=run_date&_shape=array",
    "Datasette canned query JSON": "/federation/list_recipe_runs.json?_shape=array",
}
# the limits of the ratio to the floor
BOUNDS = {("list", "cached"): 1.5, ("list", "cold"): 8.0, ("detail", "cached"): 1.5}
GROWTH_BOUND = 1.5
SLOW = 20  # Datasette's requests cost a hundred times as much, so that this many times fewer are enough


def say(text: str) -> None:
    """Print progress to stderr."""
    click.echo(text, err=True)


def make_databases(folder: Path, sizes: list[int]) -> dict[int, Path]:
    made = {}
    for runs in sizes:
        made[runs] = folder / str(runs)
        if not database_path(made[runs], FEDERATION).exists():
            say(f"making {runs:,} recipe runs")
            fill(made[runs], runs)
        prepare(made[runs])
    return made


def measure_reads(databases: dict[int, Path], rounds: int, requests: int, folder: Path) -> dict[str, Any]:
    """Microseconds of each kind of read: the floor's, ours cached and cold, Datasette's; and how they grow."""
    middle = sorted(databases)[min(1, len(databases) - 1)]
    found: dict[str, dict[str, list[float]]] = {}
    with contextlib.ExitStack() as stack:
        servers = {runs: stack.enter_context(registry(data)) for runs, data in databases.items()}
        writes = {runs: Writes(data, runs) for runs, data in databases.items()}
        paths = {runs: cases(data, runs) for runs, data in databases.items()}
        server = servers[middle]
        tag = dict(server.ask("/recipe_runs")[1])["etag"]
        not_modified = server.ask("/recipe_runs", {"If-None-Match": tag})
        responses = {path: server.ask(path) for path in paths[middle].values()}
        floor = stack.enter_context(floor_of({**responses, "/304": not_modified}, folder))
        for number in range(rounds):
            say(f"reads, round {number + 1} of {rounds}")
            for name, path in paths[middle].items():
                each = found.setdefault(name, {})
                each.setdefault("floor", []).append(cached(floor, path, requests))
                each.setdefault("cached", []).append(cached(server, path, requests))
                each.setdefault("floor after a write", []).append(
                    cold(floor, path, max(5, requests // 5), writes[middle])
                )
                for runs in databases:
                    taken = cold(servers[runs], paths[runs][name], max(5, requests // 5), writes[runs])
                    each.setdefault(f"cold, {runs:,} runs", []).append(taken)
            each = found.setdefault("304", {})
            each.setdefault("floor", []).append(cached(floor, "/304", requests))
            tag = dict(server.ask("/recipe_runs")[1])["etag"]
            each.setdefault("cached", []).append(cached(server, "/recipe_runs", requests, {"If-None-Match": tag}))
            for name, path in DATASETTE.items():
                found.setdefault(name, {}).setdefault("cached", []).append(
                    cached(server, path, max(3, requests // SLOW))
                )
        for each in writes.values():
            each.close()
    return {"runs": middle, "microseconds": found, "sizes": list(databases)}


def median_ratio(above: list[float], below: list[float]) -> float:
    """Of what was measured in the same round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def show_reads(reads: dict[str, Any]) -> None:
    found = reads["microseconds"]
    cold_name = f"cold, {reads['runs']:,} runs"
    click.echo(f"\nReads of {reads['runs']:,} runs, microseconds of processor time a request")
    click.echo(f"{'':<28} {'floor':>8} {'cached':>8} {'x floor':>8} {'floor':>14} {'cold':>8} {'x floor':>8}")
    click.echo(f"{'':<28} {'':>8} {'':>8} {'':>8} {'after a write':>14}")
    for name, each in found.items():
        line = f"{name:<28}"
        for below, column, width in (("floor", "cached", 8), ("floor after a write", cold_name, 14)):
            line += f" {statistics.median(each[below]):{width},.0f}" if below in each else f" {'':>{width}}"
            line += f" {statistics.median(each[column]):8,.0f}" if column in each else f" {'':>8}"
            has_both = below in each and column in each
            line += f" {median_ratio(each[column], each[below]):8.1f}" if has_both else f" {'':>8}"
        click.echo(line.rstrip())
    for name in DATASETTE:
        ratio = median_ratio(found[name]["cached"], found["list"]["cached"])
        click.echo(f"{name}: {ratio:,.0f} times the cached list")
    for (name, state), bound in BOUNDS.items():
        column, below = (cold_name, "floor after a write") if state == "cold" else (state, "floor")
        ratio = median_ratio(found[name][column], found[name][below])
        click.echo(f"{state} {name}: {ratio:.1f} x the floor (at most {bound}){'' if ratio <= bound else '  MISSED'}")
    smallest, largest = min(reads["sizes"]), max(reads["sizes"])
    click.echo(f"\nGrowth, cold reads from {smallest:,} to {largest:,} runs (at most {GROWTH_BOUND} x)")
    for name, each in found.items():
        if f"cold, {smallest:,} runs" in each:
            medians = [statistics.median(each[f"cold, {runs:,} runs"]) for runs in reads["sizes"]]
            ratio = median_ratio(each[f"cold, {largest:,} runs"], each[f"cold, {smallest:,} runs"])
            figures = " ".join(f"{value:8,.0f}" for value in medians)
            click.echo(f"{name:<28} {figures} {ratio:8.1f}{'' if ratio <= GROWTH_BOUND else '  MISSED'}")


def measure_sync(folder: Path, feedstocks: int) -> dict[str, dict[str, float]]:
    files, data = folder / "sync-files", folder / "sync-data"
    benchmark_sync.write_feedstocks(files, feedstocks)
    prepare(data)
    return {name: benchmark_sync.measure(data, files) for name in ("first", "unchanged")}


def machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processors": os.cpu_count(),
        "memory_gb": round(memory),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "load": round(os.getloadavg()[0], 1),
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--runs",
    "sizes",
    multiple=True,
    type=click.IntRange(100),
    help="Number of recipe runs. Can be repeated.  [default: 10000 and 1000000]",
)
@click.option("--large", is_flag=True, help="Also measure with 10 million recipe runs.")
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1), help="Rounds of reads.")
@click.option("--requests", default=200, show_default=True, type=click.IntRange(5), help="Requests in each round.")
@click.option("--post-seconds", default=20.0, show_default=True, help="Duration of POSTs per number of clients.")
@click.option("--load-seconds", default=60.0, show_default=True, help="Duration of the mixed load.")
@click.option("--attack-seconds", default=20.0, show_default=True, help="Duration of reads during hostile queries.")
@click.option("--writes", default=1000, show_default=True, help="Writes that are each followed by a read.")
@click.option("--feedstocks", default=25_000, show_default=True, help="Number of feedstocks in the sync.")
@click.option(
    "--databases",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder in which the databases are kept for the next run.  [default: a temporary folder]",
)
@click.option("--json", "as_json", is_flag=True, help="Output JSON.")
def benchmark(
    sizes: tuple[int, ...],
    large: bool,
    rounds: int,
    requests: int,
    post_seconds: float,
    load_seconds: float,
    attack_seconds: float,
    writes: int,
    feedstocks: int,
    databases: Path | None,
    as_json: bool,
) -> None:
    """Measure reads, writes, growth, memory and sync in one run."""
    wanted = sorted({*(sizes or (10_000, 1_000_000)), *((LARGE,) if large else ())})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = make_databases(databases or folder, wanted)
        result: dict[str, Any] = {"machine": machine()}
        result["reads"] = measure_reads(made, rounds, requests, folder)
        middle = result["reads"]["runs"]
        say("writes seen by the next read")
        result["seen"] = benchmark_load.seen_writes(made[middle], middle, writes)
        say("memory, and reads beside hostile queries")
        # a copy, as this records runs with long messages, which would change the next benchmark
        loaded = folder / "loaded"
        shutil.copytree(made[middle], loaded)
        with registry(loaded) as server:
            result["memory"] = benchmark_load.mixed_load(server, middle, load_seconds)
            result["attack"] = benchmark_load.beside_hostile_queries(server, "/recipe_runs", attack_seconds)
        say("POSTs")
        result["posts"] = benchmark_writes.compare(CLIENTS, post_seconds, max(2, min(rounds, 5)), folder)
        say(f"sync of {feedstocks:,} files")
        result["sync"] = measure_sync(folder, feedstocks)
    if as_json:
        click.echo(json.dumps(result, indent=1))
    else:
        show(result, feedstocks)


def show(result: dict[str, Any], feedstocks: int) -> None:
    about = result["machine"]
    click.echo(
        f"{about['date']}, {about['processors']} processors, {about['memory_gb']} GB, Python {about['python']}, "
        f"load {about['load']} at the beginning"
    )
    show_reads(result["reads"])
    click.echo("\nWrites: durable POSTs of a run with a dataset")
    for clients, arms in result["posts"].items():
        for name, each in arms.items():
            click.echo(
                f"{clients:>2} clients, {name:<16} {each['rate']:7,.0f} a second   p50 {each['p50']:6.1f} ms"
                f"   p99 {each['p99']:6.1f} ms   {each['microseconds']:6,.0f} us of processor time each"
            )
        grouped, single = (each["rate"] for each in arms.values())
        click.echo(f"{clients:>2} clients, ratio {grouped / single:.1f}")
    seen, count = result["seen"]
    click.echo(f"\nA write is seen by the next read, across processes: {seen:,} of {count:,}")
    attack, memory = result["attack"], result["memory"]
    click.echo(
        f"A cached list beside six hostile queries: p50 {attack['p50']:.1f} ms, p99 {attack['p99']:.1f} ms, "
        f"slowest {attack['slowest']:.1f} ms"
    )
    click.echo(
        f"Memory: {memory['begin_mb']:.0f} MB at the start, {memory['end_mb']:.0f} MB after {memory['seconds']:.0f} s "
        f"of mixed load ({memory['requests']:,} requests), {memory['highest_mb']:.0f} MB at most"
    )
    for name, seconds in result["sync"].items():
        click.echo(f"Sync of {feedstocks:,} files, {name}: {seconds['total']:.1f} s")


if __name__ == "__main__":
    benchmark()
