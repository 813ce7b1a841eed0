"""A real server process for tests, on a port of its own choice."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

STOP_SECONDS = 15


@dataclass
class ServerProcess:
    process: subprocess.Popen
    url: str
    # what it said when it was ready, the URL's line first
    said: list[str]


@contextlib.contextmanager
def running_server(
    data: Path, *arguments: str, stderr: IO | None = None, **environment: str
) -> Iterator[ServerProcess]:
    """A server over a data folder, answering; stopped at the end, whatever happens."""
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
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=stderr, text=True, env={**os.environ, **environment}
    )
    try:
        line = process.stdout.readline()
        url = re.search(r"http://\S+", line)
        assert url, f"the server said {line!r}"
        yield ServerProcess(process, url[0], [line.rstrip()])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """What a condition gives as soon as it holds."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found
