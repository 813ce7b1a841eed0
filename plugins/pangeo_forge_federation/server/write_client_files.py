"""Write the files of the client that follow from the queries and the models; `scripts/write-generated` runs it."""

import asyncio
import tempfile
from pathlib import Path

from pangeo_forge_federation.server.client_files import client_files
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.server.registry import close_databases, registry_of
from pangeo_forge_federation.server.application import make_datasette


async def write() -> None:
    """Write the files, of this checkout's queries and models."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        datasette = make_datasette(Path(folder))
        await datasette.invoke_startup()
        for path, text in client_files(registry_of(datasette).queries.values()).items():
            path.write_text(text, "utf-8")
        close_databases(datasette)


if __name__ == "__main__":
    asyncio.run(write())
