"""Real Datasette instances on real temporary databases."""

import functools
import json
import os
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.replication.litestream import ensure_installed
from pangeo_forge_federation.replication.urls import ReplicationError
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect, database_path
from warm_python import WarmPython

FIXTURES = ROOT / "tests" / "fixtures" / "federation"
BAKERY = "northlight.bakery.gcp.europe-west4"
OTHER_BAKERY = "harbor.bakery.aws.us-west-2"


@pytest.fixture(scope="session", autouse=True)
def no_environment():
    """What the developer has set must not decide where the tests write."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_environment(monkeypatch)
        yield


def set_environment(monkeypatch):
    for name in (
        "FEDERATION_ACKNOWLEDGE",
        "FEDERATION_DATA",
        "FEDERATION_PRIMARY_URL",
        "FEDERATION_PUBLIC_URL",
        "FEDERATION_TRUSTED_PROXIES",
        "FEDERATION_METRICS",
        "FEDERATION_LOG",
        "GITHUB_TOKEN",
        "GITHUB_WEBHOOK_SECRET",
    ):
        monkeypatch.delenv(name, raising=False)
    # nothing listens there: a test that asks GitHub says where its own is
    for name in ("GITHUB_API_URL", "GITHUB_GRAPHQL_URL", "GITHUB_RAW_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    # a test may write as much as it likes; those of the limit set their own
    monkeypatch.setenv("FEDERATION_WRITES_PER_MINUTE", "0")


@pytest.fixture(scope="session")
def warm_python():
    """Runs scripts as processes of their own, without the time that each takes to import."""
    started = WarmPython()
    yield started
    started.close()


@pytest.fixture(scope="session")
def empty_data(tmp_path_factory) -> Path:
    """A data folder with both databases, empty, to be copied: the migrations run once in a session."""
    folder = tmp_path_factory.mktemp("empty") / "data"
    prepare(folder)
    return folder


@pytest.fixture
def data(empty_data, tmp_path) -> Path:
    """A data folder with both databases, empty."""
    return shutil.copytree(empty_data, tmp_path / "data")


@pytest.fixture
def connection(data):
    """A connection that may write to the federation database."""
    opened = connect(database_path(data, FEDERATION))
    yield opened
    opened.close()


@asynccontextmanager
async def started(folder: Path, make=make_datasette):
    """A started Datasette over a data folder, stopped at the end."""
    made = make(folder)
    await made.invoke_startup()
    yield made
    ensure_services(made).close()
    for database in made.databases.values():
        database.close()


@pytest_asyncio.fixture
async def datasette(data):
    """A started Datasette over the data folder, stopped at the end."""
    async with started(data) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def empty_datasette(empty_data, tmp_path_factory):
    """A started Datasette over empty databases, for all tests of a module that only read.

    Such a test runs in the loop of its module: `@pytest.mark.asyncio(loop_scope="module")`.
    """
    async with started(shutil.copytree(empty_data, tmp_path_factory.mktemp("read") / "data")) as made:
        yield made


def new_token(folder: Path, bakery_id: str | None = BAKERY, days: float = 1) -> str:
    """A token for a data folder: of a bakery, or with None of an administrator."""
    opened = connect(database_path(folder, TOKENS))
    try:
        return tokens.create_token(opened, bakery_id, "test", days)
    finally:
        opened.close()


@pytest.fixture
def make_token(data):
    """A function that makes a token: of a bakery, or with None of an administrator."""
    return functools.partial(new_token, data)


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
def post(datasette, headers):
    """A function that posts a body (a value, or bytes as they are) and gives the response."""

    async def send(body, **more):
        sent = {**headers, "Content-Type": "application/json", **more.pop("headers", {})}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await datasette.client.post("/recipe_runs", content=content, headers=sent, **more)

    return send


@pytest.fixture
def get(datasette):
    async def read(path):
        response = await datasette.client.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    return read


@pytest.fixture
def recorded(post, run_body):
    """A function that records a run and gives it."""

    async def record(**changes):
        response = await post(run_body(**changes))
        assert response.status_code == 201, response.text
        return response.json()

    return record


@pytest.fixture
def real_folder():
    """The federation's real files, where this machine has them."""
    folder = os.environ.get("FEDERATION_REAL_DIR")
    if not folder:
        pytest.skip("FEDERATION_REAL_DIR is not set")
    return Path(folder)
