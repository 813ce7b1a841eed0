"""Real Datasette instances on real temporary databases."""

import json
import os
from pathlib import Path

import pytest
import pytest_asyncio
from federation import tokens
from federation.data_folder import prepare
from federation.database import FEDERATION, TOKENS, connect, database_path
from federation.registry import registry_of
from federation.replication.litestream import ensure_installed
from federation.replication.urls import ReplicationError
from federation.server import make_datasette
from federation.settings import ROOT

FIXTURES = ROOT / "tests" / "fixtures" / "federation"
BAKERY = "northlight.bakery.gcp.europe-west4"
OTHER_BAKERY = "harbor.bakery.aws.us-west-2"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    """What the developer has set must not decide where the tests write."""
    for name in (
        "FEDERATION_ACKNOWLEDGE",
        "FEDERATION_DATA",
        "FEDERATION_PRIMARY_URL",
        "FEDERATION_PUBLIC_URL",
        "FEDERATION_TRUSTED_PROXIES",
        "GITHUB_TOKEN",
        "GITHUB_WEBHOOK_SECRET",
    ):
        monkeypatch.delenv(name, raising=False)
    # nothing listens there: a test that asks GitHub says where its own is
    for name in ("GITHUB_API_URL", "GITHUB_GRAPHQL_URL", "GITHUB_RAW_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    # a test may write as much as it likes; those of the limit set their own
    monkeypatch.setenv("FEDERATION_WRITES_PER_MINUTE", "0")


@pytest.fixture
def data(tmp_path) -> Path:
    """A data folder with both databases, empty."""
    folder = tmp_path / "data"
    prepare(folder)
    return folder


@pytest.fixture
def connection(data):
    """A connection that may write to the federation database."""
    opened = connect(database_path(data, FEDERATION))
    yield opened
    opened.close()


@pytest_asyncio.fixture
async def datasette(data):
    """A started Datasette over the data folder, stopped at the end."""
    made = make_datasette(data)
    await made.invoke_startup()
    yield made
    registry_of(made).close()
    for database in made.databases.values():
        database.close()


@pytest.fixture
def make_token(data):
    """A function that makes a token: of a bakery, or with None of an administrator."""

    def make(bakery_id: str | None = BAKERY, days: float = 1) -> str:
        opened = connect(database_path(data, TOKENS))
        try:
            return tokens.create_token(opened, bakery_id, "test", days)
        finally:
            opened.close()

    return make


@pytest.fixture
def headers(make_token):
    """The Authorization header of a bakery."""
    return {"Authorization": f"Bearer {make_token()}"}


@pytest.fixture
def send(datasette, headers):
    """A function that sends a body (a value, or bytes as they are) with a bakery's token, and gives the response."""

    async def request(method: str, path: str, body=b"", token: str | None = None, **more: str):
        sent = dict(headers) if token is None else {"Authorization": f"Bearer {token}"}
        sent |= {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in more.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await datasette.client.request(method, path, content=content, headers=sent)

    return request


@pytest.fixture
def stored(data):
    """A function that gives all that the federation database holds, table by table."""

    def read() -> dict[str, list[tuple]]:
        reader = connect(database_path(data, FEDERATION))
        try:
            tables = [row[0] for row in reader.execute("select name from sqlite_master where type = 'table'")]
            return {table: [tuple(row) for row in reader.execute(f"select * from {table}")] for table in tables}
        finally:
            reader.close()

    return read


@pytest.fixture
def run_body():
    """A function that gives the body of a recipe run, with what differs."""

    def body(**changes) -> dict:
        run = {
            "recipe_id": "extent",
            "feedstock_id": "northern-sea-ice-feedstock",
            "commit": "0f2c9a7d",
            "status": "success",
        }
        return {name: value for name, value in {**run, **changes}.items() if value is not ...}

    return body


@pytest.fixture(scope="session")
def litestream():
    """The engine of replication, installed when it is first needed."""
    try:
        return ensure_installed()
    except ReplicationError as error:
        pytest.skip(f"Litestream is not here: {error}")


@pytest.fixture
def real_folder():
    """The federation's real files, where this machine has them."""
    folder = os.environ.get("FEDERATION_REAL_DIR")
    if not folder:
        pytest.skip("FEDERATION_REAL_DIR is not set")
    return Path(folder)
