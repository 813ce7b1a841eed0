"""The command line of scripts/backup.py: public snapshots, and full backups."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import click

from pangeo_forge_federation.command_line.duration import Duration
from pangeo_forge_federation.command_line.options import HELP, data_option
from pangeo_forge_federation.settings import data_folder
from pangeo_forge_federation.storage.backups import BadBackup, Contents, make_backup, restore_backup
from pangeo_forge_federation.storage.data_folder import NoRegistry, existing_data_folder, prepare
from pangeo_forge_federation.storage.database import UnusableDatabase
from pangeo_forge_federation.storage.snapshots import KEPT, make_snapshot
from pangeo_forge_federation.values.plural import plural

_quiet = click.option("--quiet", is_flag=True, help="Print errors only.")


@contextlib.contextmanager
def errors_in_one_line() -> Iterator[None]:
    """End the command with exit code 1 and one line if something is wrong with files or databases."""
    try:
        yield
    except (OSError, sqlite3.Error, UnusableDatabase, NoRegistry, BadBackup) as error:
        raise click.ClickException(str(error)) from None


def summary(contents: Contents) -> str:
    """Return the contents of a backup in one line."""
    last = f"the last write at {contents.last_write_at}" if contents.last_write_at else "no writes"
    return (
        f"{plural(contents.recipe_runs, 'recipe run')}, {plural(contents.datasets, 'dataset')}, "
        f"{plural(contents.feedstocks, 'feedstock')}, {plural(contents.tokens, 'token')}; {last}"
    )


@click.group(context_settings=HELP)
def backup_command() -> None:
    """Make public snapshots of the registry, and full backups, which are secret."""


@backup_command.command()
@click.option(
    "--keep",
    type=click.IntRange(1),
    default=KEPT,
    show_default=True,
    help="Keep this many snapshots; delete older ones.",
)
@click.option(
    "--unless-newer-than", type=Duration(), metavar="12h", help="Do nothing if the latest one is newer than this."
)
@_quiet
@data_option
def snapshot(keep: int, unless_newer_than: float | None, quiet: bool, data: Path | None) -> None:
    """Make a public snapshot without tokens and keys, which is served at /snapshots."""
    deleted: list[Path] = []
    with errors_in_one_line():
        data = existing_data_folder(data)
        prepare(data)
        made = make_snapshot(data, keep, unless_newer_than, deleted.append)
    if not quiet:
        click.echo(
            f"{made.path}: {made.bytes:,} bytes, SHA-256 {made.sha256}" if made else "The latest one is new enough."
        )
        for path in deleted:
            click.echo(f"{path}: deleted, older than the {keep} that are kept")


@backup_command.command()
@click.argument("to", type=click.Path(path_type=Path, file_okay=False))
@_quiet
@data_option
def full(to: Path, quiet: bool, data: Path | None) -> None:
    """Copy both databases, including tokens, to a new folder in TO, and check the copies. Keep them secret."""
    with errors_in_one_line():
        folder, contents = make_backup(existing_data_folder(data), to)
    if not quiet:
        click.echo(f"{folder}: {summary(contents)}")


@backup_command.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@data_option
def restore(folder: Path, data: Path | None) -> None:
    """Check the backup in FOLDER, and copy it to a data folder that has no databases."""
    with errors_in_one_line():
        data = data or data_folder()
        contents = restore_backup(folder, data)
    click.echo(f"Restored into {data}: {summary(contents)}")
