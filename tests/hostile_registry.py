"""A registry in which every text that anybody can store is markup, a script, or as long as it may be."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from datasette.utils import tilde_encode
from explorer_page import own_pages
from pangeo_forge_federation.settings import read_metadata
from pangeo_forge_federation.storage.database import FEDERATION, transaction
from pangeo_forge_federation.values.times import to_text

# what the template in it would become: a number that no page has of itself
RENDERED = str(1_234_567 * 9)
# runs in whatever a page takes for markup, for an attribute or for a template
HOSTILE = (
    """<script>window.executed=1;alert(1)</script>"'><img src=x onerror="window.executed=1">"""
    """<svg onload="window.executed=1">{{ 1234567 * 9 }}"""
)
BAD_URL = "javascript:window.executed=1//https://example.org"
URLS = {"url", "org_website", "license_url", "endpoint_url", "log_url", "prefix"}
JSON = {"roles", "meta"}
# no text: what a check or the registry itself decides
NOT_TEXT = {
    "status",
    "action",
    "severity",
    "scope",
    "key_sha256",
    "request_sha256",
    "etag",
    "body",
    "response",
    "headers",
}
# of late: some pages have only what is new
TIME = to_text(datetime.now(UTC) - timedelta(hours=1))
TABLES = [
    "bakeries",
    "bakery_targets",
    "feedstocks",
    "feedstock_aliases",
    "recipes",
    "maintainers",
    "providers",
    "recipe_runs",
    "recipe_run_events",
    "datasets",
    "dataset_events",
    "sync_runs",
    "sync_changes",
    "problems",
    "webhook_deliveries",
]
# one row in each, joined to the others; further texts are set column by column
ROWS = f"""
insert into bakeries (id, listed) values ('b', 1);
insert into bakery_targets (bakery_id, name, anon) values ('b', 't', 1);
insert into feedstocks (id, repository, bakery_id, meta_path, "commit", listed) values ('f', 'o/f', 'b', 'm', 'c', 1);
insert into feedstock_aliases values ('alias', 'f', '{TIME}');
insert into recipes (feedstock_id, recipe_id, position) values ('f', 'r', 0);
insert into maintainers (feedstock_id, position, github) values ('f', 0, 'g');
insert into providers (feedstock_id, position) values ('f', 0);
insert into recipe_runs (
    recipe_id, run_date, bakery_id, feedstock_id, "commit", status, completed_at, created_at, updated_at
) values ('r', '{TIME}', 'b', 'f', 'c', 'failure', '{TIME}', '{TIME}', '{TIME}');
insert into recipe_run_events (recipe_run_id, at, actor_bakery_id, status) values (1, '{TIME}', 'b', 'failure');
insert into datasets (url, feedstock_id, recipe_id, bakery_id, created_at, updated_at, retracted_at)
    values ('u', 'f', 'r', 'b', '{TIME}', '{TIME}', '{TIME}');
insert into recipe_run_datasets values (1, 1, '{TIME}');
insert into dataset_events (dataset_id, at, actor_bakery_id, action, recipe_run_id)
    values (1, '{TIME}', 'b', 'retracted', 1);
insert into sync_runs (source, started_at, finished_at) values ('s', '{TIME}', '{TIME}');
insert into sync_changes (sync_run_id, feedstock_id, bakery_id, action) values (1, 'f', 'b', 'changed');
insert into problems (repository, source_file, feedstock_id, bakery_id, pointer, line, severity, message, found_at)
    values ('o/f', 's', 'f', 'b', 'p', 1, 'error', 'm', '{TIME}');
insert into webhook_deliveries (delivery_id, repository, received_at) values ('d', 'o/f', '{TIME}');
"""


def fill(connection: sqlite3.Connection) -> int:
    """Fill the tables of an empty registry. How many columns are hostile.

    Ids of bakeries and feedstocks are hostile too: what refers to them follows. A feedstock's id can be none of this
    by way of the API, whose names are GitHub's; the pages do not rely on that.
    """
    with transaction(connection):
        for statement in ROWS.split(";\n"):
            connection.execute(statement)
        return sum(_make_hostile(connection, table) for table in TABLES)


def _make_hostile(connection: sqlite3.Connection, table: str) -> int:
    changed = 0
    for column in connection.execute(f"pragma table_info({table})").fetchall():
        name, kind = column["name"], column["type"].lower()
        if kind != "text" or name in NOT_TEXT or name.endswith(("_at", "_date")) or name == "at":
            continue
        if _refers(connection, table, name):
            continue
        text = json.dumps([HOSTILE]) if name in JSON else BAD_URL + HOSTILE if name in URLS else HOSTILE
        connection.execute(f'update {table} set "{name}" = :text', {"text": text})
        changed += 1
    return changed


def _refers(connection: sqlite3.Connection, table: str, column: str) -> bool:
    return any(row["from"] == column for row in connection.execute(f"pragma foreign_key_list({table})"))


def pages(connection: sqlite3.Connection) -> list[str]:
    """The address of every kind of page over it."""
    key = tilde_encode(HOSTILE)
    numbers = {"recipe_run_id": ["1"], "dataset_id": ["1"]}
    texts = {"feedstock_id": [HOSTILE], "bakery_id": [HOSTILE], "github": [HOSTILE], "q": [HOSTILE, "script"]}
    views = [row[0] for row in connection.execute("select name from sqlite_master where type = 'view' order by name")]
    return [
        *own_pages(numbers | texts),
        "/federation?sql=select+*+from+recipe_runs",
        f"/federation?sql=select+{quote(HOSTILE)}",
        *(f"/federation/{each}" for each in ["recipes/1", *TABLES, *views, f"feedstocks/{key}x"]),
        *(f"/federation/{each}?_columns=all" for each in views),
    ]


def query_pages() -> list[str]:
    """The addresses of the queries that fill pages, each with all that it finds of it."""
    queries = read_metadata()["databases"][FEDERATION]["queries"]
    values = {"bakery_id": HOSTILE, "feedstock_id": HOSTILE, "recipe_id": HOSTILE, "dataset_id": 1, "id": 0}
    return [f"/federation/{name}?{urlencode(values)}" for name, query in queries.items() if "path" not in query]
