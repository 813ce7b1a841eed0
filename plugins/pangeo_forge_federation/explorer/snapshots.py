"""The page of snapshots: what there is to take home."""

import asyncio
from typing import Any

from pangeo_forge_federation.api.services import services_of
from pangeo_forge_federation.api.snapshots import record_of
from pangeo_forge_federation.storage.snapshots import list_snapshots


async def snapshots(datasette: Any, _: Any) -> dict[str, Any]:
    """The snapshots as `GET /snapshots` has them, their addresses without a host."""
    there = await asyncio.to_thread(list_snapshots, services_of(datasette).data)
    return {"snapshots": [record_of(each, "") for each in there]}
