"""The made-up federation of `scripts/serve --demo`: loaded by the ordinary sync and by ordinary POSTs."""

import asyncio
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from federation import tokens
from federation.data_folder import prepare
from federation.database import FEDERATION, TOKENS, connect, database_path
from federation.demo_runs import demo_recipe_runs
from federation.registry import registry_of
from federation.server import make_datasette
from federation.settings import ROOT, read_settings
from federation.sync.folder import fetch_folder
from federation.sync.run import run_sync
from federation.writing import MAX_RUNS

FIXTURES = ROOT / "tests" / "fixtures" / "federation"
DEMO_BAKERY = "northlight.bakery.gcp.europe-west4"
TOKEN_DAYS = 30


def ensure_demo(data: Path) -> bool:
    """Make the demo in a folder where there is none. True if it was made.

    It is made beside the folder and then moved there, so that what is there is whole.
    """
    if database_path(data, FEDERATION).exists():
        return False
    data.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f"{data.name}-", dir=data.parent))
    try:
        asyncio.run(_make_demo(making, datetime.now(UTC)))
        if data.exists():
            for path in making.iterdir():
                shutil.move(path, data / path.name)
            making.rmdir()
        else:
            making.rename(data)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return True


def demo_token(data: Path) -> str:
    """A new token of one of the demo's bakeries."""
    prepare(data)
    connection = connect(database_path(data, TOKENS))
    try:
        return tokens.create_token(connection, DEMO_BAKERY, "demo", TOKEN_DAYS)
    finally:
        connection.close()


async def _make_demo(data: Path, now: datetime) -> None:
    # the folder is given here and not by the environment
    os.environ.pop("FEDERATION_DATA", None)
    prepare(data)
    settings = read_settings()
    run_sync(data, fetch_folder(FIXTURES, settings.bakery_database), settings.home_organisation)
    datasette = make_datasette(data)
    await datasette.invoke_startup()
    try:
        for bakery_id, runs in demo_recipe_runs(now).items():
            await _record(datasette, data, bakery_id, runs)
    finally:
        registry_of(datasette).close()
        for database in datasette.databases.values():
            database.close()


async def _record(datasette, data: Path, bakery_id: str, runs: list[dict]) -> None:
    connection = connect(database_path(data, TOKENS))
    token = tokens.create_token(connection, bakery_id, "made the demo", 1)
    headers = {"Authorization": f"Bearer {token}"}
    for start in range(0, len(runs), MAX_RUNS):
        response = await datasette.client.post("/recipe_runs", json=runs[start : start + MAX_RUNS], headers=headers)
        if response.status_code != 201:
            raise RuntimeError(f"the demo's runs were refused: {response.text}")
    tokens.revoke_token(connection, int(token.split("_")[1]))
    connection.close()
