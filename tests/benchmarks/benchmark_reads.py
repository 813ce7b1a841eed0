"""Measure the cost of reads: the server's processor time per request, in user and kernel mode, as Linux counts it.

The number of requests per second depends on what else the machine does. Processor time depends on it much less, and
ratios of interleaved measurements even less. The floor is an application that returns the same bytes.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmark_database import feedstock_count
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.api.canned_queries import read_canned_queries
from pangeo_forge_federation.api.list_requests import read_list_request
from pangeo_forge_federation.api.paging import Position, encode_next
from pangeo_forge_federation.settings import read_metadata
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect, database_path, transaction

FLOOR = """
import json, sys
import uvicorn
responses = {path: (status, [[n.encode(), v.encode()] for n, v in headers], body.encode("latin-1"))
           for path, (status, headers, body) in json.load(open(sys.argv[1])).items()}
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    status, headers, body = responses[scope["raw_path"].decode() + "?" + scope["query_string"].decode()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
config = uvicorn.Config(application, port=0, loop="uvloop", http="httptools", access_log=False, lifespan="on",
                        log_level="warning", server_header=False)
server = uvicorn.Server(config)
import socket
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(64)
print("Serving http://127.0.0.1:%d" % listening.getsockname()[1], flush=True)
server.run(sockets=[listening])
"""


@dataclass
class Server:
    """A server process, and one persistent connection to it."""

    process: subprocess.Popen
    host: str
    port: int
    token: str = ""

    def __post_init__(self):
        self.connection = http.client.HTTPConnection(self.host, self.port, timeout=60)

    def ask(self, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> tuple:
        """Send a GET, and return status, headers and body."""
        self.connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in headers.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        response = self.connection.getresponse()
        return response.status, response.getheaders(), response.read()

    def cpu_seconds(self) -> float:
        """Return the processor time that all threads of the process have used so far."""
        folder = Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in folder.iterdir()) / 1e9

    def memory_mb(self) -> float:
        """Return the current resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


@contextlib.contextmanager
def running(command: list[str], token: str = "", **environment: str) -> Iterator[Server]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    try:
        found = re.search(r"http://(\S+):(\d+)", process.stdout.readline())
        if not found:
            raise RuntimeError(f"the server did not start: {' '.join(command)[:200]}")
        yield Server(process, found[1], int(found[2]), token)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def registry(data: Path, *arguments: str) -> Iterator[Server]:
    """Start the registry's server."""
    connection = connect(database_path(data, TOKENS))
    token = tokens.create_token(connection, None, "benchmark", 1)
    connection.close()
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
    with running(command, token, FEDERATION_WRITES_PER_MINUTE="0") as server:
        yield server


@contextlib.contextmanager
def floor_of(responses: dict[str, tuple], folder: Path) -> Iterator[Server]:
    """Start an application that only returns these responses: path with query -> (status, headers, body)."""
    file = folder / "floor.json"
    kept = {
        path if "?" in path else f"{path}?": (
            status,
            [pair for pair in headers if pair[0] != "date"],
            body.decode("latin-1"),
        )
        for path, (status, headers, body) in responses.items()
    }
    file.write_text(json.dumps(kept))
    with running([sys.executable, "-c", FLOOR, str(file)]) as server:
        yield server


def cases(data: Path, runs: int) -> dict[str, str]:
    """Return the requests to measure: name -> path."""
    query = read_canned_queries(read_metadata()["databases"][FEDERATION]["queries"])["list_recipe_runs"]
    query = type(query)(**{**query.__dict__, "columns": tuple(query.record.model_fields)})
    request = read_list_request(query, query.path, "", "pangeo-forge")
    middle = sqlite3.connect(database_path(data, FEDERATION))
    row = middle.execute("select run_date, id from recipe_runs where id = ?", [runs // 2]).fetchone()
    middle.close()
    deep = encode_next(Position(row[0], (row[1],)), request.identity)
    return {
        "list": "/recipe_runs",
        "detail": f"/recipe_runs/{runs - 5}",
        "sub-list": f"/feedstocks/feedstock-{feedstock_count(runs) // 2}/recipe_runs",
        "filtered list": "/recipe_runs?status=failure",
        "deep page": f"/recipe_runs?_next={deep}",
        "statistics": "/stats",
    }


class Writes:
    """Commits from a process other than the server, which change a run on the first page."""

    def __init__(self, data: Path, runs: int):
        self._connection = connect(database_path(data, FEDERATION))
        self._connection.execute("pragma synchronous = off")
        self._runs = runs
        self.count = 0

    def write(self) -> str:
        """Commit once, and return the run's new version."""
        self.count += 1
        version = f"0.{self.count}"
        with transaction(self._connection) as connection:
            connection.execute(
                "update recipe_runs set version = :version, revision = revision + 1, "
                "updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now') where id = :id",
                {"version": version, "id": self._runs - 5},
            )
        return version

    def close(self) -> None:
        self._connection.close()


def cached(server: Server, path: str, requests: int, headers: Mapping[str, str] = MappingProxyType({})) -> float:
    """Return the microseconds per request while nothing is written."""
    server.ask(path, headers)
    began = server.cpu_seconds()
    for _ in range(requests):
        server.ask(path, headers)
    return (server.cpu_seconds() - began) / requests * 1e6


def cold(server: Server, path: str, requests: int, writes: Writes) -> float:
    """Return the microseconds per request if each follows a write by another process."""
    server.ask(path)
    used = 0.0
    for _ in range(requests):
        writes.write()
        began = server.cpu_seconds()
        server.ask(path)
        used += server.cpu_seconds() - began
    return used / requests * 1e6
