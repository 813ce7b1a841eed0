"""`forge validate PATH`: print the problems of a file as compilers do, and as annotations in GitHub Actions."""

import json
from pathlib import Path

import click

from pangeo_forge_federation.client.commands.session import say
from pangeo_forge_federation.client.errors import FAILED
from pangeo_forge_federation.client.github_actions import annotation, is_running
from pangeo_forge_federation.client.validating import KINDS, NothingToCheck, check, files_at, kind_of
from pangeo_forge_federation.files.file_problems import ERROR, Problem, problem_line
from pangeo_forge_federation.values.plural import plural


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--as", "kind", type=click.Choice(KINDS), help="Kind of the files.  [default: by their names]")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings and notices, too.")
@click.option(
    "--annotations/--no-annotations",
    default=None,
    help="Whether to print GitHub annotations as well.  [default: only in GitHub Actions]",
)
@click.option("--json", "as_json", is_flag=True, help="Output the problems as JSON.")
def validate(paths: tuple[Path, ...], kind: str | None, strict: bool, annotations: bool | None, as_json: bool) -> None:
    """Check meta.yaml and bakeries.yaml files with the parsers that the registry uses.

    PATHS are files, or folders with a checkout of a repository. Each problem is printed as
    `file:line:column: severity: message [pointer]`. The exit code is 1 if there are errors. Nothing is sent.
    """
    annotate = is_running() if annotations is None else annotations
    found: list[tuple[str, Problem]] = []
    files = 0
    for path in paths:
        try:
            for file in files_at(path):
                files += 1
                found += [(str(file), problem) for problem in check(file, kind or kind_of(file))]
        except NothingToCheck as error:
            raise click.UsageError(str(error)) from None
    if as_json:
        problems = [{"file": name, **vars(problem)} for name, problem in found]
        click.echo(json.dumps(problems, ensure_ascii=False, indent=2))
    else:
        for name, problem in found:
            click.echo(problem_line(name, problem))
            if annotate:
                place = {"file": name, "line": problem.line, "col": problem.column}
                click.echo(annotation(problem.severity, problem.message, **place))
    if not found:
        say(f"No problems in {plural(files, 'file')}.")
    if any(strict or problem.severity == ERROR for _, problem in found):
        raise SystemExit(FAILED)
