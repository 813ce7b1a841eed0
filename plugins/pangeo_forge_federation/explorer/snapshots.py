"""The page of snapshots, which anyone can download."""

import asyncio
from typing import Any

from pangeo_forge_federation.api.services import services_of
from pangeo_forge_federation.api.snapshots import record_of
from pangeo_forge_federation.storage.snapshots import list_snapshots


async def snapshots(datasette: Any, _: Any) -> dict[str, Any]:
    """Return the snapshots as in `GET /snapshots`, but with URLs that have no host."""
    found = await asyncio.to_thread(list_snapshots, services_of(datasette).data)
    return {"snapshots": [record_of(each, "") for each in found]}
