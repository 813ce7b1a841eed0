"""Compare durable POSTs with group commit and with one commit each, interleaved, so that both meet the same conditions.

Two servers are started, each over a folder of its own: one as it is served, one whose writer
commits each write by itself. The same clients post to one and to the other in turns.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.storage import group_commit as writer
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path

BAKERY = "benchmark.bakery"
ARMS = {"group commit": writer.GROUP_SIZE, "one commit each": 1}
SERVE = """
import sys
from pangeo_forge_federation.storage import group_commit as writer
from pangeo_forge_federation.server.serve_command import serve_command
writer.GROUP_SIZE = int(sys.argv.pop(1))
serve_command()
"""
BODY = {
    "recipe_id": "extent",
    "feedstock_id": "benchmark-feedstock",
    "commit": "0f2c9a7d",
    "status": "in_progress",
    "datasets": [{"url": "gs://bucket/extent.zarr", "format": "zarr"}],
}


@contextlib.contextmanager
def serving(data: Path, group_size: int) -> Iterator[tuple[str, int, str, int]]:
    """Start a server that commits at most this many writes at once, and yield host, port, token and process id."""
    prepare(data)
    connection = connect(database_path(data, TOKENS))
    token = tokens.create_token(connection, BAKERY, "benchmark", 1)
    connection.close()
    command = [sys.executable, "-c", SERVE, str(group_size), "--data", str(data), "--port", "0"]
    environment = {**os.environ, "FEDERATION_WRITES_PER_MINUTE": "0"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        found = re.search(r"http://(\S+):(\d+)", process.stdout.readline())
        if not found:
            raise click.ClickException("the server did not start")
        yield found[1], int(found[2]), token, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()


async def post_over_and_over(host: str, port: int, token: str, until: float, took: list[float]) -> None:
    """Run a client that sends one POST after another, at least one, and appends how long each took."""
    body = json.dumps(BODY).encode()
    request = (
        f"POST /recipe_runs HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    reader, stream = await asyncio.open_connection(host, port)
    while True:
        began = time.perf_counter()
        stream.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 201 "):
            raise click.ClickException(head.decode("latin-1"))
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
        took.append(time.perf_counter() - began)
        if time.perf_counter() >= until:
            break
    stream.close()


async def post_for(seconds: float, clients: int, host: str, port: int, token: str) -> list[float]:
    """Return how long each POST of this many concurrent clients took."""
    took: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(post_over_and_over(host, port, token, until, took) for _ in range(clients)))
    return took


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))] * 1000


def compare(
    clients: Sequence[int], seconds: float, rounds: int, folder: Path
) -> dict[int, dict[str, dict[str, float]]]:
    """By number of clients and way of committing: POSTs a second (median of its turns), p50 and p99 (milliseconds),
    processor time of a POST (microseconds)."""
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        servers = {name: stack.enter_context(serving(root / str(size), size)) for name, size in ARMS.items()}
        # warm up both before either is measured
        for server in servers.values():
            asyncio.run(post_for(min(0.5, seconds / 4), max(clients), *server[:3]))
        return {each: compare_with(each, seconds, rounds, servers) for each in clients}


def compare_with(clients: int, seconds: float, rounds: int, servers: dict[str, tuple]) -> dict[str, dict[str, float]]:
    turn = seconds / rounds / len(ARMS)
    rates: dict[str, list[float]] = {name: [] for name in ARMS}
    took: dict[str, list[float]] = {name: [] for name in ARMS}
    used = dict.fromkeys(ARMS, 0.0)
    for number in range(rounds):
        # alternate which one comes first, in case conditions change during the run
        for name in list(ARMS)[:: 1 if number % 2 else -1]:
            began, spent = time.perf_counter(), cpu_seconds(servers[name][3])
            each = asyncio.run(post_for(turn, clients, *servers[name][:3]))
            rates[name].append(len(each) / (time.perf_counter() - began))
            used[name] += cpu_seconds(servers[name][3]) - spent
            took[name] += each
    return {
        name: {
            "rate": statistics.median(rates[name]),
            "p50": percentile(took[name], 0.5),
            "p99": percentile(took[name], 0.99),
            "microseconds": used[name] / len(took[name]) * 1e6,
        }
        for name in ARMS
    }


def cpu_seconds(process_id: int) -> float:
    """Return the processor time that all threads of a process have used so far."""
    tasks = Path(f"/proc/{process_id}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
