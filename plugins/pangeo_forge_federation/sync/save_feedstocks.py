"""Save the feedstocks of meta.yaml files within a sync's transaction."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from pangeo_forge_federation.files.file_problems import problem_of_file
from pangeo_forge_federation.files.meta_yaml import MetaYaml
from pangeo_forge_federation.storage.row_writes import insert, insert_all, update
from pangeo_forge_federation.sync.changes import Diff
from pangeo_forge_federation.sync.fetched import FetchedFile
from pangeo_forge_federation.sync.save_problems import save_problems
from pangeo_forge_federation.sync.unlisted_bakeries import save_named_bakery
from pangeo_forge_federation.values.feedstock_names import feedstock_id as id_of

FEEDSTOCK = "feedstock"
RECIPE_COLUMNS = ("recipe_id", "object", "dict_object")
MAINTAINER_COLUMNS = ("github", "name", "orcid")
PROVIDER_COLUMNS = ("name", "description", "url", "roles")


def save_feedstock(
    connection: sqlite3.Connection,
    file: FetchedFile,
    meta: MetaYaml | None,
    home: str,
    now: str,
    diff: Diff,
    is_read_again: bool = False,
) -> None:
    """Update a feedstock from its file. If it cannot be parsed, the last good version is kept.

    `meta` is None if the file has not changed, or cannot be read. `is_read_again` is true for an unchanged file that a
    new version of the parser reads again: a later commit, which did not touch the file, then counts as no change.
    """
    feedstock_id = id_of(file.repository, home)
    row = connection.execute("select * from feedstocks where id = :id", {"id": feedstock_id}).fetchone()
    # as stored: a run may have written it in a different case
    feedstock_id = row["id"] if row else feedstock_id
    known = row is not None and row["listed"]
    restored = known and row["removed_at"] is not None
    if row is None:
        insert(connection, "feedstocks", {"id": feedstock_id, "repository": file.repository})
    old = dict(row) if row else {}
    new: dict[str, Any] = {"repository": file.repository}
    # unknown when syncing from a folder: keep the stored values
    if file.archived is not None:
        new["archived"] = int(file.archived)
    if file.github_id is not None:
        new["github_id"] = file.github_id
    if meta is not None and meta.understood:
        old |= stored_lists(connection, feedstock_id)
        new |= {**meta.feedstock, "meta_path": file.path, "meta_sha": file.sha}
        if not (is_read_again and old.get("meta_sha") == file.sha):
            new |= {"commit": file.commit, "committed_at": file.committed_at}
        new |= {
            "recipes": _pick(meta.recipes, RECIPE_COLUMNS),
            "maintainers": _pick(meta.maintainers, MAINTAINER_COLUMNS),
            "providers": _pick(meta.providers, PROVIDER_COLUMNS),
        }
    if diff.compare(FEEDSTOCK, feedstock_id, old if known else None, new, restored):
        _write_feedstock(connection, feedstock_id, old, new, now)
    if meta is not None and meta.understood:
        save_named_bakery(connection, feedstock_id, meta.bakery)
    if file.unreadable:
        problems = [problem_of_file(file.unreadable)]
    elif meta is not None:
        problems = meta.problems
    else:
        return
    save_problems(connection, file.repository, file.path, problems, now, file.commit, feedstock_id)


def remove_feedstock(connection: sqlite3.Connection, feedstock_id: str, now: str) -> None:
    """Mark a feedstock as removed. Its runs and its metadata are kept."""
    connection.execute(
        "update feedstocks set removed_at = :now, synced_at = :now where id = :id", {"now": now, "id": feedstock_id}
    )
    connection.execute("delete from problems where feedstock_id = :id", {"id": feedstock_id})


def stored_lists(connection: sqlite3.Connection, feedstock_id: str) -> dict[str, list[dict]]:
    """Return a feedstock's three stored lists in the form that `save_feedstock` compares."""

    def rows(sql: str, columns: tuple[str, ...]) -> list[dict]:
        return _pick(connection.execute(sql, {"id": feedstock_id}), columns)

    providers = rows("select * from providers where feedstock_id = :id order by position", PROVIDER_COLUMNS)
    return {
        "recipes": rows(
            "select * from recipes where feedstock_id = :id and removed_at is null order by position", RECIPE_COLUMNS
        ),
        "maintainers": rows("select * from maintainers where feedstock_id = :id order by position", MAINTAINER_COLUMNS),
        "providers": [{**provider, "roles": json.loads(provider["roles"])} for provider in providers],
    }


def _write_feedstock(
    connection: sqlite3.Connection, feedstock_id: str, old: dict[str, Any], new: dict[str, Any], now: str
) -> None:
    lists = {name: new.pop(name) for name in ("recipes", "maintainers", "providers") if name in new}
    values = {**new, "listed": 1, "removed_at": None, "synced_at": now}
    update(connection, "feedstocks", feedstock_id, values)
    changed = {name: items for name, items in lists.items() if items != old[name]}
    if "recipes" in changed:
        _write_recipes(connection, feedstock_id, changed["recipes"], now)
    if "maintainers" in changed:
        _replace(connection, "maintainers", feedstock_id, changed["maintainers"])
    if "providers" in changed:
        providers = [{**each, "roles": json.dumps(each["roles"], ensure_ascii=False)} for each in changed["providers"]]
        _replace(connection, "providers", feedstock_id, providers)


def _write_recipes(connection: sqlite3.Connection, feedstock_id: str, recipes: list[dict], now: str) -> None:
    """Update recipes. They are never deleted, since runs refer to them, but marked as removed."""
    kept = {
        (row["recipe_id"], row["dict_object"] if row["recipe_id"] is None else None): row["id"]
        for row in connection.execute("select * from recipes where feedstock_id = :id", {"id": feedstock_id})
    }
    written = set()
    for position, recipe in enumerate(recipes):
        key = (recipe["recipe_id"], recipe["dict_object"] if recipe["recipe_id"] is None else None)
        values = {**recipe, "position": position, "feedstock_id": feedstock_id}
        if key in kept:
            written.add(kept[key])
            update(connection, "recipes", kept[key], {**values, "removed_at": None})
        else:
            insert(connection, "recipes", values)
    connection.executemany(
        "update recipes set removed_at = :now where id = :id and removed_at is null",
        [{"now": now, "id": row_id} for row_id in kept.values() if row_id not in written],
    )


def _replace(connection: sqlite3.Connection, table: str, feedstock_id: str, items: list[dict]) -> None:
    """Replace people or providers; `sync_changes` has their history."""
    connection.execute(f"delete from {table} where feedstock_id = :id", {"id": feedstock_id})
    rows = [{"feedstock_id": feedstock_id, "position": position, **item} for position, item in enumerate(items)]
    insert_all(connection, table, rows)


def _pick(rows: Iterable[Mapping | sqlite3.Row], columns: tuple[str, ...]) -> list[dict]:
    return [{name: row[name] for name in columns} for row in rows]
