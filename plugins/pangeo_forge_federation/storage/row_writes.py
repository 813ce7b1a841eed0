"""Inserts and updates of single rows, in the current transaction."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def insert(connection: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> int:
    """Insert a row and return its id."""
    cursor = connection.execute(_insert_into(table, values), values)
    # not None after an insert
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def insert_all(connection: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, all with the same columns."""
    if rows:
        connection.executemany(_insert_into(table, rows[0]), rows)


def update(connection: sqlite3.Connection, table: str, row_id: int | str, values: Mapping[str, Any]) -> None:
    """Set columns of the row with the given id."""
    assignments = ", ".join(f'"{name}" = :{name}' for name in values)
    connection.execute(f"update {table} set {assignments} where id = :row_id", {**values, "row_id": row_id})


def _insert_into(table: str, columns: Iterable[str]) -> str:
    names = list(columns)
    quoted = ", ".join(f'"{name}"' for name in names)
    parameters = ", ".join(f":{name}" for name in names)
    return f"insert into {table} ({quoted}) values ({parameters})"


def resolve_bakery(connection: sqlite3.Connection, bakery_id: str) -> str:
    """Return the stored spelling of a bakery's id. A new bakery is inserted as unlisted."""
    connection.execute("insert into bakeries (id) values (:id) on conflict do nothing", {"id": bakery_id})
    return connection.execute("select id from bakeries where id = :id", {"id": bakery_id}).fetchone()[0]


def resolve_feedstock(connection: sqlite3.Connection, feedstock_id: str, repository: str) -> str:
    """Return the stored id of a feedstock, found by its id or a former one. A new feedstock is inserted as unlisted."""
    found = connection.execute(
        """
        select id from feedstocks where id = :id
        union all
        select feedstock_id from feedstock_aliases where alias = :id
        limit 1
        """,
        {"id": feedstock_id},
    ).fetchone()
    if found:
        return found[0]
    insert(connection, "feedstocks", {"id": feedstock_id, "repository": repository})
    return feedstock_id
