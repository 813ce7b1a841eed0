"""Report bakeries that a meta.yaml names but bakeries.yaml does not list, until one of the two files changes.

This depends on two files. So each sync checks all feedstocks at its end, whatever its scope.
"""

import difflib
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pangeo_forge_federation.files.file_problems import WARNING, Problem
from pangeo_forge_federation.files.meta_yaml import NamedBakery
from pangeo_forge_federation.sync.save_problems import insert_problems

# how similar an id must be to be suggested, as a ratio of difflib
_MIN_SIMILARITY = 0.8


@dataclass(frozen=True)
class KnownBakeries:
    """Ids of bakeries, by the id in lower case."""

    listed: dict[str, str]
    # no longer in bakeries.yaml
    removed: dict[str, str]
    # never in bakeries.yaml, but with a token or runs
    unlisted: dict[str, str]
    # id -> message: hundreds of feedstocks may name the same bakery
    _messages: dict[str, str | None] = field(default_factory=dict, init=False)

    def with_listed(self, ids: Iterable[str]) -> "KnownBakeries":
        """Return a copy in which bakeries.yaml lists exactly these ids."""
        listed = _by_lower_case(ids)
        return KnownBakeries(listed, {**self.removed, **self.listed}, self.unlisted)

    def problem_of(self, named: NamedBakery) -> Problem | None:
        """Return the problem with a bakery that a meta.yaml names. None if bakeries.yaml never listed any bakery."""
        if named.id not in self._messages:
            self._messages[named.id] = self._message(named.id)
        message = self._messages[named.id]
        return Problem(named.pointer, named.line, named.column, WARNING, message) if message else None

    def _message(self, bakery_id: str) -> str | None:
        name = bakery_id.lower()
        if name in self.listed or not (self.listed or self.removed):
            return None
        if name in self.removed:
            return f"`{bakery_id}` was removed from bakeries.yaml. Use the id of a bakery that is listed there."
        if name in self.unlisted:
            return (
                f"`{bakery_id}` has a token or runs in this registry, but is not listed in bakeries.yaml, so its "
                "region and storage are unknown. Ask its maintainers to add it there."
            )
        if near := difflib.get_close_matches(bakery_id, self.listed.values(), n=1, cutoff=_MIN_SIMILARITY):
            return f"`{bakery_id}` is not listed in bakeries.yaml. Did you mean `{near[0]}`?"
        return f"`{bakery_id}` is not listed in bakeries.yaml. Use the id of a listed bakery, or add it there."


def read_known_bakeries(connection: sqlite3.Connection) -> KnownBakeries:
    """Read the bakeries from the database."""
    rows = connection.execute("select id, listed, removed_at from bakeries").fetchall()
    return KnownBakeries(
        listed=_by_lower_case(row["id"] for row in rows if row["listed"] and row["removed_at"] is None),
        removed=_by_lower_case(row["id"] for row in rows if row["removed_at"] is not None),
        unlisted=_by_lower_case(row["id"] for row in rows if not row["listed"]),
    )


def save_named_bakery(connection: sqlite3.Connection, feedstock_id: str, named: NamedBakery | None) -> None:
    """Save the bakery that a feedstock's file names, with its position in the file; None if it names none."""
    if named is None:
        connection.execute("delete from named_bakeries where feedstock_id = :id", {"id": feedstock_id})
        return
    connection.execute(
        """
        insert into named_bakeries (feedstock_id, bakery_id, pointer, line, "column")
        values (:feedstock_id, :bakery_id, :pointer, :line, :column)
        on conflict do update set
            bakery_id = excluded.bakery_id,
            pointer = excluded.pointer,
            line = excluded.line,
            "column" = excluded."column"
        """,
        {
            "feedstock_id": feedstock_id,
            "bakery_id": named.id,
            "pointer": named.pointer,
            "line": named.line,
            "column": named.column,
        },
    )


def save_unlisted_bakeries(connection: sqlite3.Connection, now: str) -> Counter[tuple[str, str]]:
    """Update these problems. A problem that was there before keeps the date on which it was first found.

    Returns the change in their number, which may be negative, by (repository in lower case, path).
    """
    known = read_known_bakeries(connection)
    wanted = {}
    for row in connection.execute(
        """
        select
            named_bakeries.*,
            repository,
            meta_path,
            "commit"
        from named_bakeries
        join feedstocks on feedstocks.id = feedstock_id
        where listed and removed_at is null
        """
    ):
        named = NamedBakery(row["bakery_id"], row["pointer"], row["line"], row["column"])
        if problem := known.problem_of(named):
            name = named.id.lower()
            wanted[row["repository"], row["meta_path"], problem] = {
                "repository": row["repository"],
                "source_file": row["meta_path"],
                "feedstock_id": row["feedstock_id"],
                # an unknown bakery has no row to refer to
                "bakery_id": known.removed.get(name) or known.unlisted.get(name),
                "unlisted_bakery_id": named.id,
                **vars(problem),
                "commit": row["commit"],
                "now": now,
            }
    kept = {
        (
            row["repository"],
            row["source_file"],
            Problem(row["pointer"], row["line"], row["column"], row["severity"], row["message"]),
        ): row["id"]
        for row in connection.execute("select * from problems where unlisted_bakery_id is not null")
    }
    gone = [key for key in kept if key not in wanted]
    new = [key for key in wanted if key not in kept]
    connection.executemany("delete from problems where id = :id", [{"id": kept[key]} for key in gone])
    insert_problems(connection, [wanted[key] for key in new])
    difference = Counter((repository.lower(), path) for repository, path, _ in new)
    difference.subtract((repository.lower(), path) for repository, path, _ in gone)
    return difference


def _by_lower_case(ids: Iterable[str]) -> dict[str, str]:
    return {each.lower(): each for each in ids}
