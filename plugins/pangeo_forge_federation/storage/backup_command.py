"""The command line of scripts/backup.py: public snapshots, and backups of everything."""

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

_quiet = click.option("--quiet", is_flag=True, help="Say nothing but what failed.")


@contextlib.contextmanager
def said_in_one_line() -> Iterator[None]:
    """What goes wrong with files or databases ends the command with exit code 1 and one line."""
    try:
        yield
    except (OSError, sqlite3.Error, UnusableDatabase, NoRegistry, BadBackup) as error:
        raise click.ClickException(str(error)) from None


def told(contents: Contents) -> str:
    """What a backup holds, in a line."""
    last = f"the last write at {contents.last_write_at}" if contents.last_write_at else "without any write"
    return (
        f"{plural(contents.recipe_runs, 'recipe run')}, {plural(contents.datasets, 'dataset')}, "
        f"{plural(contents.feedstocks, 'feedstock')}, {plural(contents.tokens, 'token')}; {last}"
    )


@click.group(context_settings=HELP)
def backup_command() -> None:
    """Public snapshots of the registry, and backups of everything, which are not public."""


@backup_command.command()
@click.option(
    "--keep", type=click.IntRange(1), default=KEPT, show_default=True, help="How many stay, the newest; the rest go."
)
@click.option("--unless-newer-than", type=Duration(), metavar="12h", help="Do nothing if the last one is younger.")
@_quiet
@data_option
def snapshot(keep: int, unless_newer_than: float | None, quiet: bool, data: Path | None) -> None:
    """Make a snapshot that anybody may have, without tokens and keys: it is served at /snapshots."""
    gone: list[Path] = []
    with said_in_one_line():
        data = existing_data_folder(data)
        prepare(data)
        made = make_snapshot(data, keep, unless_newer_than, gone.append)
    if not quiet:
        click.echo(f"{made.path}: {made.bytes:,} bytes, SHA-256 {made.sha256}" if made else "The last one is fresh.")
        for path in gone:
            click.echo(f"{path}: deleted, as --keep {keep} are newer")


@backup_command.command()
@click.argument("to", type=click.Path(path_type=Path, file_okay=False))
@_quiet
@data_option
def full(to: Path, quiet: bool, data: Path | None) -> None:
    """Copy both databases, tokens too, into a new folder under TO, and check the copies. Keep it as a secret."""
    with said_in_one_line():
        folder, contents = make_backup(existing_data_folder(data), to)
    if not quiet:
        click.echo(f"{folder}: {told(contents)}")


@backup_command.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@data_option
def restore(folder: Path, data: Path | None) -> None:
    """Check the backup in FOLDER, and copy it into a data folder that has no databases."""
    with said_in_one_line():
        data = data or data_folder()
        contents = restore_backup(folder, data)
    click.echo(f"Restored into {data}: {told(contents)}")
