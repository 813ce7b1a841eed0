"""Litestream's configuration, written into the data folder. Secrets stay in the environment."""

import json
from pathlib import Path

from pangeo_forge_federation.replication.urls import StoreUrl
from pangeo_forge_federation.settings import sftp_key_path
from pangeo_forge_federation.storage.database import DATABASES, database_path
from pangeo_forge_federation.storage.durable_files import write_private

CONFIGURATION = ".litestream.yml"
SOCKET = ".litestream.sock"

# How often commits are replicated when no request waits for them.
SYNC_INTERVAL = "1s"
# How often a whole copy is stored, and how far back a registry can be restored.
SNAPSHOT_INTERVAL, SNAPSHOT_RETENTION = "24h", "336h"
SHUTDOWN_SECONDS = 10


def write_configuration(folder: Path, data: Path, url: StoreUrl) -> Path:
    """Write the configuration of the databases in `data` into a folder, readable by its owner only."""
    path = folder / CONFIGURATION
    # JSON is valid YAML
    write_private(path, json.dumps(configuration(data, url), indent=2))
    return path


def configuration(data: Path, url: StoreUrl) -> dict:
    """Return the configuration, as documented at https://litestream.io/reference/config/."""
    return {
        "socket": {"enabled": True, "path": SOCKET, "permissions": 0o600},
        "logging": {"level": "info", "stderr": True},
        "shutdown-sync-timeout": f"{SHUTDOWN_SECONDS}s",
        "snapshot": {"interval": SNAPSHOT_INTERVAL, "retention": SNAPSHOT_RETENTION},
        "dbs": [{"path": str(database_path(data, name)), "replica": _replica(url, name)} for name in DATABASES],
    }


def _replica(url: StoreUrl, name: str) -> dict:
    replica = {"url": url.of(name), "sync-interval": SYNC_INTERVAL}
    if url.scheme == "sftp" and (key_path := sftp_key_path()):
        replica["key-path"] = key_path
    return replica
