"""Save the bakeries of bakeries.yaml within a sync's transaction. The parser returns only what may be published."""

import sqlite3
from typing import Any

from pangeo_forge_federation.files.bakeries_yaml import BakeriesYaml
from pangeo_forge_federation.files.file_problems import problem_of_file
from pangeo_forge_federation.storage.row_writes import insert, insert_all, update
from pangeo_forge_federation.sync.changes import Change, Diff
from pangeo_forge_federation.sync.fetched import FetchedFile
from pangeo_forge_federation.sync.save_problems import save_problems

BAKERY = "bakery"
BAKERY_COLUMNS = (
    "region",
    "description",
    "org_website",
    "cluster_type",
    "pangeo_forge_version",
    "pangeo_notebook_version",
    "prefect_version",
)
TARGET_COLUMNS = (
    "name",
    "region",
    "description",
    "protocol",
    "prefix",
    "anon",
    "requester_pays",
    "endpoint_url",
)


def save_bakeries(
    connection: sqlite3.Connection, file: FetchedFile, parsed: BakeriesYaml | None, now: str, diff: Diff
) -> None:
    """Update the listed bakeries from the file. If it cannot be parsed, the last good version is kept.

    `parsed` is None if the file has not changed, or cannot be read.
    """
    if parsed is not None and parsed.understood:
        for bakery in parsed.bakeries:
            _save_bakery(connection, bakery, file.commit, now, diff)
        _remove_unlisted(connection, parsed, now, diff)
    else:
        diff.unchanged += connection.execute(
            "select count(*) from bakeries where listed and removed_at is null"
        ).fetchone()[0]
    if file.unreadable:
        problems = [problem_of_file(file.unreadable)]
    elif parsed is not None:
        problems = parsed.problems
    else:
        return
    bakery_ids = {row["id"].lower(): row["id"] for row in connection.execute("select id from bakeries")}
    save_problems(
        connection,
        file.repository,
        file.path,
        problems,
        now,
        file.commit,
        # the first key of a pointer into bakeries.yaml is a bakery's id
        bakery_of=lambda problem: bakery_ids.get(problem.pointer.partition("/")[2].split("/")[0].lower()),
    )


def _remove_unlisted(connection: sqlite3.Connection, parsed: BakeriesYaml, now: str, diff: Diff) -> None:
    """Mark bakeries that are no longer in the file as removed. Their runs and targets are kept."""
    listed = {bakery["id"].lower() for bakery in parsed.bakeries}
    for row in connection.execute("select id from bakeries where listed and removed_at is null").fetchall():
        if row["id"].lower() not in listed:
            diff.changes.append(Change(BAKERY, row["id"], "removed"))
            connection.execute(
                "update bakeries set removed_at = :now, synced_at = :now where id = :id", {"now": now, "id": row["id"]}
            )


def _save_bakery(
    connection: sqlite3.Connection, bakery: dict[str, Any], commit: str | None, now: str, diff: Diff
) -> None:
    row = connection.execute("select * from bakeries where id = :id", {"id": bakery["id"]}).fetchone()
    known = row is not None and row["listed"]
    if row is None:
        insert(connection, "bakeries", {"id": bakery["id"]})
    bakery_id = row["id"] if row else bakery["id"]
    new = {name: bakery[name] for name in BAKERY_COLUMNS}
    new["targets"] = sorted(
        ({name: target[name] for name in TARGET_COLUMNS} for target in bakery["targets"]),
        key=lambda target: target["name"],
    )
    old = stored_bakery(connection, bakery_id)
    restored = known and row["removed_at"] is not None
    if not diff.compare(BAKERY, bakery_id, old if known else None, new, restored):
        return
    targets = new.pop("targets")
    values = {**new, "listed": 1, "removed_at": None, "synced_at": now, "source_commit": commit}
    update(connection, "bakeries", bakery_id, values)
    connection.execute("delete from bakery_targets where bakery_id = :id", {"id": bakery_id})
    insert_all(connection, "bakery_targets", [{"bakery_id": bakery_id, **target} for target in targets])


def stored_bakery(connection: sqlite3.Connection, bakery_id: str) -> dict[str, Any]:
    """Return a stored bakery in the form used for comparison: its columns, and its targets sorted by name."""
    bound = {"id": bakery_id}
    row = connection.execute("select * from bakeries where id = :id", bound).fetchone()
    targets = connection.execute("select * from bakery_targets where bakery_id = :id order by name", bound)
    return {
        **dict(row),
        "targets": [
            {
                name: bool(target[name])
                if name in ("anon", "requester_pays") and target[name] is not None
                else target[name]
                for name in TARGET_COLUMNS
            }
            for target in targets
        ],
    }
