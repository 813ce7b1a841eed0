"""Create `.venv` and install `requirements.txt` into it, unless it is up to date. Needs only the standard library.

The stamp is written last, so that an interrupted installation is repeated. Because of the lock, `serve` and `test` can
be started at the same time on a new machine.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".requirements"


def wanted_stamp():
    """Return a hash of everything that the environment depends on. If it changes, everything is installed again."""
    digest = hashlib.sha256()
    for name in ("requirements.txt", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    # an editable installation depends on the folder, and an environment on its Python
    digest.update(f"{ROOT} {sys.version}".encode())
    return digest.hexdigest()


def is_ready():
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted_stamp()


def install():
    print("Setting up .venv; this takes about a minute ...", file=sys.stderr, flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    run(
        sys.executable,
        "-m",
        "venv",
        str(ENVIRONMENT),
        why="cannot create .venv. Install Python's venv module (on Debian: python3-venv).",
    )
    run(
        str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt",
        why="cannot install requirements.txt; pip's error message is above",
    )  # fmt: skip
    STAMP.write_text(wanted_stamp())


def run(*command, why):
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    # stdout is reserved for the command that runs after the set-up
    if subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr).returncode:
        sys.exit(f"set-up: {why}")


if __name__ == "__main__":
    if not is_ready():
        with (ROOT / ".set-up.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_ready():
                install()
