"""Totals and latest runs, kept by triggers in the same transaction as what they count.

No roll-up carries a foreign key: when a feedstock is renamed, `on update cascade` changes its runs, whose triggers
move the counts; a key besides would move them twice. Where a row is met again under another spelling of an id, it
takes the newest spelling. A count that reaches zero is deleted.

A new roll-up is an entry at the end of `ROLL_UPS` and a migration in `schema.py` that adds it. `counts.py` makes those
that count, any other is a module here with a `RollUp` of its own.
"""

import sqlite3

from pangeo_forge_federation.storage.database import execute_script
from pangeo_forge_federation.storage.roll_ups.counts import counts
from pangeo_forge_federation.storage.roll_ups.latest_runs import latest_runs
from pangeo_forge_federation.storage.roll_ups.latest_runs_by_dataset import LATEST_RUNS_BY_DATASET
from pangeo_forge_federation.storage.roll_ups.roll_up import RollUp

_RUN = {
    "feedstock_id": "{row}.feedstock_id",
    "bakery_id": "{row}.bakery_id",
    "day": "substr({row}.run_date, 1, 10)",
    "is_test": "{row}.is_test",
    "status": "{row}.status",
}
_CHANGES_OF_RUN = "feedstock_id, bakery_id, run_date, status, is_test"
_PRESENCE = {"is_removed": "({row}.removed_at is not null)"}
# those that lists show by default
_COUNTED_DATASET = "{row}.is_test = 0 and {row}.retracted_at is null"


def _counts_of_runs(table: str, columns: tuple[str, ...], migration: int, fill: str | None = None) -> RollUp:
    chosen = {name: _RUN[name] for name in columns}
    return counts(table, "recipe_runs", chosen, "recipe_runs", _CHANGES_OF_RUN, migration, fill=fill)


ROLL_UPS = (
    _counts_of_runs("recipe_run_counts_by_feedstock", ("feedstock_id", "is_test", "status"), 9),
    _counts_of_runs("recipe_run_counts_by_bakery", ("bakery_id", "is_test", "status"), 9),
    _counts_of_runs("recipe_run_counts_by_day", ("day", "bakery_id", "is_test", "status"), 9),
    counts(
        "dataset_counts_by_feedstock",
        "datasets",
        {"feedstock_id": "{row}.feedstock_id"},
        "datasets",
        "feedstock_id, is_test, retracted_at",
        9,
        f"{_COUNTED_DATASET} and {{row}}.feedstock_id is not null",
    ),
    counts(
        "dataset_counts_by_bakery",
        "datasets",
        {"bakery_id": "{row}.bakery_id"},
        "datasets",
        "bakery_id, is_test, retracted_at",
        9,
        _COUNTED_DATASET,
    ),
    counts(
        "recipe_run_counts_by_dataset",
        "recipe_runs",
        {"dataset_id": "{row}.dataset_id"},
        "recipe_run_datasets",
        "dataset_id",
        9,
    ),
    counts(
        "feedstock_counts_by_maintainer",
        "feedstocks",
        {"github": "{row}.github"},
        "maintainers",
        "github",
        9,
        "{row}.github is not null",
    ),
    latest_runs("latest_runs_by_feedstock", ("feedstock_id",), 9),
    latest_runs("latest_runs_by_recipe", ("feedstock_id", "recipe_id"), 9),
    LATEST_RUNS_BY_DATASET,
    counts("feedstock_counts_by_presence", "feedstocks", _PRESENCE, "feedstocks", "removed_at", 12),
    counts("recipe_counts_by_presence", "recipes", _PRESENCE, "recipes", "removed_at", 12),
    # of all bakeries together: the statistics would else add up a hundred thousand rows
    _counts_of_runs(
        "recipe_run_counts_by_day_and_status",
        ("day", "is_test", "status"),
        12,
        fill="""
insert into recipe_run_counts_by_day_and_status (day, is_test, status, recipe_runs)
select day, is_test, status, sum(recipe_runs)
from recipe_run_counts_by_day
group by day, is_test, status;
""",
    ),
)


def added_by(migration: int) -> tuple[RollUp, ...]:
    """The roll-ups that came with a migration."""
    return tuple(each for each in ROLL_UPS if each.migration == migration)


def add(connection: sqlite3.Connection, migration: int) -> None:
    """Make the roll-ups that came with a migration, and fill them from the rows that are there already."""
    added = added_by(migration)
    for part in ("create", "fill", "triggers"):
        execute_script(connection, "".join(getattr(each, part) for each in added))
