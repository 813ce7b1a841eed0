"""Totals and latest runs, which triggers update in the same transaction as the rows that they are about.

Roll-ups make reading totals and latest runs as fast with ten million runs as with ten thousand. They have no foreign
keys: when a feedstock is renamed, `on update cascade` changes its runs, whose triggers move the counts, and a foreign
key would move them a second time. If an id comes in another spelling, the row takes the new spelling. A count that
reaches zero is deleted.

A new roll-up is an entry at the end of `ROLL_UPS`, and a migration in `schema.py` that calls `add` with it. `counts.py`
defines those that count; any other is a module here with a `RollUp` of its own.
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
# the datasets that lists show by default
_COUNTED_DATASET = "{row}.is_test = 0 and {row}.retracted_at is null"


def _counts_of_runs(table: str, columns: tuple[str, ...], fill: str | None = None) -> RollUp:
    chosen = {name: _RUN[name] for name in columns}
    return counts(table, "recipe_runs", chosen, "recipe_runs", _CHANGES_OF_RUN, fill=fill)


# Those that the baseline of `schema.py` creates. They are never edited.
BASELINE = (
    _counts_of_runs("recipe_run_counts_by_feedstock", ("feedstock_id", "is_test", "status")),
    _counts_of_runs("recipe_run_counts_by_bakery", ("bakery_id", "is_test", "status")),
    _counts_of_runs("recipe_run_counts_by_day", ("day", "bakery_id", "is_test", "status")),
    counts(
        "dataset_counts_by_feedstock",
        "datasets",
        {"feedstock_id": "{row}.feedstock_id"},
        "datasets",
        "feedstock_id, is_test, retracted_at",
        f"{_COUNTED_DATASET} and {{row}}.feedstock_id is not null",
    ),
    counts(
        "dataset_counts_by_bakery",
        "datasets",
        {"bakery_id": "{row}.bakery_id"},
        "datasets",
        "bakery_id, is_test, retracted_at",
        _COUNTED_DATASET,
    ),
    counts(
        "recipe_run_counts_by_dataset",
        "recipe_runs",
        {"dataset_id": "{row}.dataset_id"},
        "recipe_run_datasets",
        "dataset_id",
    ),
    counts(
        "feedstock_counts_by_maintainer",
        "feedstocks",
        {"github": "{row}.github"},
        "maintainers",
        "github",
        "{row}.github is not null",
    ),
    latest_runs("latest_runs_by_feedstock", ("feedstock_id",)),
    latest_runs("latest_runs_by_recipe", ("feedstock_id", "recipe_id")),
    LATEST_RUNS_BY_DATASET,
    counts("feedstock_counts_by_presence", "feedstocks", _PRESENCE, "feedstocks", "removed_at"),
    counts("recipe_counts_by_presence", "recipes", _PRESENCE, "recipes", "removed_at"),
    # for all bakeries together: otherwise the statistics would add up a hundred thousand rows
    _counts_of_runs(
        "recipe_run_counts_by_day_and_status",
        ("day", "is_test", "status"),
        fill="""
insert into recipe_run_counts_by_day_and_status (day, is_test, status, recipe_runs)
select day, is_test, status, sum(recipe_runs)
from recipe_run_counts_by_day
group by day, is_test, status;
""",
    ),
)
# all of them: the baseline's, then those of later migrations
ROLL_UPS = (*BASELINE,)


def add(connection: sqlite3.Connection, added: tuple[RollUp, ...]) -> None:
    """Create roll-ups, and fill them from the rows that exist already."""
    for part in ("create", "fill", "triggers"):
        execute_script(connection, "".join(getattr(each, part) for each in added))
