"""Records datasets, which are identified by URL and owned by the bakery that wrote them first."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.recording.own_rows import read_own
from pangeo_forge_federation.records.actor import Actor
from pangeo_forge_federation.records.bodies import Sent
from pangeo_forge_federation.records.validation import BodyErrors, bakery_of
from pangeo_forge_federation.storage.row_writes import insert, resolve_bakery, resolve_feedstock, update
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.feedstock_names import parse_feedstock_name

DATASETS_PER_RUN = 100

# fields of a body that need more than setting a column; all others are stored as sent
_RESOLVED = ("url", "bakery_id", "feedstock_id", "is_test")


def create_dataset(connection: sqlite3.Connection, dataset: Sent, actor: Actor, home: str) -> tuple[int, bool]:
    """Record a dataset that no run made, and return (its ID, whether it is new).

    `dataset` is an instance of `bodies.create_model_of(Dataset)`.

    Raises ProblemDetails: 403 for another bakery, 409 if the URL is known and another field differs, 422.
    """
    errors = BodyErrors()
    bakery_id = bakery_of(dataset.bakery_id, actor, errors)
    named = None
    if dataset.feedstock_id is not None:
        try:
            named = parse_feedstock_name(dataset.feedstock_id, home)
        except ValueError as error:
            errors.add("feedstock_id", str(error))
    errors.raise_any()
    values = {name: getattr(dataset, name) for name in type(dataset).model_fields if name not in _RESOLVED}
    values["bakery_id"] = resolve_bakery(connection, bakery_id)
    values["feedstock_id"] = resolve_feedstock(connection, *named) if named else None
    if dataset.is_test is not None:
        values["is_test"] = int(dataset.is_test)
    found = _find(connection, dataset.url)
    if found is not None:
        _refuse_difference(found, values)
        return found["id"], False
    now = times.now()
    dataset_id = insert(connection, "datasets", {"url": dataset.url, **values, "created_at": now, "updated_at": now})
    _add_event(connection, dataset_id, actor, now, "created")
    return dataset_id, True


def update_dataset(
    connection: sqlite3.Connection, dataset_id: int, patch: Sent, actor: Actor, revisions: Collection[int] | None
) -> int:
    """Apply a merge patch (RFC 7396): a `retraction_reason` retracts the dataset, null restores it.

    `patch` is an instance of `bodies.update_model_of(Dataset)`; `revisions` are those that If-Match accepts.

    Raises ProblemDetails: 403 unless the actor is its owner or an administrator, 404, 412, 422.
    """
    dataset = read_own(connection, "datasets", dataset_id, "dataset", actor, revisions)
    sent = {name: getattr(patch, name) for name in patch.model_fields_set}
    changed = {name: value for name, value in sent.items() if value != dataset[name]}
    if not changed:
        return dataset_id
    now = max(times.now(), dataset["updated_at"])
    action = "changed"
    reason = changed.get("retraction_reason", dataset["retraction_reason"])
    if reason is not None and dataset["retracted_at"] is None:
        changed["retracted_at"], action = now, "retracted"
    elif reason is None and dataset["retracted_at"] is not None:
        changed["retracted_at"], action = None, "restored"
    update(connection, "datasets", dataset_id, {**changed, "updated_at": now, "revision": dataset["revision"] + 1})
    _add_event(connection, dataset_id, actor, now, action, message=sent.get("retraction_reason"))
    return dataset_id


def link_dataset(connection: sqlite3.Connection, run: dict[str, Any], dataset: Sent, actor: Actor, now: str) -> bool:
    """Record that a run wrote a dataset, and return False if this was already recorded.

    A dataset with a new URL belongs to the run's bakery. A known dataset keeps its fields: only its owner changes them,
    by PATCH.
    """
    found = _find(connection, dataset.url)
    if found is None:
        values = {
            "url": dataset.url,
            "format": dataset.format,
            "title": dataset.title,
            "feedstock_id": run["feedstock_id"],
            "recipe_id": run["recipe_id"],
            "bakery_id": run["bakery_id"],
            "is_test": run["is_test"],
            "created_at": now,
            "updated_at": now,
        }
        dataset_id, action = insert(connection, "datasets", values), "created"
    else:
        dataset_id, action = found["id"], "linked"
        if _is_linked(connection, run["id"], dataset_id):
            return False
        # it has a new event, so it counts as updated, even if the clock was set back
        now = max(now, found["updated_at"])
        changed: dict[str, Any] = {"updated_at": now}
        if found["is_test"] and not run["is_test"]:
            changed |= {"is_test": 0, "revision": found["revision"] + 1}
        update(connection, "datasets", dataset_id, changed)
    insert(
        connection,
        "recipe_run_datasets",
        {"recipe_run_id": run["id"], "dataset_id": dataset_id, "run_date": run["run_date"]},
    )
    _add_event(connection, dataset_id, actor, now, action, run["id"])
    return True


def count_new_links(connection: sqlite3.Connection, run_id: int, datasets: Sequence[Sent]) -> int:
    """Return how many datasets a run would have with these."""
    rows = connection.execute(
        """
        select datasets.url
        from recipe_run_datasets
        join datasets on datasets.id = recipe_run_datasets.dataset_id
        where recipe_run_datasets.recipe_run_id = :run_id
        """,
        {"run_id": run_id},
    )
    return len({row["url"] for row in rows} | {dataset.url for dataset in datasets})


def _find(connection: sqlite3.Connection, url: str) -> sqlite3.Row | None:
    return connection.execute("select * from datasets where url = :url", {"url": url}).fetchone()


def _is_linked(connection: sqlite3.Connection, run_id: int, dataset_id: int) -> bool:
    return bool(
        connection.execute(
            """
            select 1
            from recipe_run_datasets
            where recipe_run_id = :run_id and dataset_id = :dataset_id
            """,
            {"run_id": run_id, "dataset_id": dataset_id},
        ).fetchone()
    )


def _refuse_difference(found: sqlite3.Row, values: dict[str, Any]) -> None:
    """Raise ProblemDetails (409) if a field differs from the recorded one."""
    different = [name for name, value in values.items() if value is not None and not _same(name, value, found[name])]
    if different:
        raise ProblemDetails(
            "conflict",
            f"This URL is already dataset {found['id']}, with a different {', '.join(different)}. Its owner can change "
            "it with PATCH.",
            headers={"Location": f"/datasets/{found['id']}"},
        )


def _same(name: str, sent: Any, recorded: Any) -> bool:
    if name in ("bakery_id", "feedstock_id"):
        # these IDs are compared case-insensitively
        return recorded is not None and sent.lower() == recorded.lower()
    return sent == recorded


def _add_event(
    connection: sqlite3.Connection,
    dataset_id: int,
    actor: Actor,
    at: str,
    action: str,
    run_id: int | None = None,
    message: str | None = None,
) -> None:
    event = {"dataset_id": dataset_id, "at": at, "action": action, "recipe_run_id": run_id, "message": message}
    insert(connection, "dataset_events", event | actor.columns)
