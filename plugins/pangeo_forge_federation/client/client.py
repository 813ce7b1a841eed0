"""Use the registry from Python: typed records, iterators over whole lists, and writes that can safely be repeated.

    from pangeo_forge_federation.client import Client

    client = Client()
    for run in client.recipe_runs(status="failure", run_date__gte="2026-11"):
        print(run["id"], run["message"])
    runs = client.recipe_runs(feedstock_id="gpcp-feedstock").to_dataframe()

Filters are those of the API, `column=value` and `column__operator=value`. Values can be strings, numbers, booleans,
dates, and lists for `__in`. The same methods take `q`, `_sort`, `_sort_desc`, `columns` and `page_size`.
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
    """A client of one registry, with one token.

    Each write takes an `idempotency_key`, by default a new one: a write with the same key is made only once, however
    often it is sent.

    Attributes:
        transport: The requests that the methods use.

    Raises:
        Problem: From every method, if the registry refuses the request; `Refused` for 401 and 403.
        Unreachable: From every method, if the registry does not respond within `patience` seconds.
        RegistryError: The base class of both.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        patience: float | None = None,
        transport: Transport | None = None,
    ):
        """Create a client.

        Args:
            url: The registry's URL, by default FEDERATION_URL or the URL that `forge login` saved.
            token: The token, by default FEDERATION_TOKEN or the token that `forge login` saved for this URL.
            patience: For how many seconds a request is retried, by default 15 for reads and 120 for writes.
            transport: Requests to use in place of all of these.

        Raises:
            BadConfiguration: The URL, the token or the configuration file is not valid.
        """
        if transport is None:
            configuration: Configuration = read_configuration(url=url, token=token)
            transport = Transport(configuration.url, configuration.token, patience)
        super().__init__(transport)

    # endpoints that are not lists of the database

    def health(self) -> records.Health:
        """Return the state of the registry."""
        return self.transport.get("/health").json()

    def snapshots(self) -> list[records.Snapshot]:
        """Return the public snapshots of the whole federation, newest first."""
        return self.transport.get("/snapshots").json()

    def download_snapshot(self, snapshot: records.Snapshot, file: Path) -> Iterator[int]:
        """Download a snapshot, and yield the number of bytes that have been written so far.

        The file appears under its name once it is complete. An existing file is replaced.

        Raises:
            RegistryError: The SHA-256 of the download is not the one in the list.
            OSError: The file cannot be written.
        """
        partial = file.with_name(f"{file.name}.partial")
        digest = hashlib.sha256()
        try:
            with partial.open("wb") as opened:
                for piece in self.transport.stream(f"/snapshots/{snapshot['name']}"):
                    digest.update(piece)
                    opened.write(piece)
                    yield opened.tell()
            if digest.hexdigest() != snapshot["sha256"]:
                raise RegistryError(
                    f"the download of {snapshot['name']} is damaged: its SHA-256 is not the one in the list. Try again."
                )
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
        """Record up to 1,000 runs: all of them, or none if one is refused."""
        return self._write("POST", "/recipe_runs", runs, idempotency_key)

    def update_recipe_run(
        self,
        recipe_run_id: int,
        patch: records.RecipeRunUpdate,
        idempotency_key: str | None = None,
        revision: int | None = None,
    ) -> records.RecipeRun:
        """Change a run. With `revision`, raise `Problem` (412) if the run has another revision by now."""
        return self._write("PATCH", f"/recipe_runs/{recipe_run_id}", patch, idempotency_key, revision=revision)

    def update_recipe_run_by_external_id(
        self,
        external_id: str,
        patch: records.RecipeRunUpdate,
        bakery_id: str | None = None,
        idempotency_key: str | None = None,
        revision: int | None = None,
    ) -> records.RecipeRun:
        """Change a run by its external id. Only administrators need to give `bakery_id`."""
        parameters = [("external_id", external_id), *([("bakery_id", bakery_id)] if bakery_id else [])]
        return self._write("PATCH", "/recipe_runs", patch, idempotency_key, parameters, revision)

    def heartbeat(self, recipe_run_id: int) -> records.RecipeRun:
        """Report that a run is still running."""
        return self.update_recipe_run(recipe_run_id, {})

    def create_dataset(self, dataset: records.DatasetCreate, idempotency_key: str | None = None) -> records.Dataset:
        """Record a dataset that was not written by a recipe run."""
        return self._write("POST", "/datasets", dataset, idempotency_key)

    def update_dataset(
        self,
        dataset_id: int,
        patch: records.DatasetUpdate,
        idempotency_key: str | None = None,
        revision: int | None = None,
    ) -> records.Dataset:
        """Change a dataset, or retract it with a `retraction_reason`. `revision` is as in `update_recipe_run`."""
        return self._write("PATCH", f"/datasets/{dataset_id}", patch, idempotency_key, revision=revision)

    def conflicting_run(self, location: str | None) -> records.RecipeRun | None:
        """Return the existing run that the Location header of a conflict names, or None if there is none."""
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
        # a record's ETag begins with its revision, and only that is compared
        if_match = None if revision is None else f'"{revision}-0"'
        response = self.transport.send(method, path, dump_json(body), key or new_key(), parameters, if_match)
        return response.json()
