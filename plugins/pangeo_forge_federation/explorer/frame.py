"""Facts about this server that every page can show: its last full sync, version, address and data folder."""

import shlex
from pathlib import Path
from typing import Any

from pangeo_forge_federation.api.health import read_last_sync, replication_of
from pangeo_forge_federation.api.services import services_of
from pangeo_forge_federation.explorer.links import github_commit
from pangeo_forge_federation.explorer.queries import read
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.version import package_version


async def frame(datasette: Any, request: Any) -> dict[str, Any]:
    """Return the template variable `frame`. Its `address` is the scheme and host for commands to copy."""
    last_sync_at, of_bakeries = await read(
        datasette,
        lambda queries: (
            queries.run(read_last_sync),
            queries.first_rows("list_sync_runs", 1, "finished_at__isnull=0&commit__isnull=0"),
        ),
    )
    commit = of_bakeries[0]["commit"] if of_bakeries else None
    services = services_of(datasette)
    settings = services.settings
    return {
        "address": request and f"{request.scheme}://{request.host}",
        "data_option": data_option(services.data),
        "version": package_version(),
        "last_sync_at": last_sync_at,
        "bakeries_commit": commit,
        "replication": replication_of(services),
        "bakeries_commit_url": github_commit(settings.bakery_database, commit) if commit else None,
    }


def data_option(data: Path) -> str:
    """Return the `--data` option that a command of this checkout needs: empty if the data folder is the default.

    Pages never show the paths of the server, so a folder outside the checkout becomes `DIR`.
    """
    data = data.resolve()
    if data == ROOT:
        return ""
    return f" --data {shlex.quote(str(data.relative_to(ROOT)))}" if data.is_relative_to(ROOT) else " --data DIR"
