"""`forge snapshots`: list and download snapshots, each the whole federation as one SQLite file."""

import sys
from pathlib import Path

import click

from pangeo_forge_federation.client.commands.reading import format_options
from pangeo_forge_federation.client.commands.session import Session, pass_session, say
from pangeo_forge_federation.client.errors import RegistryError
from pangeo_forge_federation.client.output import COLUMNS, TABLE, write_rows
from pangeo_forge_federation.command_line.progress import Bar, Progress


@click.command("list", params=[*format_options()])
@pass_session
def list_command(session: Session, form: str | None) -> None:
    """List the snapshots of the federation, newest first."""
    write_rows(session.client.snapshots(), COLUMNS["Snapshot"], form or TABLE)


@click.command("download")
@click.argument("name", required=False)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write.  [default: the snapshot's name, in the current folder]",
)
@pass_session
def download_command(session: Session, name: str | None, output: Path | None) -> None:
    """Download a snapshot, by default the newest, and print the path of the file.

    A snapshot is a SQLite database with the whole federation. The download is checked against its SHA-256.
    """
    snapshots = session.client.snapshots()
    snapshot = next((each for each in snapshots if name in (None, each["name"])), None)
    if snapshot is None:
        raise RegistryError(f"there is no snapshot {name}" if name else "there are no snapshots yet")
    file = output or Path(snapshot["name"])
    progress = Bar() if sys.stderr.isatty() else Progress()
    try:
        for done in session.client.download_snapshot(snapshot, file):
            progress.step("bytes", done, snapshot["bytes"])
    except OSError as error:
        raise RegistryError(f"cannot write {file}: {error.strerror}") from None
    finally:
        progress.close()
    say(f"{snapshot['bytes']:,} bytes, made at {snapshot['created_at']}")
    click.echo(file)
