"""Make `.venv` and install `requirements.txt` into it, when that is missing or out of date. Needs Python alone.

The stamp is written last, so that an installation that was cut off is done again. A lock lets `serve` and `test`
start at the same moment on a fresh machine.
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
    """What the environment was made from: if any of it differs, it is installed again."""
    digest = hashlib.sha256()
    for name in ("requirements.txt", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    # an editable installation knows the folder, and an environment its Python
    digest.update(f"{ROOT} {sys.version}".encode())
    return digest.hexdigest()


def is_ready():
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted_stamp()


def install():
    print("Setting up .venv (once; this takes a minute) ...", file=sys.stderr, flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    run(sys.executable, "-m", "venv", str(ENVIRONMENT), why="Python's venv module is needed (Debian: python3-venv)")
    run(
        str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt",
        why="installing requirements.txt failed; its output is above",
    )  # fmt: skip
    STAMP.write_text(wanted_stamp())


def run(*command, why):
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    # what is said on stdout belongs to the command that comes after the set-up
    if subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr).returncode:
        sys.exit(f"set-up: {why}")


if __name__ == "__main__":
    if not is_ready():
        with (ROOT / ".set-up.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_ready():
                install()
