"""The command line of scripts/restore.py: restore a registry from its store, as it is now or was earlier."""

import sys
import tempfile
from pathlib import Path

import click

from pangeo_forge_federation.command_line.options import HELP
from pangeo_forge_federation.replication.configuration import write_configuration
from pangeo_forge_federation.replication.process import hold_folder
from pangeo_forge_federation.replication.restore import NOUN_OF, restore_database
from pangeo_forge_federation.replication.state import PRIMARY, State, save_state
from pangeo_forge_federation.replication.store import fetch_stored
from pangeo_forge_federation.replication.urls import ReplicationError, StoreUrl, read_url
from pangeo_forge_federation.settings import data_folder
from pangeo_forge_federation.storage.database import DATABASES, database_path
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.plural import plural


class Moment(click.ParamType):
    """An RFC 3339 time on the command line."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, context: click.Context | None) -> str:
        try:
            return times.parse(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, context)


@click.command(context_settings=HELP)
@click.argument("url")
@click.option(
    "--at",
    type=Moment(),
    metavar="TIME",
    help="Restore the state at this time, e.g. 2026-11-24T03:25:00Z.  [default: now]",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to restore into.  [default: FEDERATION_DATA, else the checkout]",
)
@click.option(
    "--check", is_flag=True, help="Restore into a temporary folder, to check the store, for example from a timer."
)
def restore_command(url: str, at: str | None, data: Path | None, check: bool) -> None:
    """Restore federation.db and tokens.db from the store at URL, check them, and print their last transactions."""
    if check and data:
        raise click.UsageError("--check and --data cannot be combined, as --check uses a temporary folder")
    try:
        if check:
            with tempfile.TemporaryDirectory(prefix="federation-check-") as folder:
                restore(read_url(url), at, Path(folder).resolve())
        else:
            data = (data or data_folder()).resolve()
            restore(read_url(url), at, data)
            print(f"Restored into {data}. To serve it, run: scripts/serve --data {data}")
    except (ReplicationError, OSError) as error:
        print(f"scripts/restore.py: {error}", file=sys.stderr)
        sys.exit(1)


def restore(url: StoreUrl, at: str | None, data: Path) -> None:
    """Restore both databases, or neither if the first cannot be restored.

    `at` is a time in the form that the registry stores, which the store must still have of both databases. None means
    now.

    Raises:
        ReplicationError: The folder already has a database, or the store cannot be restored.
    """
    data.mkdir(parents=True, exist_ok=True)
    with hold_folder(data):
        for name in DATABASES:
            if database_path(data, name).exists():
                raise ReplicationError(
                    f"{database_path(data, name)} already exists, and is not overwritten. Choose another folder."
                )
        configuration = write_configuration(data, data, url)
        stored = {name: fetch_stored(configuration, data, name) for name in DATABASES}
        if not any(each.files for each in stored.values()):
            raise ReplicationError(f"{url.text} does not contain a registry")
        for name, each in stored.items():
            if at and each.begins and at < each.begins[0]:
                raise ReplicationError(
                    f"{url.text} does not have {name}.db as it was at {at}. It has it from {each.begins[1]} until its "
                    f"last write at {each.at(each.reach)}. Give a later time."
                )
        positions = {}
        for name, each in stored.items():
            if not each.files:
                print(f"{name}.db: not in the store")
                continue
            restored = restore_database(configuration, data, name, each, at)
            positions[name] = restored.transaction
            print(
                f"{name}.db: {plural(restored.rows, NOUN_OF[name])}, up to transaction {restored.transaction}, "
                f"written {restored.at or 'at an unknown time'}; checked"
            )
        # so that `serve --replicate` can continue from this position in the store
        save_state(data, State(PRIMARY, url.text, "starting", positions=positions))
