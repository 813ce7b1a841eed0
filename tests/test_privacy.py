"""Nothing but the federation's database is public, whatever other files lie in the folder; no path and no secret."""

import re
import shutil
import sqlite3
from html import unescape
from urllib.parse import quote

import pytest
import pytest_asyncio
from conftest import BAKERY, started
from datasette.app import Datasette
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect, database_path
from pangeo_forge_federation.storage.row_writes import resolve_bakery

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBLEM = "application/problem+json"
STRAY = "tokens-backup"
STRAY_SECRET = "stray-secret-of-a-backup"
TOKEN_NAME = "name-of-a-token"


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    """What `datasette .` finds in a checkout: the configuration, both databases, and files that somebody left."""
    folder = tmp_path_factory.mktemp("privacy") / "checkout"
    for name in ("plugins", "templates", "static"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("metadata.yml", "settings.json"):
        shutil.copy(ROOT / name, folder)
    prepare(folder)
    for name in (STRAY, "notes"):
        stray = sqlite3.connect(folder / f"{name}.db")
        stray.execute("create table tokens (id integer primary key, secret_sha256 text)")
        stray.execute("insert into tokens values (1, ?)", (STRAY_SECRET,))
        stray.commit()
        stray.close()
    return folder


@pytest.fixture(scope="module")
def sent(configuration):
    """Who asks -> the headers they send."""
    federation = connect(database_path(configuration, FEDERATION))
    resolve_bakery(federation, BAKERY)
    federation.close()
    connection = connect(database_path(configuration, TOKENS))
    bakery, admin = [tokens.create_token(connection, owner, TOKEN_NAME, 1) for owner in (BAKERY, None)]
    connection.close()
    return {
        "anonymous": {},
        "bakery": {"Authorization": f"Bearer {bakery}"},
        "admin": {"Authorization": f"Bearer {admin}"},
    }


@pytest.fixture(scope="module")
def hashes(configuration, sent):
    connection = connect(database_path(configuration, TOKENS))
    found = [row[0] for row in connection.execute("select secret_sha256 from tokens")]
    connection.close()
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(configuration):
    async with started(configuration, lambda folder: Datasette(config_dir=folder)) as made:
        # they are attached, so that it is the permission that keeps them away and not chance
        assert {FEDERATION, TOKENS, STRAY, "notes"} <= set(made.databases)
        yield made.client


def paths_of(database):
    select = quote("select * from tokens")
    return [
        f"/{database}",
        f"/{database}.json",
        f"/{database}.csv",
        f"/{database}.db",
        f"/{database}?sql={select}",
        f"/{database}.json?sql={select}",
        f"/{database}.csv?sql={select}",
        f"/{database}/tokens",
        f"/{database}/tokens.json",
        f"/{database}/tokens.json?_shape=array",
        f"/{database}/tokens.csv",
        f"/{database}/tokens.csv?_stream=on",
        f"/{database}/tokens?_where=1",
        f"/{database}/tokens/1",
        f"/{database}/tokens/1.json",
        f"/{database}/sqlite_master.json",
        f"/{database}/-/create",
        f"/{database}/list_recipe_runs.json",
    ]


FORBIDDEN = [path for database in (TOKENS, STRAY, "notes", "_internal", "_memory") for path in paths_of(database)]
SPELLINGS = ["/TOKENS", "/Tokens.json", "/tokens/", "//tokens", "/%74okens.json", "/~74okens.json", "/tokens%2Edb"]


@pytest.mark.parametrize("who", ["anonymous", "bakery", "admin"])
async def test_no_other_database_can_be_read(client, sent, hashes, who):
    for path in FORBIDDEN + SPELLINGS:
        response = await client.get(path, headers=sent[who], follow_redirects=True)
        assert response.status_code in (403, 404), path
        for secret in (STRAY_SECRET, TOKEN_NAME, *hashes):
            assert secret not in response.text, path


@pytest.mark.parametrize(
    "sql",
    [
        "select * from tokens.tokens",
        "select * from tokens",
        f'select * from "{STRAY}".tokens',
        "select * from temp.tokens",
        "attach database 'tokens.db' as t",
        "pragma database_list",
        "select * from pragma_database_list",
        "select * from pragma_database_list()",
        'select * from "PRAGMA_DATABASE_LIST"',
        "select file from pragma_database_list where name = 'main'",
        "with p as (select * from pragma_database_list) select * from p",
        "select * from pragma_table_list, pragma_database_list",
        "select 1 where exists (select 1 from Pragma_Database_List)",
        "vacuum into 'copy.db'",
        "select load_extension('x')",
        "select readfile('tokens.db')",
        "select writefile('x', 'y')",
        "select edit('x')",
        "insert into settings (id) values (2)",
    ],
)
@pytest.mark.parametrize("form", ["/federation.json?sql={}", "/federation?sql={}"])
async def test_sql_does_not_leave_the_federations_database(client, configuration, form, sql):
    response = await client.get(form.format(quote(sql)))
    assert response.status_code in (400, 403), sql
    assert STRAY_SECRET not in response.text
    assert str(configuration) not in unescape(response.text)


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ("1 union select 1", 400),
        ("id in (select id from tokens.tokens)", 400),
        ("exists (select 1 from pragma_database_list)", 403),
        ("exists (select 1 from PRAGMA_database_list)", 403),
    ],
)
async def test_where_does_not_either(client, where, status):
    response = await client.get(f"/federation/bakeries.json?_where={quote(where)}")
    assert response.status_code == status
    assert response.headers["content-type"] == PROBLEM


async def test_what_is_public_still_works(client, sent):
    for path in ("/federation.json?sql=select+1", "/federation/bakeries.json", "/federation/list_bakeries.json"):
        assert (await client.get(path)).status_code == 200
        assert (await client.get(path, headers=sent["bakery"])).status_code == 200


@pytest.mark.parametrize("path", ["/federation.db", "/federation.db?_dl=1"])
async def test_the_federations_own_file_is_not_downloaded(client, path):
    """It holds what is hidden: idempotency keys and deliveries."""
    assert (await client.get(path)).status_code == 403


DEBUG_PAGES = [
    "/-/databases",
    "/-/metadata",
    "/-/plugins",
    "/-/plugins.json?all=1",
    "/-/versions",
    "/-/settings",
    "/-/config",
    "/-/threads",
    "/-/actor",
    "/-/messages",
    "/-/permissions",
    "/-/allow-debug",
    "/-/patterns",
    "/-/auth-token",
    "/-/auth-token?token=x",
    "/-/logout",
    "/",
    "/federation",
    "/.json",
    "/federation.json",
]


@pytest.mark.parametrize("who", ["anonymous", "bakery", "admin"])
async def test_no_page_prints_a_path_a_secret_or_another_database(client, configuration, sent, hashes, who):
    own_name = "/-/actor" if who != "anonymous" else None
    for page in DEBUG_PAGES:
        for path in (page, page + ".json"):
            if page.endswith("json") and path != page:
                continue
            response = await client.get(path, headers=sent[who], follow_redirects=True)
            text = unescape(response.text)
            assert response.status_code < 500, path
            for folder in (configuration, ROOT, ROOT.resolve(), "/home/", "/root/", "/.venv", "site-packages"):
                assert str(folder) not in text, (path, folder)
            for secret in (STRAY_SECRET, STRAY, *hashes, sent["bakery"].get("Authorization")[-43:]):
                assert secret not in text, (path, secret)
            if not page.startswith(str(own_name)):
                assert TOKEN_NAME not in text, path


async def test_the_list_of_databases_has_one(client):
    response = await client.get("/-/databases.json")
    assert response.status_code == 200
    assert [database["name"] for database in response.json()] == [FEDERATION]
    assert "path" not in response.json()[0]
    page = await client.get("/-/databases")
    assert FEDERATION in page.text and TOKENS not in re.sub("<a .*?</a>", "", page.text)


async def test_threads_are_nobodys_business(client):
    assert (await client.get("/-/threads.json")).headers["content-type"] == PROBLEM
    for path in ("/-/threads", "/-/threads.json"):
        assert (await client.get(path)).status_code == 404


async def test_the_home_page_lists_one_database(client):
    assert list((await client.get("/.json")).json()) == [FEDERATION]
    page = (await client.get("/")).text
    assert '<a href="/federation">' in page
    assert '<a href="/tokens' not in page


@pytest.mark.parametrize("path", ["/tokens.json", "/tokens/tokens.json", "/tokens.json?sql=select+1", "/federation.db"])
async def test_a_refusal_is_problem_details_for_json_and_a_page_for_people(client, path):
    response = await client.get(path)
    assert response.status_code == 403
    if ".json" in path:
        assert response.headers["content-type"] == PROBLEM
        body = response.json()
        assert body["type"].endswith("/forbidden")
        assert body["status"] == 403
    else:
        assert response.headers["content-type"].startswith("text/html")
        assert "<h1>" in response.text


async def test_a_tokens_file_is_its_owners_alone(configuration):
    assert database_path(configuration, TOKENS).stat().st_mode & 0o077 == 0


async def test_hidden_tables_are_not_listed(client):
    tables = {table["name"]: table["hidden"] for table in (await client.get("/federation.json")).json()["tables"]}
    for name in ("idempotency_keys", "github_answers", "_sqlite_migrations", "sqlite_sequence", "settings"):
        assert tables.get(name, True), name
    assert not tables["recipe_runs"]


async def test_a_token_never_comes_back(client, sent, configuration):
    """Not in an answer, an error, or the log of an error."""
    token = sent["bakery"]["Authorization"].split()[1]
    for method, path, body in [
        ("GET", "/-/actor.json", None),
        ("POST", "/recipe_runs", b"{"),
        ("POST", "/recipe_runs", b"[]"),
        ("GET", "/recipe_runs?nonsense", None),
        ("GET", "/nothing.json", None),
    ]:
        response = await client.request(
            method, path, content=body, headers={**sent["bakery"], "Content-Type": "application/json"}
        )
        assert token[-43:] not in response.text + str(response.headers)
