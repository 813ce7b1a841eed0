"""What a roll-up is, and the pieces that all are written with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RollUp:
    """A table that triggers keep, each part as SQL.

    `migration` is the number of that in `schema.py` with which it came. `create` makes the table and the indexes that
    it needs, those of other tables too; `fill` counts the rows that are there already, into an empty table; `triggers`
    keep it from then on.
    """

    table: str
    migration: int
    create: str
    fill: str
    triggers: str


def column(name: str) -> str:
    """The definition of a roll-up's column, typed and collated as the column that it counts."""
    kind = "integer" if name in ("is_test", "dataset_id", "is_removed") else "text"
    collate = " collate nocase" if name in ("feedstock_id", "bakery_id", "github") else ""
    return f"{name} {kind} not null{collate}"


def trigger(name: str, event: str, table: str, body: str, when: str = "") -> str:
    """A trigger after `event` on a table, whose body is statements; `when` is its condition."""
    condition = f"\nwhen {when}" if when else ""
    return f"\ncreate trigger {name} after {event} on {table}{condition}\nbegin{body}\nend;\n"
