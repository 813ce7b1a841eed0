"""`forge runs import FILE`: record the runs of another system in bulk."""

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

import click

from pangeo_forge_federation.client.checking import run_errors
from pangeo_forge_federation.client.commands.session import Session, pass_session, say
from pangeo_forge_federation.client.commands.writing import need_token
from pangeo_forge_federation.client.endpoints import records
from pangeo_forge_federation.client.import_mapping import ORCHESTRATOR, BadRow, Mapper
from pangeo_forge_federation.client.import_rows import FORMATS, BadFile, Row, read_rows
from pangeo_forge_federation.client.import_runs import Importer
from pangeo_forge_federation.command_line.progress import Bar, Progress

HELP = """Record runs from another system, from a file in NDJSON, JSON or CSV.

The columns of the file are fields of a recipe run, as in the output of `forge runs list --csv`; use --map for columns
that have other names. A run without an external id gets one that is derived from its row. Runs that are already
recorded are skipped, so an import that was interrupted can simply be started again.

Rows that are refused are reported with their line numbers, and the others are recorded. The exit code is then 1.

With --system orchestrator, the file contains runs from the API of pangeo-forge-orchestrator, with head_sha, started_at,
status and conclusion, and dataset_public_url. That API identifies feedstocks and bakeries by numbers, so --feedstocks
and --bakeries take its lists of both."""


@click.command("import", help=HELP)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Format of the file; json is one array.  [default: from the name of the file, or its content]",
)
@click.option(
    "--map", "renamed", multiple=True, metavar="COLUMN=FIELD", help="Read a column as this field. Can be repeated."
)
@click.option(
    "--set", "constants", multiple=True, metavar="FIELD=VALUE", help="Set a field of every run. Can be repeated."
)
@click.option("--system", type=click.Choice([ORCHESTRATOR]), help="The system that the file comes from.")
@click.option(
    "--feedstocks",
    type=click.Path(path_type=Path),
    help="File with a JSON array of the system's feedstocks, each with id and spec.",
)
@click.option(
    "--bakeries",
    type=click.Path(path_type=Path),
    help="File with a JSON array of the system's bakeries, each with id and name.",
)
@click.option("--dry-run", is_flag=True, help="Only check the runs, and print them as NDJSON as they would be sent.")
@pass_session
def import_command(
    session: Session,
    file: BinaryIO,
    form: str | None,
    renamed: tuple[str, ...],
    constants: tuple[str, ...],
    system: str | None,
    feedstocks: Path | None,
    bakeries: Path | None,
    dry_run: bool,
) -> None:
    mapper = Mapper(
        names={old: _field(new) for old, new in map(_pair, renamed)},
        constants={_field(name): _value(name, text) for name, text in map(_pair, constants)},
        system=system,
        feedstocks=_names(feedstocks, "spec"),
        bakeries=_names(bakeries, "name"),
    )
    name = getattr(file, "name", "-")
    refused: list[int] = []

    def refuse(line: int, reason: str) -> None:
        refused.append(line)
        progress.say(f"{name}:{line}: {reason}")

    progress = Bar() if sys.stderr.isatty() else _Quiet()
    try:
        rows = _first_checked(read_rows(file, name, form, mapper.names), mapper)
        if dry_run:
            _print(rows, mapper, refuse)
        else:
            client = need_token(session)
            done = Importer(client, refuse, lambda rows: progress.step("rows", rows, None)).run(rows, mapper)
            progress.close()
            say(f"{done.recorded:,} recorded, {done.existing:,} already recorded, {done.refused:,} refused.")
    except BadFile as error:
        raise click.ClickException(f"cannot read {name}: {error}") from None
    finally:
        progress.close()
    if refused:
        raise SystemExit(1)


class _Quiet(Progress):
    """Shows messages, but no progress."""

    def say(self, text: str) -> None:
        say(text)


def _first_checked(rows: Any, mapper: Mapper) -> Any:
    """Yield the rows. Raises UsageError for unknown columns in the first one, rather than refusing every row."""
    for index, row in enumerate(rows):
        if index == 0 and (unknown := mapper.unknown(row.values)):
            raise click.UsageError(
                f"the file has columns that are not fields of a recipe run: {', '.join(unknown)}. Use --map, for "
                f"example --map {unknown[0]}=FIELD, or remove them from the file."
            )
        yield row


def _print(rows: Any, mapper: Mapper, refuse: Any) -> None:
    row: Row
    for row in rows:
        try:
            if row.error:
                raise BadRow(row.error)
            run = mapper.run_of(row.values)
            if errors := run_errors(run):
                raise BadRow("; ".join(errors))
            click.echo(json.dumps(run, ensure_ascii=False))
        except BadRow as error:
            refuse(row.line, str(error))


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _field(name: str) -> str:
    accepted = [each for each, field in records()["RecipeRun"].items() if field.create]
    if name not in accepted:
        raise click.UsageError(f"{name!r} is not a field of a new recipe run; the fields are {', '.join(accepted)}")
    return name


def _value(name: str, text: str) -> Any:
    try:
        return records()["RecipeRun"][name].read(text)
    except ValueError as error:
        raise click.UsageError(f"{name} {error}") from None


def _names(path: Path | None, key: str) -> dict[str, str]:
    """Return id -> name, from a file with a JSON array of objects."""
    if path is None:
        return {}
    try:
        return {str(each["id"]): str(each[key]) for each in json.loads(path.read_bytes())}
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise click.UsageError(f"{path} does not contain a JSON array of objects with id and {key}") from None
