"""The command line that the three sync scripts share. The summary goes to stderr, what a program reads to stdout."""

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
Without --from it reads GitHub: with GITHUB_TOKEN over GraphQL, else over the
REST API and raw files, asked for only if they changed.

\b
Exit codes:
  0  done
  1  failed, or something could not be fetched or read (the rest is saved)
  2  the command line is wrong
  3  --check: something would change
"""
_MARKS = {"added": "+", "changed": "~", "removed": "-", "restored": "+"}
_SHOWN_CHARACTERS = 60


def sync_command(bakeries: bool, feedstocks: bool, help: str) -> click.Command:
    """A sync of bakeries, feedstocks or both, as a click command."""

    @click.command(help=help, epilog=EPILOG, context_settings=HELP)
    @data_option
    @click.option(
        "--from",
        "folder",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Read DIR/<owner>/<repository>/... instead of GitHub.",
        metavar="DIR",
    )
    @click.option("--org", "organisations", multiple=True, metavar="ORG", help="Just this organisation; repeatable.")
    @click.option(
        "--repo", "repositories", multiple=True, metavar="OWNER/NAME", help="Just this repository; repeatable."
    )
    @click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
    @click.option("--check", is_flag=True, help="As --dry-run; exit 3 when something would change.")
    @click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
    @click.option("--quiet", is_flag=True, help="Say nothing on the way, and at the end only what failed.")
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
                raise click.UsageError(f"--repo {repository!r} is not owner/name")
        for organisation in organisations:
            if not is_repository(f"{organisation}/any"):
                raise click.UsageError(f"--org {organisation!r} is not the name of an organisation")
        settings = read_settings()
        data, dry_run = data or data_folder(), dry_run or check
        progress = progress_for(quiet)
        scratch = contextlib.ExitStack()
        try:
            if dry_run and not database_path(data, FEDERATION).exists():
                # nothing is changed: no empty registry is left behind either
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
            raise click.ClickException(f"it stopped before its end, and what it had saved stays: {error}") from None
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
        for fault in result.faults:
            click.echo(f"Not fetched: {fault}.", err=True)
        if not quiet or not result.is_whole:
            click.echo(summary(result, dry_run), err=True)
        if not result.is_whole:
            sys.exit(1)
        if check and result.changes_something:
            sys.exit(CHANGES_PENDING)

    return command


def nothing_in(folder: Path, names: Sequence[str]) -> str:
    """Why a folder gave nothing, in a sentence."""
    if names:
        return f"nothing to sync was found: {folder} holds nothing of {', '.join(names)}"
    return f"nothing to sync was found: is {folder} the folder of the owners' folders?"


def print_diff(result: SyncResult) -> None:
    """What would change, and what of the files that were read is not understood."""
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
    """One line that says what happened."""
    counts = ", ".join(f"{number} {action}" for action, number in result.diff.counts().items())
    beginning = "Would sync" if dry else "Synced"
    not_fetched = f"; {result.not_fetched} could not be fetched" if result.not_fetched else ""
    skipped = f"; {result.skipped} files skipped, which another sync fetched later" if result.skipped else ""
    where = "" if dry else " (see /problems)"
    return f"{beginning}: {counts}; {plural(result.problems, 'problem')} in the files{where}{not_fetched}{skipped}."


def _shown(value: str | None) -> str:
    if value is None:
        return "nothing"
    text = " ".join(value.split())
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")
