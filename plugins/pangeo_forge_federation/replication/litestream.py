"""Install Litestream when first needed, and run it in a suitable environment."""

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
# Time limit for a request to the store: Litestream itself retries for minutes.
REQUEST_SECONDS = 20


def binary() -> Path:
    """Return the path of Litestream in this environment, whether or not it is installed."""
    return Path(sysconfig.get_path("scripts")) / "litestream"


def ensure_installed() -> Path:
    """Install the extra into this environment if it is missing. Raises ReplicationError."""
    if not binary().exists():
        # other processes may install it at the same time
        with exclusive_lock(Path(sys.prefix) / ".replication.lock"):
            if not binary().exists():
                _install()
    return binary()


def _install() -> None:
    requirements = [line.partition(";")[0].strip() for line in requires(PACKAGE) or [] if EXTRA in line]
    print(f"Installing {', '.join(requirements)} (once) ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    # stdout is reserved for the output of the command itself
    if subprocess.run(command, stdout=sys.stderr).returncode or not binary().exists():
        raise ReplicationError(f"{', '.join(requirements)} could not be installed: pip's output is above")


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment variables for Litestream."""
    kept = dict(environ)
    # this variable breaks access to S3; Go reads the certificates from the other one
    if bundle := kept.pop("AWS_CA_BUNDLE", None):
        kept.setdefault("SSL_CERT_FILE", bundle)
    return kept


def run(arguments: Sequence[str], failure: str, seconds: float | None = REQUEST_SECONDS) -> str:
    """Run Litestream and return its stdout. Raises ReplicationError with a message that begins with `failure`."""
    command = [str(ensure_installed()), *arguments]
    try:
        done = subprocess.run(
            command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise ReplicationError(f"{failure}: the store did not respond within {seconds:g} seconds") from None
    if done.returncode:
        raise ReplicationError(f"{failure}: {reason(done.stderr or done.stdout)}")
    return done.stdout


def reason(output: str) -> str:
    """Return the last error in Litestream's output, in one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines:
        return "Litestream printed no message"
    errors = [line for line in lines if line.startswith("Error:") or "level=ERROR" in line]
    return error_in((errors or lines)[-1]) or (errors or lines)[-1]


def _without_request_ids(error: str) -> str:
    """Remove the ids of S3, which differ in each response."""
    return re.sub(r"\b(RequestID|HostID): [^,]*, ", "", error)


def error_in(line: str) -> str | None:
    """Return the error in a line of Litestream's log; None if it is not an error or a warning."""
    if line.startswith("Error:"):
        return _without_request_ids(line.removeprefix("Error:").strip())
    if "level=ERROR" not in line and "level=WARN" not in line:
        return None
    found = [re.search(rf'\b{name}=("(?:[^"\\]|\\.)*"|\S+)', line) for name in ("msg", "error", "err")]
    return _without_request_ids(": ".join(_unquoted(each[1]) for each in found if each) or line)


def _unquoted(text: str) -> str:
    return text[1:-1].replace('\\"', '"') if text.startswith('"') else text
