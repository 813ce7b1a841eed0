"""Record the runs of a file in batches. Runs that the registry already has are found by their external id and skipped.

The registry records a batch as a whole or not at all. So runs that it refuses are reported and removed from the batch,
and the rest is sent again.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.errors import Problem
from pangeo_forge_federation.client.import_mapping import BadRow, Mapper
from pangeo_forge_federation.client.import_rows import Row
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.json_text import dump_json
from pangeo_forge_federation.values.statuses import read_status

T = TypeVar("T")

# below the registry's limits, 1,000 runs and 1 MiB
BATCH_RUNS, BATCH_BYTES = 500, 900_000
# of external ids in one request: proxies limit the length of URLs
_IDS_BYTES = 3_000
# fields that must be the same in an existing run
_COMPARED = ("recipe_id", "commit", "run_date", "status", "completed_at")
_INDEX = re.compile(r"/(\d+)(/.*)?")


@dataclass
class Imported:
    """How many rows were recorded, already existed, and were refused."""

    recorded: int = 0
    existing: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Item:
    """A run, as a POST takes it, and its line in the file."""

    line: int
    run: dict[str, Any]


class Importer:
    """Records rows. Calls `refuse(line, reason)` for each row that is refused, and `step(rows)` after each batch."""

    def __init__(self, client: Client, refuse: Callable[[int, str], None], step: Callable[[int], None]):
        self.done = Imported()
        self._client = client
        self._refuse = refuse
        self._step = step
        # the bakery of a run that already existed: an earlier import is being continued
        self._bakery_id: str | None = None

    def run(self, rows: Iterable[Row], mapper: Mapper) -> Imported:
        """Record the rows, and return how many.

        Raises:
            Problem, Unreachable, RegistryError: The import has stopped. Batches before that are recorded.
        """
        for batch in _batches(self._items(rows, mapper)):
            self._send(batch)
            self._step(self.done.recorded + self.done.existing + self.done.refused)
        return self.done

    def _items(self, rows: Iterable[Row], mapper: Mapper) -> Iterator[Item]:
        for row in rows:
            if row.error:
                self._reject(row.line, row.error)
                continue
            try:
                yield Item(row.line, mapper.run_of(row.values))
            except BadRow as error:
                self._reject(row.line, str(error))

    def _reject(self, line: int, reason: str) -> None:
        self.done.refused += 1
        self._refuse(line, reason)

    def _send(self, items: Sequence[Item]) -> None:
        items = self._without_duplicates(items)
        if self._bakery_id:
            items = self._without_existing(items, self._bakery_id)
        while items:
            body = dump_json([item.run for item in items])
            # the key follows from the batch, so that a second import of it gets the first response again
            key = f"import/{hashlib.sha256(body).hexdigest()}"
            try:
                response = self._client.transport.send("POST", "/recipe_runs", body, key)
            except Problem as problem:
                items = self._without_refused(items, problem)
            else:
                if response.headers.get("Idempotency-Replayed"):
                    self.done.existing += len(items)
                else:
                    self.done.recorded += len(items)
                return

    def _without_duplicates(self, items: Sequence[Item]) -> list[Item]:
        """Reject all but the first run with the same external id, and return the others."""
        seen: dict[tuple[Any, str], int] = {}
        unique = []
        for item in items:
            key = (item.run.get("bakery_id"), str(item.run["external_id"]))
            if key in seen:
                self._reject(item.line, f"/external_id: is the same as in line {seen[key]}")
            else:
                seen[key] = item.line
                unique.append(item)
        return unique

    def _without_refused(self, items: Sequence[Item], problem: Problem) -> Sequence[Item]:
        """Reject the runs that a problem names, and return the others. Raises the problem if it names none."""
        if problem.status == 409 and (existing := self._client.conflicting_run(problem.location)):
            self._bakery_id = existing["bakery_id"]
            new = self._without_existing(items, existing["bakery_id"])
            if len(new) < len(items):
                return new
        if problem.status == 413 and len(items) > 1:
            self._send(items[: len(items) // 2])
            return items[len(items) // 2 :]
        refused: dict[int, list[str]] = {}
        for error in problem.errors:
            if match := _INDEX.fullmatch(str(error.get("pointer", ""))):
                refused.setdefault(int(match[1]), []).append(f"{match[2] or ''}: {error.get('detail')}".lstrip(": "))
        if not refused and len(items) == 1 and problem.status in (409, 413, 422):
            refused = {0: [problem.detail]}
        if not refused:
            raise problem
        if problem.status == 403:
            # the registry names one run at a time, but the token is not valid for any run of that bakery
            (reasons,) = refused.values()
            bakery_id = items[next(iter(refused))].run.get("bakery_id")
            refused = {index: reasons for index, item in enumerate(items) if item.run.get("bakery_id") == bakery_id}
        for index, reasons in refused.items():
            self._reject(items[index].line, "; ".join(reasons))
        return [item for index, item in enumerate(items) if index not in refused]

    def _without_existing(self, items: Sequence[Item], bakery_id: str) -> list[Item]:
        """Return the runs whose external id the registry does not have, and reject those that differ from it."""
        known: dict[str, dict[str, Any]] = {}
        for ids in _lists_of_ids([str(item.run["external_id"]) for item in items]):
            # sorted by id, since by date SQLite would read all runs of the bakery
            found = self._client.recipe_runs(
                bakery_id=bakery_id, external_id__in=ids, _sort="id", columns=("id", "external_id", *_COMPARED)
            )
            known.update({run["external_id"] or "": dict(run) for run in found})
        if not known:
            # the earlier import stopped before this batch
            self._bakery_id = None
        new = []
        for item in items:
            existing = known.get(str(item.run["external_id"]))
            if existing is None or str(item.run.get("bakery_id") or bakery_id).lower() != bakery_id.lower():
                new.append(item)
            elif different := _differences(item.run, existing):
                reason = f"/external_id: belongs to recipe run {existing['id']}, which has another "
                self._reject(item.line, reason + ", ".join(different))
            else:
                self.done.existing += 1
        return new


def _differences(sent: dict[str, Any], existing: dict[str, Any]) -> list[str]:
    return [name for name in _COMPARED if sent.get(name) is not None and _stored(name, sent[name]) != existing[name]]


def _stored(name: str, value: Any) -> Any:
    """Return a value in the form that the registry stores."""
    if name == "status":
        return read_status(str(value))
    if name in ("run_date", "completed_at"):
        return times.parse(str(value))
    return value


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield runs in lists that fit into a POST."""
    return _portions(items, lambda item: len(dump_json(item.run)), BATCH_BYTES, BATCH_RUNS)


def _lists_of_ids(ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield ids in lists that fit into a URL; four bytes are for quotes, comma and space."""
    return _portions(ids, lambda each: len(each.encode("utf-8", "replace")) + 4, _IDS_BYTES, len(ids))


def _portions(items: Iterable[T], size_of: Callable[[T], int], most_bytes: int, most_items: int) -> Iterator[list[T]]:
    """Yield items in lists within both limits; an item that is too large by itself is a list of its own."""
    portion: list[T] = []
    size = 0
    for item in items:
        length = size_of(item)
        if portion and (len(portion) == most_items or size + length > most_bytes):
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += length
    if portion:
        yield portion
