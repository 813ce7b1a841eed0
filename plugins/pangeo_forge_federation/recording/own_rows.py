"""Reads the row that a PATCH changes, if the actor may change it."""

import sqlite3
from collections.abc import Collection
from typing import Any

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.records.actor import Actor


def read_own(
    connection: sqlite3.Connection, table: str, row_id: int, what: str, actor: Actor, revisions: Collection[int] | None
) -> dict[str, Any]:
    """Return the row that a PATCH is about to change.

    `revisions` are those that If-Match accepts, `what` is a name for the row in messages.

    Raises ProblemDetails: 404, 403 unless the actor is its bakery or an administrator, 412 at another revision.
    """
    row = connection.execute(f"select * from {table} where id = :id", {"id": row_id}).fetchone()
    if row is None:
        raise ProblemDetails("not-found", f"There is no {what} {row_id}.")
    actor.require(row["bakery_id"], f"{what} {row_id}")
    if revisions is not None and row["revision"] not in revisions:
        expected = " or ".join(map(str, sorted(revisions)))
        detail = f"{what.capitalize()} {row_id} is at revision {row['revision']}, not {expected}. Read it again."
        raise ProblemDetails("precondition-failed", detail)
    return dict(row)
