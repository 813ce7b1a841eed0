"""What stands around every page: when the registry last had all of GitHub, and which version this is."""

import shlex
from pathlib import Path
from typing import Any

from federation.explorer.links import github_commit
from federation.explorer.queries import read
from federation.health import replication_of
from federation.registry import registry_of
from federation.settings import ROOT
from federation.version import package_version


async def frame(datasette: Any, request: Any) -> dict[str, Any]:
    """The variables of base.html. `address` is scheme and host of this server: what lines to copy begin with."""
    synced = await read(
        datasette, lambda queries: queries.several("list_sync_runs", 1, "finished_at__isnull=0&not_fetched=0")
    )
    last = synced[0] if synced else None
    registry = registry_of(datasette)
    settings = registry.settings
    return {
        "address": request and f"{request.scheme}://{request.host}",
        "data_option": data_option(registry.data),
        "version": package_version(),
        "last_sync": last,
        "replication": replication_of(registry),
        "last_sync_commit_url": github_commit(settings.bakery_database, last["commit"])
        if last and last["commit"]
        else None,
    }


def data_option(data: Path) -> str:
    """How a command of this checkout is told the data folder of this server: nothing where it is the default.

    Pages print no path of the server's: what lies outside of the checkout is `DIR`.
    """
    data = data.resolve()
    if data == ROOT:
        return ""
    return f" --data {shlex.quote(str(data.relative_to(ROOT)))}" if data.is_relative_to(ROOT) else " --data DIR"
