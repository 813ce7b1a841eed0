"""Scripts run as processes of their own, but forked from one that has imported what they need.

Such a process has its own arguments, environment, folder, output and exit code, as one that a shell starts; it saves
the half second in which each would import the same libraries.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

SECONDS = 60


class WarmPython:
    """Started with the first script; `close` ends it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None

    def run(
        self, script: Path, *arguments: object, cwd: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess:
        """What `subprocess.run` would give for the script, with its output as text."""
        if self._process is None:
            command = [sys.executable, __file__]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with tempfile.NamedTemporaryFile("r") as stdout, tempfile.NamedTemporaryFile("r") as stderr:
            request = {
                "arguments": [str(script), *map(str, arguments)],
                "cwd": str(cwd),
                "environment": dict(environment),
                "stdout": stdout.name,
                "stderr": stderr.name,
            }
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(request["arguments"], code, stdout.read(), stderr.read())

    def close(self) -> None:
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()


def next_request() -> dict | None:
    """In each child the request it is made for; None in the parent, when there are no more."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return json.loads(line)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, flush=True)
    return None


def become(request: dict) -> None:
    """Be the process that was asked for, until the script ends it."""
    signal.alarm(SECONDS)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(request["stdout"], os.O_WRONLY), 1)
    os.dup2(os.open(request["stderr"], os.O_WRONLY), 2)
    sys.argv = request["arguments"]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    import pangeo_forge_federation.access.tokens_command  # noqa: F401

    if asked := next_request():
        become(asked)
