"""A command for each GET endpoint, generated from `api.json`, with its ids as arguments and its filters as options."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import click

from pangeo_forge_federation.client.commands.session import Session, pass_session, say
from pangeo_forge_federation.client.endpoints import (
    Endpoint,
    Field,
    endpoints,
    fill,
    operators,
    path_parameters,
    records,
)
from pangeo_forge_federation.client.output import CSV, JSON, NDJSON, TABLE, columns_of, write_record, write_rows
from pangeo_forge_federation.client.pages import LARGEST_PAGE, Pages
from pangeo_forge_federation.client.reader import list_of
from pangeo_forge_federation.command_line.progress import Bar, Progress

DEFAULT_LIMIT = 100
# Path segments with another name on the command line.
SHORT = {"recipe_runs": "runs", "sync_runs": "syncs"}
# Endpoints that return neither records nor lists: path -> help.
FILES = {
    "/feed.atom": "Print the Atom feed of finished recipe runs.",
    "/feedstocks/{feedstock_id}/feed.atom": "Print the Atom feed of a feedstock's finished recipe runs.",
    "/feedstocks/{feedstock_id}/badge.svg": "Print the badge of a feedstock's latest recipe run as SVG.",
    "/bakeries/{bakery_id}/feed.atom": "Print the Atom feed of a bakery's finished recipe runs.",
    "/metrics": "Print metrics for Prometheus, if the registry has them enabled.",
    "/openapi.json": "Print the OpenAPI 3.1 document of the API.",
}
_FILTER = "where_"
_OPERATORS_HELP = (
    "Every filter can be combined with an operator, as in `--{example}-gte`: {operators}. Rows must match all filters. "
    "Times can be shortened to a day, a month or a year. The API's spelling, `--{column}__gte`, also works."
)


def command_names(path: str, one: bool) -> tuple[str, ...]:
    """Return the command for a path: `/feedstocks/{feedstock_id}/recipe_runs` is `feedstocks runs`."""
    words = [SHORT.get(part, part.partition(".")[0]) for part in path.strip("/").split("/") if part[0] != "{"]
    if len(words) > 1 or (one and not path_parameters(path)):
        return tuple(words)
    return (words[0], "show" if one else "list")


def group_help(name: str) -> str:
    """Return the help of a group of commands, from the description of its first endpoint."""
    first = next(each for each in endpoints().values() if command_names(each.path, each.one)[0] == name)
    return f"{(first.description or first.title).rstrip('.')}."


def read_commands() -> Mapping[tuple[str, ...], Callable[[], click.Command]]:
    """Return functions that create the command of each endpoint, by its name.

    Commands are only created when they are used, since together they have thousands of options.
    """
    found: dict[tuple[str, ...], Callable[[], click.Command]] = {}
    for endpoint in endpoints().values():
        make = _show_command if endpoint.one else _list_command
        names = command_names(endpoint.path, endpoint.one)
        found[names] = partial(make, endpoint, names[-1])
    for path, help_text in FILES.items():
        names = command_names(path, True)
        found[names] = partial(_file_command, path, help_text, names[-1])
    return found


def format_options(list_formats: bool = True) -> list[click.Option]:
    """Return the option --json, and for lists --nl and --csv."""
    options = [click.Option(["--json", "form"], flag_value=JSON, help="Output JSON.")]
    if list_formats:
        options += [
            click.Option(["--nl", "form"], flag_value=NDJSON, help="Output newline-delimited JSON."),
            click.Option(["--csv", "form"], flag_value=CSV, help="Output CSV with a header."),
        ]
    return options


def api_spelling(name: str) -> str:
    """Normalise the name of an option, so that the API's spelling works as well: `--run_date__gte`."""
    return re.sub("_+", "-", name)


def _arguments(path: str) -> list[click.Argument]:
    return [click.Argument([name], metavar=name.upper()) for name in path_parameters(path)]


def _list_command(endpoint: Endpoint, name: str) -> click.Command:
    @pass_session
    def run(
        session: Session,
        form: str | None,
        columns: str | None,
        sort: str | None,
        sort_desc: str | None,
        limit: int,
        everything: bool,
        search: str | None = None,
        **given: Any,
    ) -> None:
        ids = [given.pop(parameter) for parameter in path_parameters(endpoint.path)]
        parameters = list(_filters(given))
        parameters += [(key, value) for key, value in (("_sort", sort), ("_sort_desc", sort_desc)) if value]
        if search is not None:
            parameters.append(("q", search))
        selected = _selected_columns(endpoint, columns, form or TABLE)
        if selected != list(endpoint.fields):
            parameters.append(("_col", ",".join(selected)))
        size = LARGEST_PAGE if everything else min(limit, LARGEST_PAGE)
        pages: Pages[dict[str, Any]] = Pages(
            session.client.transport, endpoint, fill(endpoint.path, *ids), parameters, size
        )
        if everything:
            # no bar if the rows themselves appear on the terminal
            progress = Bar() if sys.stderr.isatty() and not sys.stdout.isatty() else Progress()
            try:
                write_rows(_with_columns(_with_progress(pages, progress), selected), selected, form or TABLE)
            finally:
                progress.close()
            return
        rows, is_more = pages.first(limit)
        write_rows(_with_columns(rows, selected), selected, form or TABLE)
        if is_more and limit == DEFAULT_LIMIT:
            say(f"Showing the first {len(rows):,} rows. Use --all for all rows, or --limit for another number.")

    return click.Command(
        name,
        callback=run,
        help=_help(endpoint),
        epilog=_operators_help(endpoint),
        params=[*_arguments(endpoint.path), *_list_options(endpoint)],
        context_settings={"token_normalize_func": api_spelling},
    )


def _with_columns(rows: Iterable[Mapping[str, Any]], columns: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows with these columns, in this order."""
    for row in rows:
        yield {name: row[name] for name in columns}


def _with_progress(pages: Pages[Any], progress: Progress) -> Iterator[Any]:
    """Yield all rows, and update the bar if there is one."""
    if type(progress) is Progress:
        yield from pages
        return
    total, is_more = pages.count()
    done = 0
    for page in pages.pages():
        yield from page
        done += len(page)
        progress.step("rows", done, None if is_more else max(total, done))


def _show_command(endpoint: Endpoint, name: str) -> click.Command:
    @pass_session
    def run(session: Session, form: str | None, columns: str | None, **given: Any) -> None:
        ids = [given.pop(parameter) for parameter in path_parameters(endpoint.path)]
        parameters = {key: str(value) for key, value in given.items() if value is not None}
        record = session.client.record(endpoint.name, *ids, **parameters)
        if columns:
            record = {name: record[name] for name in _known_columns(endpoint, columns)}
        write_record(record, endpoint.fields, form or TABLE)

    options = [
        click.Option([f"--{each.replace('_', '-')}", each], help=endpoint.fields[each].description)
        for each in endpoint.parameters
    ]
    return click.Command(
        name,
        callback=run,
        help=_help(endpoint),
        params=[*_arguments(endpoint.path), *options, _columns_option(), *format_options(False)],
        context_settings={"token_normalize_func": api_spelling},
    )


def _file_command(path: str, help_text: str, name: str) -> click.Command:
    @pass_session
    def run(session: Session, **ids: str) -> None:
        sys.stdout.buffer.write(session.client.transport.get(fill(path, *ids.values())).body)
        sys.stdout.buffer.flush()

    return click.Command(name, callback=run, help=help_text, params=[*_arguments(path)])


@click.command()
@click.option("--json", "form", flag_value=JSON, help="Output JSON.")
@pass_session
def health(session: Session, form: str | None) -> None:
    """Check whether the registry is working."""
    write_record(session.client.health(), records()["Health"], form or TABLE)


def _help(endpoint: Endpoint) -> str:
    verb = "Show" if endpoint.one else "List"
    text = f"{verb} {endpoint.title[0].lower()}{endpoint.title[1:].rstrip('.')}."
    if endpoint.description:
        text += f"\n\n{endpoint.description}"
    if endpoint.defaults:
        filters = ", ".join(f"{name}={value}" for name, value in endpoint.defaults.items())
        text += f"\n\nDefault filters: {filters}. A filter on the same column replaces its default."
    return text


def _list_options(endpoint: Endpoint) -> list[click.Option]:
    options: list[click.Option] = []
    for name, each in endpoint.fields.items():
        if each.kind != "json":
            options += _filter_options(name, each)
    if endpoint.search:
        options.append(click.Option(["--search", "-q", "search"], metavar="WORDS", help="Full-text search."))
    if endpoint.sorts:
        sorts = click.Choice(endpoint.sorts)
        options.append(click.Option(["--sort"], type=sorts, help="Sort by this column, in ascending order."))
        options.append(click.Option(["--sort-desc"], type=sorts, help="Sort by this column, in descending order."))
    limit = click.IntRange(min=1)
    options.append(
        click.Option(["--limit"], type=limit, default=DEFAULT_LIMIT, show_default=True, help="Maximum number of rows.")
    )
    options.append(click.Option(["--all", "everything"], is_flag=True, help="List all rows."))
    return [*options, _columns_option(), *format_options()]


def _columns_option() -> click.Option:
    return click.Option(["--columns"], metavar="A,B", help="Show only these columns.")


def _filter_options(name: str, field: Field) -> Iterator[click.Option]:
    option = f"--{name.replace('_', '-')}"
    if field.kind == "boolean":
        flags = f"{option}/--no-{name.replace('_', '-')}"
        yield click.Option([flags, f"{_FILTER}{name}"], default=None, help=field.description)
    else:
        names = [option, f"{_FILTER}{name}"]
        yield click.Option(names, multiple=True, metavar=field.metavar, help=field.description)
    for suffix, operator in operators().items():
        if field.kind in operator.kinds:
            yield click.Option([f"{option}-{suffix}", f"{_FILTER}{name}__{suffix}"], multiple=True, hidden=True)


def _operators_help(endpoint: Endpoint) -> str:
    column = next((name for name, each in endpoint.fields.items() if each.kind == "time"), next(iter(endpoint.fields)))
    descriptions = ", ".join(f"-{name} ({each.description})" for name, each in operators().items())
    return _OPERATORS_HELP.format(example=column.replace("_", "-"), column=column, operators=descriptions)


def _filters(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if isinstance(value, bool):
            yield name.removeprefix(_FILTER), "true" if value else "false"
        elif value:
            yield from ((name.removeprefix(_FILTER), each) for each in value)


def _selected_columns(endpoint: Endpoint, columns: str | None, form: str) -> list[str]:
    if columns:
        return _known_columns(endpoint, columns)
    if form == TABLE:
        return list(columns_of(endpoint.record))
    return list(endpoint.fields)


def _known_columns(endpoint: Endpoint, columns: str) -> list[str]:
    """Return the columns of `--columns`, in their order. Raises UsageError if there is no such column."""
    names: Iterable[str] = list_of(columns)
    for name in names:
        if name not in endpoint.fields:
            raise click.UsageError(f"there is no column {name!r}; the columns are {', '.join(endpoint.fields)}")
    return list(dict.fromkeys(names))
