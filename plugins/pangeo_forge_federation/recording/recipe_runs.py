"""Records recipe runs, inside the transaction of a write.

Names are resolved and times are set here, and not before, since another process may have renamed a feedstock or used
the same external_id while the write was waiting.
"""

import sqlite3
from collections.abc import Collection
from typing import Any

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.recording.datasets import DATASETS_PER_RUN, count_new_links, link_dataset
from pangeo_forge_federation.recording.own_rows import read_own
from pangeo_forge_federation.records.actor import Actor
from pangeo_forge_federation.records.bodies import Sent
from pangeo_forge_federation.records.validation import BodyErrors, bakery_of
from pangeo_forge_federation.storage.row_writes import insert, resolve_bakery, resolve_feedstock, update
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.feedstock_names import parse_feedstock_name
from pangeo_forge_federation.values.printable import printable
from pangeo_forge_federation.values.statuses import FINAL_STATUSES, completion_errors

# fields of a body that need more than setting a column; all others are stored as sent
_RESOLVED = ("run_date", "bakery_id", "feedstock_id", "completed_at", "is_test", "datasets")


def create_recipe_run(
    connection: sqlite3.Connection, run: Sent, actor: Actor, home: str, at: tuple[str | int, ...] = ()
) -> int:
    """Record a run with its datasets and its first event, and return its ID.

    `run` is an instance of `bodies.create_model_of(RecipeRun)`; `at` is its place in the body.

    Raises ProblemDetails: 403 for another bakery, 409 if the external_id is in use, 422.
    """
    now = times.now()
    errors = BodyErrors(at)
    bakery_id = bakery_of(run.bakery_id, actor, errors)
    try:
        feedstock_id, repository = parse_feedstock_name(run.feedstock_id, home)
    except ValueError as error:
        errors.add("feedstock_id", str(error))
    run_date = run.run_date or run.completed_at or now
    completed_at = run.completed_at
    if run.status in FINAL_STATUSES and not run.run_date:
        completed_at = completed_at or run_date
    errors.check_not_ahead("run_date", run.run_date)
    _check_completed_at(errors, run.completed_at, run.status, run_date)
    if len(run.datasets or ()) > DATASETS_PER_RUN:
        errors.add("datasets", f"has {len(run.datasets)} datasets, but a run can have at most {DATASETS_PER_RUN}")
    errors.raise_any()

    values = {name: getattr(run, name) for name in type(run).model_fields if name not in _RESOLVED}
    values |= {
        "run_date": run_date,
        "bakery_id": resolve_bakery(connection, bakery_id),
        "feedstock_id": resolve_feedstock(connection, feedstock_id, repository),
        "completed_at": completed_at,
        "is_test": bool(run.is_test),
        "created_at": now,
        "updated_at": now,
    }
    _refuse_taken_external_id(connection, values["bakery_id"], run.external_id)
    run_id = insert(connection, "recipe_runs", values)
    for dataset in run.datasets or ():
        link_dataset(connection, {"id": run_id, **values}, dataset, actor, now)
    _add_event(connection, run_id, actor, now, run.status, run.message)
    return run_id


def update_recipe_run(
    connection: sqlite3.Connection, run_id: int, patch: Sent, actor: Actor, revisions: Collection[int] | None
) -> int:
    """Apply a merge patch (RFC 7396) to a run. A patch that changes nothing is a heartbeat: it only sets `updated_at`.

    `patch` is an instance of `bodies.update_model_of(RecipeRun)`; `revisions` are those that If-Match accepts.

    Raises ProblemDetails: 403, 404, 409 for a final value or an external_id in use, 412, 422. No part of the patch is
    applied then.
    """
    run = read_own(connection, "recipe_runs", run_id, "recipe run", actor, revisions)
    sent = {name: getattr(patch, name) for name in patch.model_fields_set}
    datasets = _check_patch(connection, run, sent)

    changed = {name: value for name, value in sent.items() if value != run[name]}
    status = changed.get("status", run["status"])
    # the run must not look older, even if the clock was set back
    now = max(times.now(), run["updated_at"])
    if status in FINAL_STATUSES and run["status"] not in FINAL_STATUSES and not sent.get("completed_at"):
        changed["completed_at"] = max(now, run["run_date"])
    if "external_id" in changed:
        _refuse_taken_external_id(connection, run["bakery_id"], changed["external_id"])
    linked = [link_dataset(connection, run, dataset, actor, now) for dataset in datasets]
    if not changed and not any(linked):
        update(connection, "recipe_runs", run_id, {"updated_at": now})
        return run_id
    update(connection, "recipe_runs", run_id, {**changed, "updated_at": now, "revision": run["revision"] + 1})
    _add_event(connection, run_id, actor, now, status, changed.get("message", run["message"]))
    return run_id


def find_recipe_run(connection: sqlite3.Connection, bakery_id: str, external_id: str) -> int:
    """Return the ID of a bakery's run with this external_id. Raises ProblemDetails (404)."""
    found = _by_external_id(connection, bakery_id, external_id)
    if found is None:
        raise ProblemDetails(
            "not-found", f"{printable(bakery_id)} has no run with the external_id {printable(external_id)!r}."
        )
    return found


def _check_patch(connection: sqlite3.Connection, run: dict[str, Any], sent: dict[str, Any]) -> list[Sent]:
    """Return the datasets that a patch adds. Raises ProblemDetails: 409 for a final value, 422."""
    final = run["status"] in FINAL_STATUSES
    if final and sent.get("status", run["status"]) != run["status"]:
        since = run["completed_at"] or run["updated_at"]
        raise ProblemDetails(
            "conflict",
            f"Recipe run {run['id']} has been {run['status']} since {since}, which is final, so it cannot become "
            f"{sent['status']}. Record another run instead.",
        )
    if final and run["completed_at"] and sent.get("completed_at", run["completed_at"]) != run["completed_at"]:
        raise ProblemDetails("conflict", f"Recipe run {run['id']} ended at {run['completed_at']}, which is final.")
    errors = BodyErrors()
    _check_completed_at(errors, sent.get("completed_at"), sent.get("status", run["status"]), run["run_date"])
    datasets = sent.pop("datasets", [])
    if count_new_links(connection, run["id"], datasets) > DATASETS_PER_RUN:
        errors.add("datasets", f"would give the run more than {DATASETS_PER_RUN} datasets")
    errors.raise_any()
    return datasets


def _check_completed_at(errors: BodyErrors, completed_at: str | None, status: str, run_date: str) -> None:
    """Check a `completed_at` that was sent."""
    if completed_at is None:
        return
    for detail in completion_errors(completed_at, status, run_date):
        errors.add("completed_at", detail)
    errors.check_not_ahead("completed_at", completed_at)


def _refuse_taken_external_id(connection: sqlite3.Connection, bakery_id: str, external_id: str | None) -> None:
    """Raise ProblemDetails (409) with the `Location` of the run that has this external_id."""
    taken = None if external_id is None else _by_external_id(connection, bakery_id, external_id)
    if taken is not None:
        raise ProblemDetails(
            "conflict",
            f"{bakery_id} already uses the external_id {external_id!r} for recipe run {taken}.",
            headers={"Location": f"/recipe_runs/{taken}"},
        )


def _by_external_id(connection: sqlite3.Connection, bakery_id: str, external_id: str) -> int | None:
    found = connection.execute(
        """
        select id
        from recipe_runs
        where bakery_id = :bakery_id
            and external_id = :external_id
        """,
        {"bakery_id": bakery_id, "external_id": external_id},
    ).fetchone()
    return found["id"] if found else None


def _add_event(
    connection: sqlite3.Connection, run_id: int, actor: Actor, at: str, status: str, message: str | None
) -> None:
    event = {"recipe_run_id": run_id, "at": at, "status": status, "message": message}
    insert(connection, "recipe_run_events", event | actor.columns)
