"""The definition of a roll-up, and the SQL that all of them share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RollUp:
    """A table that triggers keep up to date, as SQL.

    Attributes:
        table: the table's name.
        create: creates the table and the indexes that it needs.
        fill: fills the empty table from the rows that exist already.
        triggers: keep it up to date from then on.
    """

    table: str
    create: str
    fill: str
    triggers: str


def column(name: str) -> str:
    """Return the definition of a roll-up's column, with the type and collation of the column that it counts."""
    kind = "integer" if name in ("is_test", "dataset_id", "is_removed") else "text"
    collate = " collate nocase" if name in ("feedstock_id", "bakery_id", "github") else ""
    return f"{name} {kind} not null{collate}"


def trigger(name: str, event: str, table: str, body: str, when: str = "") -> str:
    """Return a trigger that runs the statements of `body` after `event` on a table, if the condition `when` holds."""
    condition = f"\nwhen {when}" if when else ""
    return f"\ncreate trigger {name} after {event} on {table}{condition}\nbegin{body}\nend;\n"
