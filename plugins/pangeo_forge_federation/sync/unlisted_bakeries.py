"""Bakeries that meta.yaml files name and bakeries.yaml does not have: problems, until one of the two files changes.

No file can say so of itself. So each sync looks at the end, whatever it was asked for, at all that is known by then.
"""

import difflib
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pangeo_forge_federation.files.file_problems import WARNING, Problem
from pangeo_forge_federation.files.meta_yaml import NamedBakery
from pangeo_forge_federation.sync.save_problems import insert_problems

# how alike an id must be to be the one that was meant, as difflib measures it
_NEAR = 0.8


@dataclass(frozen=True)
class KnownBakeries:
    """Ids of bakeries, as they are written, by the same in small letters."""

    listed: dict[str, str]
    # no longer in bakeries.yaml
    removed: dict[str, str]
    # never in it: they hold a token or ran something
    others: dict[str, str]
    # bakery -> what was found of it: hundreds of feedstocks may name the same one
    _found: dict[str, str | None] = field(default_factory=dict, init=False)

    def with_listed(self, ids: Iterable[str]) -> "KnownBakeries":
        """As they are when bakeries.yaml lists just these."""
        listed = _by_small_letters(ids)
        return KnownBakeries(listed, {**self.removed, **self.listed}, self.others)

    def problem_of(self, named: NamedBakery) -> Problem | None:
        """What is wrong with the bakery that a meta.yaml names. Nothing, as long as bakeries.yaml never had one."""
        if named.id not in self._found:
            self._found[named.id] = self._why(named.id)
        why = self._found[named.id]
        return Problem(named.pointer, named.line, named.column, WARNING, why) if why else None

    def _why(self, bakery_id: str) -> str | None:
        name = bakery_id.lower()
        if name in self.listed or not (self.listed or self.removed):
            return None
        if name in self.removed:
            return f"`{bakery_id}` was taken out of bakeries.yaml. Write the id of a bakery that is listed there."
        if name in self.others:
            return (
                f"`{bakery_id}` is known here by its token or runs, but is not in bakeries.yaml, so nobody can look up "
                "its region and storage. Ask its people to have it listed there."
            )
        if near := difflib.get_close_matches(bakery_id, self.listed.values(), n=1, cutoff=_NEAR):
            return f"`{bakery_id}` is not in bakeries.yaml. If `{near[0]}` is meant, write that."
        return f"`{bakery_id}` is not in bakeries.yaml. Write the id of a bakery that is, or have it listed there."


def read_known_bakeries(connection: sqlite3.Connection) -> KnownBakeries:
    """As the database has them now."""
    rows = connection.execute("select id, listed, removed_at from bakeries").fetchall()
    return KnownBakeries(
        listed=_by_small_letters(row["id"] for row in rows if row["listed"] and row["removed_at"] is None),
        removed=_by_small_letters(row["id"] for row in rows if row["removed_at"] is not None),
        others=_by_small_letters(row["id"] for row in rows if not row["listed"]),
    )


def save_named_bakery(connection: sqlite3.Connection, feedstock_id: str, named: NamedBakery | None) -> None:
    """Where a feedstock's file names its bakery; None where it names none."""
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
    """Make these problems equal to what is known now; one that is still there keeps its first date.

    How many more there are, by repository in small letters and path; less than zero where there are fewer.
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
                # one that nobody knows has no row to refer to
                "bakery_id": known.removed.get(name) or known.others.get(name),
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


def _by_small_letters(ids: Iterable[str]) -> dict[str, str]:
    return {each.lower(): each for each in ids}
