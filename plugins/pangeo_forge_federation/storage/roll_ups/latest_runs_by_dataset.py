"""The roll-up of the latest run that wrote a dataset, and of the latest successful one."""

from pangeo_forge_federation.storage.roll_ups.latest_runs import (
    IS_PROGRESS,
    LATEST_COLUMNS,
    OUTCOMES,
    PLACE_COLUMNS,
    create,
    fill,
    update_stored,
)
from pangeo_forge_federation.storage.roll_ups.roll_up import RollUp, trigger

TABLE = "latest_runs_by_dataset"

LINKED_RUNS = """recipe_run_datasets
    join recipe_runs on recipe_runs.id = recipe_run_datasets.recipe_run_id
    join datasets on datasets.id = recipe_run_datasets.dataset_id"""

# The order of triggers is undefined in SQLite, so this is the first statement of the trigger that depends on it.
MOVE_LINKS = """
    update recipe_run_datasets set run_date = new.run_date
    where recipe_run_id = new.id and run_date <> new.run_date;"""

# Only runs of the bakery that owns the dataset are candidates, and test runs only if the dataset is a test.
DATASET_CANDIDATE = """{run}.bakery_id = datasets.bakery_id
        and {run}.is_test <= datasets.is_test
        and ('{outcome}' = 'any' or {run}.status = 'success')"""


def _offer(outcome: str, run: str, links: str) -> str:
    places = ", ".join(f"{name} = excluded.{name}" for name in PLACE_COLUMNS)
    return f"""
    insert into latest_runs_by_dataset (dataset_id, outcome, {", ".join(PLACE_COLUMNS)})
    select datasets.id, '{outcome}', runs.id, runs.run_date, runs.status, runs.completed_at
    from recipe_runs as runs, datasets
    where runs.id = {run}
        and datasets.id in ({links})
        and {DATASET_CANDIDATE.format(run="runs", outcome=outcome)}
    on conflict do update set {places}
    where (excluded.run_date, excluded.recipe_run_id)
        > (latest_runs_by_dataset.run_date, latest_runs_by_dataset.recipe_run_id);"""


def _elect(outcome: str, datasets: str, held_by: str, condition: str = "1") -> str:
    return f"""
    delete from latest_runs_by_dataset
    where dataset_id in ({datasets}) and outcome = '{outcome}'{held_by};
    insert into latest_runs_by_dataset (dataset_id, outcome, {", ".join(PLACE_COLUMNS)})
    select datasets.id, '{outcome}', elected.id, elected.run_date, elected.status, elected.completed_at
    from datasets, recipe_runs as elected
    where datasets.id in ({datasets})
        and elected.id = case
            when {condition}
                and not exists (
                    select 1 from latest_runs_by_dataset
                    where dataset_id = datasets.id and outcome = '{outcome}'
                )
            then (
                select runs.id
                from recipe_run_datasets as links, recipe_runs as runs
                where links.dataset_id = datasets.id
                    and runs.id = links.recipe_run_id
                    and {DATASET_CANDIDATE.format(run="runs", outcome=outcome)}
                order by links.run_date desc, links.recipe_run_id desc
                limit 1
            )
        end;"""


def _triggers() -> str:
    of_run = "select dataset_id from recipe_run_datasets where recipe_run_id = {row}.id"
    return (
        trigger(
            "latest_runs_by_dataset_link",
            "insert",
            "recipe_run_datasets",
            "".join(_offer(outcome, "new.recipe_run_id", "new.dataset_id") for outcome in OUTCOMES),
        )
        + trigger(
            "latest_runs_by_dataset_unlink",
            "delete",
            "recipe_run_datasets",
            "".join(
                _elect(outcome, "old.dataset_id", " and recipe_run_id = old.recipe_run_id") for outcome in OUTCOMES
            ),
        )
        + trigger(
            "latest_runs_by_dataset_update",
            f"update of {LATEST_COLUMNS}",
            "recipe_runs",
            MOVE_LINKS
            + "".join(
                # only a former candidate needs an election: without this condition, each write to a run of a dataset
                # that never had a success would read all runs of the dataset
                _elect(
                    outcome,
                    of_run.format(row="old"),
                    " and recipe_run_id = old.id",
                    DATASET_CANDIDATE.format(run="old", outcome=outcome),
                )
                + _offer(outcome, "new.id", of_run.format(row="new"))
                for outcome in OUTCOMES
            ),
            f"not {IS_PROGRESS}",
        )
        + trigger(
            "latest_runs_by_dataset_go_on",
            f"update of {LATEST_COLUMNS}",
            "recipe_runs",
            update_stored("latest_runs_by_dataset", f"dataset_id in ({of_run.format(row='new')})")
            + _offer("success", "new.id", of_run.format(row="new")),
            IS_PROGRESS,
        )
        + trigger(
            "latest_runs_by_dataset_owner",
            "update of bakery_id, is_test",
            "datasets",
            "".join(_elect(outcome, "old.id", "") for outcome in OUTCOMES),
        )
    )


LATEST_RUNS_BY_DATASET = RollUp(
    table=TABLE,
    create=create(TABLE, ("dataset_id",)),
    fill="".join(
        fill(
            TABLE,
            ("dataset_id",),
            outcome,
            LINKED_RUNS,
            DATASET_CANDIDATE.format(run="recipe_runs", outcome=outcome),
        )
        for outcome in OUTCOMES
    ),
    triggers=_triggers(),
)
