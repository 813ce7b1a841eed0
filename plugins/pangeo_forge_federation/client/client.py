"""The registry from Python: typed records, iterators over whole lists, writes that may be repeated.

    from pangeo_forge_federation.client import Client

    client = Client()
    for run in client.recipe_runs(status="failure", run_date__gte="2026-11"):
        print(run["id"], run["message"])
    runs = client.recipe_runs(feedstock_id="gpcp-feedstock").to_dataframe()

Filters are those of the API, `column=value` and `column__operator=value`; values may be texts, numbers, booleans,
dates, and lists for `__in`. `q`, `_sort`, `_sort_desc`, `columns` and `page_size` go with them.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pangeo_forge_federation.client import records
from pangeo_forge_federation.client.configuration import Configuration, read_configuration
from pangeo_forge_federation.client.errors import RegistryError
from pangeo_forge_federation.client.reads import Reads
from pangeo_forge_federation.client.transport import Transport, new_key
from pangeo_forge_federation.values.json_text import dump_json


class Client(Reads):
    """One registry, read and written with one token.

    Every method raises `Problem` (`Refused` for 401 and 403) where the registry refuses, `Unreachable` where it does
    not answer in `patience` seconds; both are `RegistryError`. Each write takes an `idempotency_key`, by default a new
    one: the same write with the same key is made once, however often it is sent.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        patience: float | None = None,
        transport: Transport | None = None,
    ):
        """Where and with which token; by default as FEDERATION_URL, FEDERATION_TOKEN or `forge login` say."""
        if transport is None:
            configuration: Configuration = read_configuration(url=url, token=token)
            transport = Transport(configuration.url, configuration.token, patience)
        super().__init__(transport)

    # what is no list of the database

    def health(self) -> records.Health:
        """Whether the registry works."""
        return self.transport.get("/health").json()

    def snapshots(self) -> list[records.Snapshot]:
        """The public snapshots of the whole federation, the newest first."""
        return self.transport.get("/snapshots").json()

    def download_snapshot(self, snapshot: records.Snapshot, file: Path) -> Iterator[int]:
        """Write a snapshot to a file, which is there when all of it is. Yields how many bytes it has so far.

        Raises RegistryError where what came is not what the list says; an existing file is replaced.
        """
        partial = file.with_name(f"{file.name}.partial")
        digest = hashlib.sha256()
        try:
            with partial.open("wb") as opened:
                for piece in self.transport.pieces(f"/snapshots/{snapshot['name']}"):
                    digest.update(piece)
                    opened.write(piece)
                    yield opened.tell()
            if digest.hexdigest() != snapshot["sha256"]:
                raise RegistryError(f"{snapshot['name']} did not come whole: its SHA-256 is another one")
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)

    # writes

    def create_recipe_run(self, run: records.RecipeRunCreate, idempotency_key: str | None = None) -> records.RecipeRun:
        """Record a run."""
        return self._write("POST", "/recipe_runs", run, idempotency_key)

    def create_recipe_runs(
        self, runs: Sequence[records.RecipeRunCreate], idempotency_key: str | None = None
    ) -> Sequence[records.RecipeRun]:
        """Record up to 1,000 runs, all of them or none."""
        return self._write("POST", "/recipe_runs", runs, idempotency_key)

    def update_recipe_run(
        self,
        recipe_run_id: int,
        patch: records.RecipeRunUpdate,
        idempotency_key: str | None = None,
        revision: int | None = None,
    ) -> records.RecipeRun:
        """Change a run; with `revision` only if it is still that one, else 412."""
        return self._write("PATCH", f"/recipe_runs/{recipe_run_id}", patch, idempotency_key, revision=revision)

    def update_recipe_run_by_external_id(
        self,
        external_id: str,
        patch: records.RecipeRunUpdate,
        bakery_id: str | None = None,
        idempotency_key: str | None = None,
        revision: int | None = None,
    ) -> records.RecipeRun:
        """Change a run by its bakery's own id of it; an administrator names the bakery."""
        parameters = [("external_id", external_id), *([("bakery_id", bakery_id)] if bakery_id else [])]
        return self._write("PATCH", "/recipe_runs", patch, idempotency_key, parameters, revision)

    def heartbeat(self, recipe_run_id: int) -> records.RecipeRun:
        """Say that a run still runs."""
        return self.update_recipe_run(recipe_run_id, {})

    def create_dataset(self, dataset: records.DatasetCreate, idempotency_key: str | None = None) -> records.Dataset:
        """Record a dataset that no run made."""
        return self._write("POST", "/datasets", dataset, idempotency_key)

    def update_dataset(
        self,
        dataset_id: int,
        patch: records.DatasetUpdate,
        idempotency_key: str | None = None,
        revision: int | None = None,
    ) -> records.Dataset:
        """Change a dataset, or retract it by a `retraction_reason`."""
        return self._write("PATCH", f"/datasets/{dataset_id}", patch, idempotency_key, revision=revision)

    def conflicting_run(self, location: str | None) -> records.RecipeRun | None:
        """The run that a conflict's Location names."""
        match = re.search(r"/recipe_runs/(\d+)$", urlsplit(location or "").path)
        return self.recipe_run(int(match[1])) if match else None

    def _write(
        self,
        method: str,
        path: str,
        body: Any,
        key: str | None,
        parameters: Iterable[tuple[str, str]] = (),
        revision: int | None = None,
    ) -> Any:
        # a record's ETag begins with its revision, which is what is compared
        if_match = None if revision is None else f'"{revision}-0"'
        answer = self.transport.send(method, path, dump_json(body), key or new_key(), parameters, if_match)
        return answer.json()
