"""History is recorded in bulk, as often as need be: what is there already is found by its external id, and left.

A batch is all or nothing. So what the registry refuses in it is taken out, told with its line, and the rest sent again.
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

# below the registry's bounds, 1,000 runs and 1 MiB
BATCH_RUNS, BATCH_BYTES = 500, 900_000
# of external ids that are asked for at once: a URL that proxies take
_ASKED_BYTES = 3_000
# what must be the same in a run that is there already
_COMPARED = ("recipe_id", "commit", "run_date", "status", "completed_at")
_INDEX = re.compile(r"/(\d+)(/.*)?")


@dataclass
class Imported:
    """How many rows were recorded, were there already, and were refused."""

    recorded: int = 0
    there: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Item:
    """A run, as a POST takes it, and the line of the file that it stands in."""

    line: int
    run: dict[str, Any]


class Importer:
    """`refuse(line, sentence)` is told of each row that is not recorded, `step(done)` how many rows are done with."""

    def __init__(self, client: Client, refuse: Callable[[int, str], None], step: Callable[[int], None]):
        self.done = Imported()
        self._client = client
        self._refuse = refuse
        self._step = step
        # the bakery whose runs were found to be there: an import that goes on
        self._bakery_id: str | None = None

    def run(self, rows: Iterable[Row], mapper: Mapper) -> Imported:
        """Record them. Raises Problem, Unreachable, RegistryError; what was recorded by then stays."""
        for batch in _batches(self._items(rows, mapper)):
            self._send(batch)
            self._step(self.done.recorded + self.done.there + self.done.refused)
        return self.done

    def _items(self, rows: Iterable[Row], mapper: Mapper) -> Iterator[Item]:
        for row in rows:
            if row.fault:
                self._turn_away(row.line, row.fault)
                continue
            try:
                yield Item(row.line, mapper.run_of(row.values))
            except BadRow as error:
                self._turn_away(row.line, str(error))

    def _turn_away(self, line: int, words: str) -> None:
        self.done.refused += 1
        self._refuse(line, words)

    def _send(self, items: Sequence[Item]) -> None:
        items = self._without_repeated(items)
        if self._bakery_id:
            items = self._without_known(items, self._bakery_id)
        while items:
            body = dump_json([item.run for item in items])
            # the same batch has the same key: sent again in a second import it is answered at once
            key = f"import/{hashlib.sha256(body).hexdigest()}"
            try:
                answer = self._client.transport.send("POST", "/recipe_runs", body, key)
            except Problem as problem:
                items = self._without_refused(items, problem)
            else:
                if answer.headers.get("Idempotency-Replayed"):
                    self.done.there += len(items)
                else:
                    self.done.recorded += len(items)
                return

    def _without_repeated(self, items: Sequence[Item]) -> list[Item]:
        """A batch in which no external id stands twice; the registry takes the first one alone."""
        seen: dict[tuple[Any, str], int] = {}
        kept = []
        for item in items:
            key = (item.run.get("bakery_id"), str(item.run["external_id"]))
            if key in seen:
                self._turn_away(item.line, f"/external_id: is that of line {seen[key]} already")
            else:
                seen[key] = item.line
                kept.append(item)
        return kept

    def _without_refused(self, items: Sequence[Item], problem: Problem) -> Sequence[Item]:
        """The rest of a batch. Raises the problem where it is of no single run."""
        if problem.status == 409 and (there := self._client.conflicting_run(problem.location)):
            self._bakery_id = there["bakery_id"]
            rest = self._without_known(items, there["bakery_id"])
            if len(rest) < len(items):
                return rest
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
            # the registry tells one at a time; the token is not for that bakery's others either
            (words,) = refused.values()
            bakery_id = items[next(iter(refused))].run.get("bakery_id")
            refused = {index: words for index, item in enumerate(items) if item.run.get("bakery_id") == bakery_id}
        for index, words in refused.items():
            self._turn_away(items[index].line, "; ".join(words))
        return [item for index, item in enumerate(items) if index not in refused]

    def _without_known(self, items: Sequence[Item], bakery_id: str) -> list[Item]:
        """Those whose external id the registry does not have. One that it has must hold the same."""
        known: dict[str, dict[str, Any]] = {}
        for ids in _lists_of_ids([str(item.run["external_id"]) for item in items]):
            # by id: in the order of dates SQLite would read all runs of the bakery
            found = self._client.recipe_runs(
                bakery_id=bakery_id, external_id__in=ids, _sort="id", columns=("id", "external_id", *_COMPARED)
            )
            known.update({run["external_id"] or "": dict(run) for run in found})
        if not known:
            # beyond where the import before this one came to
            self._bakery_id = None
        rest = []
        for item in items:
            there = known.get(str(item.run["external_id"]))
            if there is None or str(item.run.get("bakery_id") or bakery_id).lower() != bakery_id.lower():
                rest.append(item)
            elif different := _differences(item.run, there):
                words = f"/external_id: is recipe run {there['id']} already, with another {', '.join(different)}"
                self._turn_away(item.line, words)
            else:
                self.done.there += 1
        return rest


def _differences(sent: dict[str, Any], there: dict[str, Any]) -> list[str]:
    return [name for name in _COMPARED if sent.get(name) is not None and _kept(name, sent[name]) != there[name]]


def _kept(name: str, value: Any) -> Any:
    """A value as the registry keeps it."""
    if name == "status":
        return read_status(str(value))
    if name in ("run_date", "completed_at"):
        return times.parse(str(value))
    return value


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Runs in lists that a POST takes."""
    return _portions(items, lambda item: len(dump_json(item.run)), BATCH_BYTES, BATCH_RUNS)


def _lists_of_ids(ids: Sequence[str]) -> Iterator[list[str]]:
    """Ids in lists that fit into a URL, each with what stands around it there."""
    return _portions(ids, lambda each: len(each.encode("utf-8", "replace")) + 4, _ASKED_BYTES, len(ids))


def _portions(items: Iterable[T], size_of: Callable[[T], int], most_bytes: int, most_items: int) -> Iterator[list[T]]:
    """Items in lists of at most so many bytes and so many items; one that is larger alone is a list of its own."""
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
