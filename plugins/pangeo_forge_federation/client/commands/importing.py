"""`forge runs import FILE`: history from another system, in bulk."""

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

import click

from pangeo_forge_federation.client.checking import faults_of
from pangeo_forge_federation.client.commands.session import Session, pass_session, say
from pangeo_forge_federation.client.commands.writing import need_token
from pangeo_forge_federation.client.endpoints import records
from pangeo_forge_federation.client.import_mapping import ORCHESTRATOR, BadRow, Mapper
from pangeo_forge_federation.client.import_rows import FORMATS, BadFile, Row, read_rows
from pangeo_forge_federation.client.import_runs import Importer
from pangeo_forge_federation.command_line.progress import Bar, Progress

HELP = """Record history from another system: NDJSON, a JSON array or CSV.

Columns are fields of a recipe run, as `forge runs list --csv` writes them; --map renames others. Each run needs an
external id of its own; one is derived from the row where there is none. So an import that was cut off is just started
again: what is recorded is found, and left.

--system orchestrator reads what the API that ran before gave: head_sha, started_at, status with conclusion,
dataset_public_url. It has numbers for feedstocks and bakeries: --feedstocks and --bakeries are its own lists of them.

What is refused is told with its line, and the rest recorded; the exit code is then 1."""


@click.command("import", help=HELP)
@click.argument("file", type=click.File("rb"))
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by the name, else by what it holds]")
@click.option("--map", "renamed", multiple=True, metavar="COLUMN=FIELD", help="A column that has another name.")
@click.option("--set", "constants", multiple=True, metavar="FIELD=VALUE", help="The same for every run.")
@click.option("--system", type=click.Choice([ORCHESTRATOR]), help="The file is of this system.")
@click.option("--feedstocks", type=click.Path(path_type=Path), help="JSON array of its feedstocks: id, spec.")
@click.option("--bakeries", type=click.Path(path_type=Path), help="JSON array of its bakeries: id, name.")
@click.option("--dry-run", is_flag=True, help="Check the runs, and print them as they would be sent, as NDJSON.")
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

    def refuse(line: int, words: str) -> None:
        refused.append(line)
        progress.say(f"{name}:{line}: {words}")

    progress = Bar() if sys.stderr.isatty() else _Quiet()
    try:
        rows = _first_checked(read_rows(file, name, form, mapper.names), mapper)
        if dry_run:
            _print(rows, mapper, refuse)
        else:
            client = need_token(session)
            done = Importer(client, refuse, lambda rows: progress.step("rows", rows, None)).run(rows, mapper)
            progress.close()
            say(f"Recorded {done.recorded:,}; there already {done.there:,}; refused {done.refused:,}.")
    except BadFile as error:
        raise click.ClickException(f"{name} cannot be read: {error}") from None
    finally:
        progress.close()
    if refused:
        raise SystemExit(1)


class _Quiet(Progress):
    """No progress, but what a person should know."""

    def say(self, text: str) -> None:
        say(text)


def _first_checked(rows: Any, mapper: Mapper) -> Any:
    """The rows. A column that means nothing is said of the first one, and not a million times."""
    for index, row in enumerate(rows):
        if index == 0 and (unknown := mapper.unknown(row.values)):
            raise click.UsageError(
                f"{', '.join(unknown)}: no field of a recipe run. Rename it with --map {unknown[0]}=FIELD, or leave it "
                "out of the file."
            )
        yield row


def _print(rows: Any, mapper: Mapper, refuse: Any) -> None:
    row: Row
    for row in rows:
        try:
            if row.fault:
                raise BadRow(row.fault)
            run = mapper.run_of(row.values)
            if faults := faults_of(run):
                raise BadRow("; ".join(faults))
            click.echo(json.dumps(run, ensure_ascii=False))
        except BadRow as error:
            refuse(row.line, str(error))


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"{text!r} has no =")
    return name, value


def _field(name: str) -> str:
    taken = [each for each, field in records()["RecipeRun"].items() if field.create]
    if name not in taken:
        raise click.UsageError(f"{name!r} is no field that a recipe run takes; there are {', '.join(taken)}")
    return name


def _value(name: str, text: str) -> Any:
    try:
        return records()["RecipeRun"][name].read(text)
    except ValueError as error:
        raise click.UsageError(f"{name} {error}") from None


def _names(path: Path | None, key: str) -> dict[str, str]:
    """Number -> name, from a JSON array of objects."""
    if path is None:
        return {}
    try:
        return {str(each["id"]): str(each[key]) for each in json.loads(path.read_bytes())}
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise click.UsageError(f"{path} is no JSON array of objects with id and {key}") from None
