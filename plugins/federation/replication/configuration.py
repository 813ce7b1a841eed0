"""Litestream's configuration, written into the data folder. Secrets stay in the environment."""

import json
import os
from pathlib import Path

from federation.database import FEDERATION, TOKENS, database_path
from federation.replication.urls import StoreUrl

DATABASES = (FEDERATION, TOKENS)
CONFIGURATION = ".litestream.yml"
SOCKET = ".litestream.sock"

# How often commits leave when nobody waits for them.
SYNC_INTERVAL = "1s"
# Snapshots, and with them the moments that can be restored.
SNAPSHOT_INTERVAL, SNAPSHOT_RETENTION = "24h", "336h"
SHUTDOWN_SECONDS = 10


def write_configuration(folder: Path, data: Path, url: StoreUrl) -> Path:
    """Write the configuration of the databases in `data` into a folder, for its owner alone."""
    path = folder / CONFIGURATION
    written = path.with_suffix(".new")
    with open(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        # JSON is YAML, and needs no quoting of ours
        json.dump(configuration(data, url), file, indent=2)
    written.replace(path)
    return path


def configuration(data: Path, url: StoreUrl) -> dict:
    return {
        "socket": {"enabled": True, "path": SOCKET, "permissions": 0o600},
        "logging": {"level": "info", "stderr": True},
        "shutdown-sync-timeout": f"{SHUTDOWN_SECONDS}s",
        "snapshot": {"interval": SNAPSHOT_INTERVAL, "retention": SNAPSHOT_RETENTION},
        "dbs": [{"path": str(database_path(data, name)), "replica": _replica(url, name)} for name in DATABASES],
    }


def _replica(url: StoreUrl, name: str) -> dict:
    replica = {"url": url.of(name), "sync-interval": SYNC_INTERVAL}
    # the one kind of store whose key is a file that no variable of its own names
    if url.scheme == "sftp" and (key_path := os.environ.get("FEDERATION_SFTP_KEY_PATH")):
        replica["key-path"] = key_path
    return replica
