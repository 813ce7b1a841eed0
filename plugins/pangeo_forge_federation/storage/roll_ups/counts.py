"""Roll-ups that count the rows of a table by some of their columns."""

from pangeo_forge_federation.storage.roll_ups.roll_up import RollUp, column, trigger


def counts(
    table: str,
    count: str,
    columns: dict[str, str],
    source: str,
    changes: str,
    condition: str = "1",
    fill: str | None = None,
) -> RollUp:
    """Return the roll-up `table`, which counts the rows of `source` that have the same `columns`.

    Args:
        table: its name.
        count: its column for the number of rows.
        columns: its other columns, each with an expression for its value such as `{row}.feedstock_id`.
        source: the table whose rows are counted.
        changes: the columns of `source` whose update may move a row from one count to another.
        condition: which rows are counted.
        fill: a cheaper statement to count the rows that exist already.
    """
    new = _add_one(table, columns, count, "new", condition)
    old = _take_one(table, columns, count, "old", condition)
    return RollUp(
        table=table,
        create=_create(table, columns, count),
        fill=fill or _fill(table, columns, count, source, condition),
        triggers=trigger(f"{table}_insert", "insert", source, new)
        + trigger(f"{table}_delete", "delete", source, old)
        + trigger(f"{table}_update", f"update of {changes}", source, old + new),
    )


def _create(table: str, columns: dict[str, str], count: str) -> str:
    definitions = ",\n    ".join(column(name) for name in columns)
    return f"""
create table {table} (
    {definitions},
    {count} integer not null check ({count} > 0),
    primary key ({", ".join(columns)})
) strict, without rowid;
"""


def _add_one(table: str, columns: dict[str, str], count: str, row: str, condition: str) -> str:
    values = ", ".join(value.format(row=row) for value in columns.values())
    spelling = "".join(f", {name} = excluded.{name}" for name in columns if "nocase" in column(name))
    return f"""
    insert into {table} ({", ".join(columns)}, {count})
    select {values}, 1
    where {condition.format(row=row)}
    on conflict do update set {count} = {count} + 1{spelling};"""


def _take_one(table: str, columns: dict[str, str], count: str, row: str, condition: str) -> str:
    place = " and ".join(f"{name} = {value.format(row=row)}" for name, value in columns.items())
    where = f"{place} and {condition.format(row=row)}"
    return f"""
    delete from {table} where {where} and {count} = 1;
    update {table} set {count} = {count} - 1 where {where} and {count} > 1;"""


def _fill(table: str, columns: dict[str, str], count: str, source: str, condition: str) -> str:
    values = ", ".join(value.format(row=source) for value in columns.values())
    return f"""
insert into {table} ({", ".join(columns)}, {count})
select {values}, count(*)
from {source}
where {condition.format(row=source)}
group by {values};
"""
