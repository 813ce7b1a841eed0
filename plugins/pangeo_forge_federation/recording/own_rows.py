"""The row that a PATCH changes: who may, and at which revision."""

import sqlite3
from collections.abc import Collection
from typing import Any

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.records.actor import Actor


def read_own(
    connection: sqlite3.Connection, table: str, row_id: int, what: str, actor: Actor, revisions: Collection[int] | None
) -> dict[str, Any]:
    """The row that a PATCH is about to change; `revisions` is what If-Match asks for, `what` its name in words.

    Raises ProblemDetails: 404, 403 unless its bakery or an administrator asks, 412 at another revision.
    """
    row = connection.execute(f"select * from {table} where id = :id", {"id": row_id}).fetchone()
    if row is None:
        raise ProblemDetails("not-found", f"there is no {what} {row_id}")
    actor.require(row["bakery_id"], f"{what} {row_id}")
    if revisions is not None and row["revision"] not in revisions:
        asked = " or ".join(map(str, sorted(revisions)))
        detail = f"{what} {row_id} is at revision {row['revision']}, not {asked}: read it again"
        raise ProblemDetails("precondition-failed", detail)
    return dict(row)
