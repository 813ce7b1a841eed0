"""The command line of scripts/serve: bind, start the workers, print the URL once they respond, stop cleanly."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from pangeo_forge_federation.api.canned_queries import BadQuery
from pangeo_forge_federation.command_line.duration import Duration
from pangeo_forge_federation.command_line.options import HELP, data_option
from pangeo_forge_federation.server import demo
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.server.logs import TextFormatter, log_config, redact_stderr
from pangeo_forge_federation.server.schedule import running_every, snapshot_command_of, sync_command_of
from pangeo_forge_federation.services import close_databases
from pangeo_forge_federation.settings import (
    COOKIE_SECRET,
    DATA_FOLDER,
    LOG_JSON,
    ROOT,
    BadSetting,
    data_folder,
    log_format,
    read_settings,
    trusted_proxies,
)
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import (
    FEDERATION,
    UnusableDatabase,
    database_path,
    is_replica,
    is_replicated,
)
from pangeo_forge_federation.values.redaction import redact
from pangeo_forge_federation.web.metrics import SHARED_FOLDER, shared_folder

# How long a stop waits for requests in progress.
GRACE_SECONDS = 10
# How long a worker may leave the supervisor's pings unanswered before it is replaced.
WORKER_SILENCE_SECONDS = 60
READY_POLL_SECONDS = 0.05


@click.command(context_settings=HELP)
@click.option("--demo", "with_demo", is_flag=True, help="Serve a made-up federation, by default in demo/.")
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8001,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 for any that is free.",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Number of server processes.")
@click.option("--sync-every", type=Duration(), metavar="15m", help="Sync with GitHub at this interval.")
@click.option("--snapshot-every", type=Duration(), metavar="1d", help="Make a public snapshot at this interval.")
@click.option("--replicate", metavar="URL", help="Replicate to a store: s3://, gs://, abs://, sftp:// or file:///.")
@click.option("--replica-of", metavar="URL", help="Serve a read replica of a registry that replicates to this store.")
def serve_command(
    with_demo: bool,
    data: Path | None,
    host: str,
    port: int,
    workers: int,
    sync_every: float | None,
    snapshot_every: float | None,
    replicate: str | None,
    replica_of: str | None,
) -> None:
    """Serve the registry's API and its explorer."""
    redact_stderr()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    if replica_of and (replicate or sync_every):
        raise click.UsageError("a read replica takes neither --replicate nor --sync-every")
    if with_demo and (replica_of or replicate):
        raise click.UsageError("the demo cannot be replicated; it is created again if its folder is deleted")
    data = (data or (ROOT / "demo" if with_demo else data_folder())).resolve()
    try:
        acknowledge = read_settings().acknowledge
    except BadSetting as error:
        fail(error.message, error.exit_code)
    if acknowledge == "replica" and not replicate and not replica_of:
        fail("FEDERATION_ACKNOWLEDGE=replica needs --replicate URL")
    if is_replica(data) and not replica_of:
        fail(f"{data} holds a read replica: start it with --replica-of")
    serve_here = partial(serve, data, with_demo, host, port, workers, sync_every, snapshot_every)
    if not replicate and not replica_of and not is_replicated(data):
        serve_here()
        return
    # do not import replication in servers that do not replicate
    from pangeo_forge_federation.replication.follower import following
    from pangeo_forge_federation.replication.primary import end_replication, replicating
    from pangeo_forge_federation.replication.urls import ReplicationError, read_url

    if log_format() != LOG_JSON:
        handler = logging.StreamHandler()
        handler.setFormatter(TextFormatter("scripts/serve: %(message)s"))
        logging.basicConfig(handlers=[handler], level=logging.WARNING)
    try:
        if replica_of:
            with following(data, read_url(replica_of)):
                serve_here()
        elif replicate:
            with replicating(data, read_url(replicate)):
                serve_here()
        else:
            end_replication(data)
            serve_here()
    except ReplicationError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or data}: {error.strerror}")


def serve(
    data: Path,
    with_demo: bool,
    host: str,
    port: int,
    workers: int,
    sync_every: float | None,
    snapshot_every: float | None,
) -> None:
    """Open the databases and serve them until a signal stops the server."""
    listening = bind(host, port)
    try:
        lines = demo_lines(data) if with_demo else []
        if not database_path(data, FEDERATION).exists():
            lines.append(f"A new registry was made in {data}: it is empty until scripts/sync.py fills it")
        prepare(data)
        asyncio.run(try_start(data))
        config = configuration(workers)
    except (OSError, sqlite3.Error, UnusableDatabase) as error:
        fail(f"the databases in {data} cannot be opened: {error}")
    except BadQuery as error:
        fail(f"metadata.yml: {error}")
    except BadSetting as error:
        fail(error.message, error.exit_code)
    os.environ[DATA_FOLDER] = str(data)
    # so that workers accept each other's cookies
    os.environ.setdefault(COOKIE_SECRET, secrets.token_hex(32))
    url = f"http://{'[' + host + ']' if ':' in host else host}:{listening.getsockname()[1]}"
    threading.Thread(target=announce, args=(url, [line.format(url=url) for line in lines]), daemon=True).start()
    with contextlib.ExitStack() as beside:
        if sync_every:
            beside.enter_context(running_every(sync_every, sync_command_of(data)))
        if snapshot_every:
            beside.enter_context(running_every(snapshot_every, snapshot_command_of(data, snapshot_every)))
        if workers > 1:
            os.environ[SHARED_FOLDER] = beside.enter_context(shared_folder())
        run(config, listening)


async def try_start(data: Path) -> None:
    """Start and stop the application once, to report errors here: workers would be restarted again and again."""
    datasette = make_datasette(data)
    try:
        await datasette.invoke_startup()
    finally:
        close_databases(datasette)


def configuration(workers: int) -> uvicorn.Config:
    """Return the configuration of uvicorn. `lifespan="on"` ends a server that fails to start. Raises `BadSetting`."""
    proxies = trusted_proxies()
    return uvicorn.Config(
        "pangeo_forge_federation.server.application:create_application",
        factory=True,
        workers=workers,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        # by default, do not trust X-Forwarded-For from 127.0.0.1 either
        proxy_headers=proxies is not None,
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=GRACE_SECONDS,
        # a worker that is still starting on a busy machine cannot answer yet: replacing it would only start another one
        timeout_worker_healthcheck=WORKER_SILENCE_SECONDS,
        log_config=log_config(log_format()),
    )


class Workers(Multiprocess):
    """Uvicorn's supervisor of worker processes."""

    def init_processes(self) -> None:
        # Ctrl-C in a terminal reaches every process: workers that are still starting leave it to the supervisor
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        super().init_processes()
        signal.signal(signal.SIGINT, handler)


def run(config: uvicorn.Config, listening: socket.socket) -> None:
    """Serve until a signal stops the server."""
    if config.workers > 1:
        supervisor = Workers(config, sockets=[listening])
        supervisor.run()
        started = all(process.exitcode != STARTUP_FAILURE for process in supervisor.processes)
    else:
        server = uvicorn.Server(config)
        server.run(sockets=[listening])
        started = server.started
    if not started:
        fail("the server did not start: the reason is above")


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket, or exit with a one-line message."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family=family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # listen now, so that two servers that start at once cannot share the port
        listening.listen(2048)
    except OSError as error:
        fail(f"{host}:{port} cannot be used: {error.strerror}. Choose another with --port.")
    listening.set_inheritable(True)
    return listening


def demo_lines(data: Path) -> list[str]:
    """Return the message about the demo that is printed once it is served."""
    made = demo.ensure_demo(data)
    token = demo.demo_token(data)
    where = f"made in {data}" if made else f"from {data}; delete that folder to create it again"
    return [
        f"A made-up federation, {where}.",
        f"A token of {demo.DEMO_BAKERY} to try: {token}",
        "Record a recipe run:",
        f"""  curl -X POST {{url}}/recipe_runs -H 'Authorization: Bearer {token}' """
        """-H 'Content-Type: application/json' -d '{{"recipe_id": "monthly-extent", """
        """"feedstock_id": "northern-sea-ice-feedstock", "commit": "main", "status": "success"}}'""",
    ]


def announce(url: str, lines: list[str]) -> None:
    """Print the URL of the registry as soon as it responds."""
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                break
        except (OSError, urllib.error.URLError):
            time.sleep(READY_POLL_SECONDS)
    print("\n".join([f"Serving {url}", *lines]), flush=True)


def fail(message: str, exit_code: int = 1) -> NoReturn:
    """Exit with one line on stderr."""
    print(f"scripts/serve: {redact(message)}", file=sys.stderr)
    sys.exit(exit_code)


def _stop(number: int, frame: object) -> None:
    # uvicorn raises the signal again after stopping, but a requested stop is not a failure
    sys.exit(0)


if __name__ == "__main__":
    serve_command(prog_name="scripts/serve")
