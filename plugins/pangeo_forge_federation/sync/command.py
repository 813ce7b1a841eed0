"""The command line of the three sync scripts. The summary is written to stderr, output for programs to stdout."""

import contextlib
import json
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from pangeo_forge_federation.command_line.options import HELP, data_option
from pangeo_forge_federation.command_line.progress import progress_for
from pangeo_forge_federation.files.file_problems import problem_line
from pangeo_forge_federation.settings import data_folder, read_settings
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import FEDERATION, UnusableDatabase, database_path
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.from_github import fetch_github, scope_of
from pangeo_forge_federation.sync.run import SyncResult, run_sync
from pangeo_forge_federation.values.plural import plural
from pangeo_forge_federation.values.repositories import is_repository

CHANGES_PENDING = 3
EPILOG = """\b
Without --from, files are read from GitHub: with the GraphQL API if
GITHUB_TOKEN is set, else with the REST API, and only if they have changed.

\b
Exit codes:
  0  success
  1  the sync failed, or some files could not be fetched or read (the others
     are saved)
  2  the command line is not valid
  3  with --check: there are changes
"""
_MARKS = {"added": "+", "changed": "~", "removed": "-", "restored": "+"}
_SHOWN_CHARACTERS = 60


def sync_command(bakeries: bool, feedstocks: bool, help: str) -> click.Command:
    """Create a command that syncs bakeries, feedstocks or both."""

    @click.command(help=help, epilog=EPILOG, context_settings=HELP)
    @data_option
    @click.option(
        "--from",
        "folder",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Read files from DIR/<owner>/<repository>/ instead of GitHub.",
        metavar="DIR",
    )
    @click.option(
        "--org", "organisations", multiple=True, metavar="ORG", help="Only sync this organisation. Can be repeated."
    )
    @click.option(
        "--repo",
        "repositories",
        multiple=True,
        metavar="OWNER/NAME",
        help="Only sync this repository. Can be repeated.",
    )
    @click.option("--dry-run", is_flag=True, help="Only print what would change.")
    @click.option("--check", is_flag=True, help="Like --dry-run, but exit with 3 if there are changes.")
    @click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
    @click.option("--quiet", is_flag=True, help="Print no progress, and no summary unless something failed.")
    def command(
        data: Path | None,
        folder: Path | None,
        organisations: tuple[str, ...],
        repositories: tuple[str, ...],
        dry_run: bool,
        check: bool,
        as_json: bool,
        quiet: bool,
    ) -> None:
        for repository in repositories:
            if not is_repository(repository):
                raise click.UsageError(f"--repo {repository!r} is not of the form OWNER/NAME")
        for organisation in organisations:
            if not is_repository(f"{organisation}/any"):
                raise click.UsageError(f"--org {organisation!r} is not a valid name of an organisation")
        settings = read_settings()
        data, dry_run = data or data_folder(), dry_run or check
        progress = progress_for(quiet)
        scratch = contextlib.ExitStack()
        try:
            if dry_run and not database_path(data, FEDERATION).exists():
                # a dry run must not create a registry
                data = Path(scratch.enter_context(TemporaryDirectory()))
            prepare(data)
            if folder:
                fetched = fetch_folder(
                    folder,
                    settings.bakery_database,
                    organisations,
                    repositories,
                    feedstocks=feedstocks,
                    bakeries=bakeries,
                )
            else:
                scope = scope_of(settings, organisations, repositories, bakeries, feedstocks)
                fetched = fetch_github(data, settings, scope, progress)
            if folder and not fetched.feedstocks and fetched.bakeries is None:
                raise click.ClickException(nothing_in(folder, (*organisations, *repositories)))
            result = run_sync(data, fetched, settings.home_organisation, dry_run, progress)
        except (OSError, sqlite3.Error, UnusableDatabase) as error:
            raise click.ClickException(f"the sync has stopped; what was saved before is kept: {error}") from None
        finally:
            progress.close()
            scratch.close()
        if as_json:
            changes = [asdict(change) for change in result.diff.changes]
            found = [{"file": file, **vars(problem)} for file, problem in result.found_problems]
            report = {**result.diff.counts(), "problems": result.problems, "changes": changes, "found_problems": found}
            click.echo(json.dumps(report, indent=2))
        elif dry_run:
            print_diff(result)
        for reason in result.errors:
            click.echo(f"Not fetched: {reason}.", err=True)
        if not quiet or not result.is_whole:
            click.echo(summary(result, dry_run), err=True)
        if not result.is_whole:
            sys.exit(1)
        if check and result.changes_something:
            sys.exit(CHANGES_PENDING)

    return command


def nothing_in(folder: Path, names: Sequence[str]) -> str:
    """Return the error message for a folder without anything to sync."""
    if names:
        return f"{folder} contains nothing to sync for {', '.join(names)}"
    return f"{folder} contains nothing to sync. Files must be in <owner>/<repository>/ in that folder."


def print_diff(result: SyncResult) -> None:
    """Print what would change, and the problems in the files that were read."""
    for change in result.diff.changes:
        line = f"{_MARKS[change.action]} {change.kind} {change.id}"
        if change.action == "changed":
            line += f" {change.field}: {_shown(change.old)} -> {_shown(change.new)}"
        elif change.action != "added":
            line += f" {change.action}"
        click.echo(line)
    for file, problem in result.found_problems:
        click.echo(f"! {problem_line(file, problem)}")


def summary(result: SyncResult, dry: bool) -> str:
    """Return what happened, as one line."""
    counts = ", ".join(f"{number} {action}" for action, number in result.diff.counts().items())
    beginning = "Would sync" if dry else "Synced"
    not_fetched = f"; {result.not_fetched} could not be fetched" if result.not_fetched else ""
    skipped = f"; {plural(result.skipped, 'file')} skipped, as another sync has newer ones" if result.skipped else ""
    where = "" if dry else " (see /problems)"
    return f"{beginning}: {counts}; {plural(result.problems, 'problem')} in the files{where}{not_fetched}{skipped}."


def _shown(value: str | None) -> str:
    if value is None:
        return "nothing"
    text = " ".join(value.split())
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")
