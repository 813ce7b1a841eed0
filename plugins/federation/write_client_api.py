"""Write the files of the client that follow from the queries and the models; `scripts/write-generated` runs it."""

import asyncio
import tempfile
from pathlib import Path

from federation.client_api import client_files
from federation.data_folder import prepare
from federation.registry import close_databases, registry_of
from federation.server import make_datasette


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
