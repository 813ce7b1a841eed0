"""Rows put into a database and looked at, without what the registry itself does there."""

AT = "2026-11-24T03:25:00.000000Z"
RUN = {
    "recipe_id": "gpcp",
    "run_date": AT,
    "bakery_id": "example.bakery",
    "feedstock_id": "gpcp-feedstock",
    "commit": "27b264a6",
    "status": "success",
    "created_at": AT,
    "updated_at": AT,
}
DATASET = {"url": "gs://bucket/gpcp.zarr", "bakery_id": "example.bakery", "created_at": AT, "updated_at": AT}


def insert(connection, table, **values):
    """Insert a row, and give its id."""
    columns = ", ".join(f'"{name}"' for name in values)
    parameters = ", ".join(f":{name}" for name in values)
    return connection.execute(f"insert into {table} ({columns}) values ({parameters})", values).lastrowid


def pragma(connection, name):
    return connection.execute(f"pragma {name}").fetchone()[0]


def rows(connection, sql, *parameters, **named):
    return [tuple(row) for row in connection.execute(sql, named or parameters)]


def schema_of(connection):
    return rows(connection, "select type, name, sql from sqlite_master order by type, name")


def base_tables(connection):
    """The tables that hold what was sent or read: not SQLite's, not the list of migrations, not what triggers keep."""
    names = rows(connection, "select name from pragma_table_list where schema = 'main' and type = 'table'")
    return sorted(
        name
        for (name,) in names
        if not name.startswith(("sqlite_", "_sqlite_", "latest_runs_"))
        and "_counts_by_" not in name
        and not name.endswith("_documents")
    )
