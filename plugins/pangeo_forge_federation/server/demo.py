"""Create the made-up federation of `scripts/serve --demo`, with an ordinary sync and ordinary POSTs."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.api.writes import MAX_RUNS
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.server.demo_runs import demo_recipe_runs
from pangeo_forge_federation.services import close_databases
from pangeo_forge_federation.settings import DATA_FOLDER, ROOT, read_settings
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect, database_path
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.run import run_sync

FIXTURES = ROOT / "tests" / "fixtures" / "federation"
DEMO_BAKERY = "northlight.bakery.gcp.europe-west4"
TOKEN_NAME, TOKEN_DAYS = "demo", 30


def ensure_demo(data: Path, now: datetime | None = None) -> bool:
    """Create the demo in a folder unless it exists, with runs until `now`. Return True if it was created.

    It is made next to the folder and then moved there, so that it is never incomplete.
    """
    if database_path(data, FEDERATION).exists():
        return False
    data.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f"{data.name}-", dir=data.parent))
    try:
        # if set, the runs would be written to that folder
        with _unset(DATA_FOLDER):
            asyncio.run(_make_demo(making, now or datetime.now(UTC)))
        return _move(making, data)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _move(making: Path, data: Path) -> bool:
    """Move the demo into place. Return False if another process was faster, whose demo is then kept."""
    try:
        # also replaces an empty folder
        making.rename(data)
    except OSError:
        if database_path(data, FEDERATION).exists():
            return False
        if not data.is_dir():
            raise
        # federation.db last: the demo is complete once it exists
        for path in sorted(making.iterdir(), key=lambda path: path.name == f"{FEDERATION}.db"):
            shutil.move(path, data / path.name)
    return True


@contextmanager
def _unset(name: str) -> Iterator[None]:
    """Remove an environment variable within the block."""
    value = os.environ.pop(name, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[name] = value


def demo_token(data: Path) -> str:
    """Return a token for one of the demo's bakeries. It replaces the previous one, of which only the hash is stored."""
    prepare(data)
    connection = connect(database_path(data, TOKENS))
    try:
        for token in tokens.list_tokens(connection):
            if token["name"] == TOKEN_NAME and token["state"] == "valid":
                return tokens.replace_secret(connection, token["id"], TOKEN_DAYS)
        return tokens.create_token(connection, DEMO_BAKERY, TOKEN_NAME, TOKEN_DAYS)
    finally:
        connection.close()


async def _make_demo(data: Path, now: datetime) -> None:
    prepare(data)
    settings = read_settings()
    run_sync(data, fetch_folder(FIXTURES, settings.bakery_database), settings.home_organisation)
    datasette = make_datasette(data)
    await datasette.invoke_startup()
    try:
        for bakery_id, runs in demo_recipe_runs(now).items():
            await _record(datasette, data, bakery_id, runs)
    finally:
        close_databases(datasette)


async def _record(datasette, data: Path, bakery_id: str, runs: list[dict]) -> None:
    connection = connect(database_path(data, TOKENS))
    try:
        token = tokens.create_token(connection, bakery_id, "made the demo", 1)
        headers = {"Authorization": f"Bearer {token}"}
        for start in range(0, len(runs), MAX_RUNS):
            response = await datasette.client.post("/recipe_runs", json=runs[start : start + MAX_RUNS], headers=headers)
            if response.status_code != 201:
                raise RuntimeError(f"the demo's runs were rejected: {response.text}")
        tokens.revoke_token(connection, int(token.split("_")[1]))
    finally:
        connection.close()
