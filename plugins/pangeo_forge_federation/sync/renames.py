"""Follow renamed repositories: the feedstock gets a new id, its runs move with it, and the old id becomes an alias.

Repositories are matched by GitHub's numeric id. All renamed feedstocks first get temporary ids that no repository can
have, so that two can swap names, and a name can change in case only.
"""

import sqlite3
from dataclasses import dataclass

from pangeo_forge_federation.sync.changes import Change, Diff
from pangeo_forge_federation.sync.fetched import FetchedFile
from pangeo_forge_federation.sync.save_feedstocks import FEEDSTOCK
from pangeo_forge_federation.sync.source_files import SourceFiles
from pangeo_forge_federation.values.feedstock_names import feedstock_id as id_of

# Tables whose rows a merge moves, and those where the remaining feedstock's rows are kept.
_MOVED_TABLES = ("recipe_runs", "datasets", "feedstock_aliases", "sync_changes")
_REPLACED_TABLES = ("maintainers", "providers", "problems", "named_bakeries")


@dataclass(frozen=True)
class Move:
    """A change of a feedstock's id. `before` and `repository` are the old and new name of its repository."""

    old: str
    new: str
    before: str
    repository: str
    listed: bool


def find_moves(connection: sqlite3.Connection, files: list[FetchedFile], home: str) -> list[list[Move]]:
    """Find the feedstocks whose repository was renamed, grouped by chains of names: each group moves at once."""
    groups: list[list[Move]] = []
    group_of: dict[str, list[Move]] = {}
    for move in _moves(connection, files, home):
        group: list[Move] = []
        ids = {move.old.lower(), move.new.lower()}
        for linked in {id(group_of[each]): group_of[each] for each in ids if each in group_of}.values():
            groups.remove(linked)
            group += linked
        group.append(move)
        groups.append(group)
        for each in group:
            group_of[each.old.lower()] = group_of[each.new.lower()] = group
    return groups


def follow_renames(
    connection: sqlite3.Connection, moves: list[Move], now: str, fetched_at: str, seen: SourceFiles, diff: Diff
) -> None:
    """Give the feedstocks in one group the ids of their repositories' new names."""
    aside = {move: f"/{number}" for number, move in enumerate(moves)}
    for move, temporary in aside.items():
        _set_id(connection, move.old, temporary)
    for move, temporary in aside.items():
        _merge(connection, move.new, temporary, now)
        _set_id(connection, temporary, move.new)
    _move_source_files(connection, moves, fetched_at, seen)
    for move in moves:
        _note_alias(connection, move, now)
        if move.listed:
            diff.changes.append(Change(FEEDSTOCK, move.new, "changed", "id", move.old, move.new))


def _moves(connection: sqlite3.Connection, files: list[FetchedFile], home: str) -> list[Move]:
    rows = connection.execute("select id, repository, github_id, listed from feedstocks").fetchall()
    by_github_id = {row["github_id"]: row for row in rows if row["github_id"] is not None}
    by_id = {row["id"].lower(): row for row in rows}
    moves = []
    for file in files:
        if file.github_id is None:
            continue
        new = id_of(file.repository, home)
        row = by_github_id.get(file.github_id)
        if row is None:
            # known from a run or a folder only, in whatever case
            row = by_id.get(new.lower())
            if row is None or row["github_id"] is not None:
                continue
        if row["id"] != new:
            moves.append(Move(row["id"], new, row["repository"], file.repository, bool(row["listed"])))
    return moves


def _set_id(connection: sqlite3.Connection, old: str, new: str) -> None:
    bound = {"new": new, "old": old}
    connection.execute("update feedstocks set id = :new where id = :old", bound)
    # this column has no foreign key, since feedstocks that were merged keep their history
    connection.execute("update sync_changes set feedstock_id = :new where feedstock_id = :old", bound)


def _merge(connection: sqlite3.Connection, name: str, into: str, now: str) -> None:
    """Merge the feedstock that already has a new name, if any, into the renamed one, and delete it.

    It belongs to the same repository, if a run used the new name before the sync, or to a repository that is gone. In
    both cases its runs, datasets and aliases move.
    """
    if connection.execute("select 1 from feedstocks where id = :name", {"name": name}).fetchone() is None:
        return
    bound = {"name": name, "into": into}
    for table in _MOVED_TABLES:
        connection.execute(f"update {table} set feedstock_id = :into where feedstock_id = :name", bound)
    for table in _REPLACED_TABLES:
        connection.execute(f"delete from {table} where feedstock_id = :name", bound)
    connection.execute(
        """
        update or ignore recipes
        set feedstock_id = :into, removed_at = coalesce(removed_at, :now)
        where feedstock_id = :name
        """,
        {**bound, "now": now},
    )
    connection.execute("delete from recipes where feedstock_id = :name", bound)
    connection.execute("delete from feedstocks where id = :name", bound)


def _move_source_files(connection: sqlite3.Connection, moves: list[Move], fetched_at: str, seen: SourceFiles) -> None:
    """Rename by way of temporary names, as for the ids."""
    aside = {move: f"/{number}" for number, move in enumerate(moves)}
    for move, temporary in aside.items():
        seen.note_moved(move.before, temporary, fetched_at)
    for move, temporary in aside.items():
        seen.note_moved(temporary, move.repository, fetched_at)
        connection.execute(
            "update problems set repository = :repository where feedstock_id = :id",
            {"repository": move.repository, "id": move.new},
        )


def _note_alias(connection: sqlite3.Connection, move: Move, now: str) -> None:
    """Make the old id an alias of the new one, unless another feedstock has it now."""
    connection.execute("delete from feedstock_aliases where alias = :new", {"new": move.new})
    connection.execute(
        """
        insert into feedstock_aliases (alias, feedstock_id, created_at)
        select :old, :new, :now
        where not exists (select 1 from feedstocks where id = :old)
        on conflict do update set feedstock_id = excluded.feedstock_id, created_at = excluded.created_at
        """,
        {"old": move.old, "new": move.new, "now": now},
    )
