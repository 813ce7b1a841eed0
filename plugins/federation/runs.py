"""Recipe runs as bakeries record them: what a write means, inside the transaction that the writer gives.

Names are resolved and times are set here and not before, since another process may have renamed a feedstock or
written the same external id while this write waited.
"""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from federation import times
from federation.errors import ProblemDetails, json_pointer
from federation.field_types import FINAL_STATUSES
from federation.names import parse_feedstock_name
from federation.validation import invalid

# A run_date further ahead is a clock or a time zone gone wrong.
FUTURE_TOLERANCE = timedelta(days=1)
DATASETS_PER_RUN = 100

# Columns that a body sets as they are.
_SENT_COLUMNS = ("recipe_id", "commit", "status", "message", "version", "log_url", "external_id")


class Actor:
    """Who writes: a bakery's token, or an administrator's (`bakery_id` is None)."""

    def __init__(self, token_id: int, bakery_id: str | None):
        self.token_id = token_id
        self.bakery_id = bakery_id

    @property
    def is_admin(self) -> bool:
        return self.bakery_id is None


def create_recipe_run(
    connection: sqlite3.Connection, run: BaseModel, actor: Actor, home: str, at: tuple[str | int, ...] = ()
) -> int:
    """Record a run with its datasets and its first event. The id that it was given.

    `run` is an instance of `fields.create_model_of(RecipeRun)`; `at` is where it stands in the body.
    Raises ProblemDetails: 403 for another bakery's name, 409 for an external id that is taken, 422.
    """
    now = times.now()
    errors: list[dict[str, str]] = []

    def fault(name: str, detail: str) -> None:
        errors.append({"detail": detail, "pointer": json_pointer((*at, name))})

    bakery_id = run.bakery_id or actor.bakery_id
    if bakery_id is None:
        fault("bakery_id", "is required, since an administrator's token belongs to no bakery")
    elif not actor.is_admin and bakery_id.lower() != actor.bakery_id.lower():
        raise ProblemDetails("forbidden", f"this token belongs to {actor.bakery_id} and cannot write for {bakery_id}")
    try:
        feedstock_id, repository = parse_feedstock_name(run.feedstock_id, home)
    except ValueError as error:
        fault("feedstock_id", str(error))

    final = run.status in FINAL_STATUSES
    run_date = run.run_date or run.completed_at or now
    completed_at = run.completed_at or (run_date if final and not run.run_date else None)
    if run.run_date and times.from_text(run.run_date) > datetime.now(UTC) + FUTURE_TOLERANCE:
        fault("run_date", "is more than a day ahead")
    if run.completed_at:
        if not final:
            fault("completed_at", f"is given, but {run.status} is not a final status: leave one of the two out")
        if run.completed_at < run_date:
            fault("completed_at", "is before run_date")
        if times.from_text(run.completed_at) > datetime.now(UTC) + FUTURE_TOLERANCE:
            fault("completed_at", "is more than a day ahead")
    datasets = run.datasets or []
    if len(datasets) > DATASETS_PER_RUN:
        fault("datasets", f"holds {len(datasets)} datasets, and a run has at most {DATASETS_PER_RUN}")
    if errors:
        raise invalid(errors)

    bakery_id = resolve_bakery(connection, bakery_id)
    feedstock_id = resolve_feedstock(connection, feedstock_id, repository)
    refuse_taken_external_id(connection, bakery_id, run.external_id)
    values = {name: getattr(run, name) for name in _SENT_COLUMNS}
    values |= {
        "run_date": run_date,
        "bakery_id": bakery_id,
        "feedstock_id": feedstock_id,
        "completed_at": completed_at,
        "is_test": bool(run.is_test),
        "created_at": now,
        "updated_at": now,
    }
    run_id = insert(connection, "recipe_runs", values)
    for dataset in datasets:
        link_dataset(connection, run_id, values, dataset, actor, now)
    insert(
        connection,
        "recipe_run_events",
        {
            "recipe_run_id": run_id,
            "at": now,
            "actor_bakery_id": actor.bakery_id,
            "actor_token_id": actor.token_id,
            "status": run.status,
            "message": run.message,
        },
    )
    return run_id


def insert(connection: sqlite3.Connection, table: str, values: dict[str, Any]) -> int:
    """Insert a row, and give its id."""
    columns = ", ".join(f'"{name}"' for name in values)
    parameters = ", ".join(f":{name}" for name in values)
    return connection.execute(f"insert into {table} ({columns}) values ({parameters})", values).lastrowid


def resolve_bakery(connection: sqlite3.Connection, bakery_id: str) -> str:
    """The id of a bakery as it is stored. One that no file names is made, unlisted."""
    connection.execute("insert into bakeries (id) values (:id) on conflict do nothing", {"id": bakery_id})
    return connection.execute("select id from bakeries where id = :id", {"id": bakery_id}).fetchone()[0]


def resolve_feedstock(connection: sqlite3.Connection, feedstock_id: str, repository: str) -> str:
    """The id of a feedstock as it is stored, by its id or one it had before. A new one is made, unlisted."""
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


def refuse_taken_external_id(connection: sqlite3.Connection, bakery_id: str, external_id: str | None) -> None:
    """Raises ProblemDetails (409, with the `Location` of the run that has it)."""
    if external_id is None:
        return
    taken = connection.execute(
        "select id from recipe_runs where bakery_id = :bakery_id and external_id = :external_id",
        {"bakery_id": bakery_id, "external_id": external_id},
    ).fetchone()
    if taken:
        raise ProblemDetails(
            "conflict",
            f"{bakery_id} has recorded the external_id {external_id!r} already, as recipe run {taken[0]}",
            headers={"Location": f"/recipe_runs/{taken[0]}"},
        )


def link_dataset(
    connection: sqlite3.Connection, run_id: int, run: dict[str, Any], dataset: BaseModel, actor: Actor, now: str
) -> None:
    """Note that a run wrote a dataset. One with a new URL is made and belongs to the run's bakery."""
    found = connection.execute(
        "select id, bakery_id, is_test from datasets where url = :url", {"url": dataset.url}
    ).fetchone()
    event = {"at": now, "actor_bakery_id": actor.bakery_id, "actor_token_id": actor.token_id, "recipe_run_id": run_id}
    if found is None:
        dataset_id = insert(
            connection,
            "datasets",
            {
                "url": dataset.url,
                "format": dataset.format,
                "title": dataset.title,
                "feedstock_id": run["feedstock_id"],
                "recipe_id": run["recipe_id"],
                "bakery_id": run["bakery_id"],
                "is_test": run["is_test"],
                "created_at": now,
                "updated_at": now,
            },
        )
        insert(connection, "dataset_events", event | {"dataset_id": dataset_id, "action": "created"})
    else:
        dataset_id = found["id"]
        linked = connection.execute(
            "select 1 from recipe_run_datasets where recipe_run_id = :run_id and dataset_id = :dataset_id",
            {"run_id": run_id, "dataset_id": dataset_id},
        ).fetchone()
        if linked:
            return
        if found["is_test"] and not run["is_test"]:
            connection.execute(
                "update datasets set is_test = 0, updated_at = :now, revision = revision + 1 where id = :id",
                {"now": now, "id": dataset_id},
            )
        insert(connection, "dataset_events", event | {"dataset_id": dataset_id, "action": "linked"})
    connection.execute(
        "insert into recipe_run_datasets (recipe_run_id, dataset_id, run_date) values (:run_id, :dataset_id, :date)",
        {"run_id": run_id, "dataset_id": dataset_id, "date": run["run_date"]},
    )
