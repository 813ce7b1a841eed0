"""`forge validate PATH`: problems as compilers print them, and as GitHub marks them in a pull request."""

import json
from pathlib import Path
from typing import Any

import click

from federation.client.errors import FAILED
from federation.client.github_actions import annotation, is_running
from federation.client.validating import KINDS, NothingThere, check, files_at, kind_of


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--as", "kind", type=click.Choice(KINDS), help="What the files are.  [default: by their names]")
@click.option("--strict", is_flag=True, help="Exit 1 on warnings too.")
@click.option(
    "--annotations/--no-annotations", default=None, help="GitHub's annotations beside.  [default: in GitHub Actions]"
)
@click.option("--json", "as_json", is_flag=True, help="The problems as JSON.")
def validate(paths: tuple[Path, ...], kind: str | None, strict: bool, annotations: bool | None, as_json: bool) -> None:
    """Check a meta.yaml or a bakeries.yaml, by the parser with which the registry reads them.

    PATHS are files, or folders of checkouts. Prints `file:line:column: severity: message [pointer]`. The exit code is 1
    when there are errors. Nothing is sent.
    """
    marks = is_running() if annotations is None else annotations
    found: list[dict[str, Any]] = []
    for path in paths:
        try:
            for file in files_at(path):
                problems = check(file, kind or kind_of(file))
                found += [{"file": str(file), **vars(problem)} for problem in problems]
        except NothingThere as error:
            raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        for problem in found:
            click.echo(_line(problem))
            if marks:
                place = {"file": problem["file"], "line": problem["line"], "col": problem["column"]}
                click.echo(annotation(problem["severity"], problem["message"], **place))
    if any(strict or problem["severity"] == "error" for problem in found):
        raise SystemExit(FAILED)


def _line(problem: dict[str, Any]) -> str:
    places = [problem["file"], *(str(problem[name]) for name in ("line", "column") if problem[name] is not None)]
    pointer = f" [{problem['pointer']}]" if problem["pointer"] else ""
    return f"{':'.join(places)}: {problem['severity']}: {problem['message']}{pointer}"
