"""A command for every endpoint that can be read, made from the table of them: path, filters and columns are options."""

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
# Path segments that have another name on the command line.
SHORT = {"recipe_runs": "runs", "sync_runs": "syncs"}
# What is read and is no record: path -> what it is.
FILES = {
    "/feed.atom": "Atom feed of runs that ended.",
    "/feedstocks/{feedstock_id}/feed.atom": "Atom feed of its runs that ended.",
    "/feedstocks/{feedstock_id}/badge.svg": "Badge of its latest run, as SVG.",
    "/bakeries/{bakery_id}/feed.atom": "Atom feed of its runs that ended.",
    "/metrics": "Metrics for Prometheus, where the registry gives them.",
    "/openapi.json": "The API as an OpenAPI 3.1 document.",
}
_FILTER = "where_"
_OPERATORS_HELP = (
    "Every filter also goes with an operator at its end, such as `--{example}-gte`: {operators}. Filters hold "
    "together; times may be cut to a day, a month or a year; the API's spelling, `--{column}__gte`, is understood too."
)


def command_names(path: str, one: bool) -> tuple[str, ...]:
    """What reads a path: `/feedstocks/{feedstock_id}/recipe_runs` is `feedstocks runs`."""
    words = [SHORT.get(part, part.partition(".")[0]) for part in path.strip("/").split("/") if part[0] != "{"]
    if len(words) > 1 or (one and not path_parameters(path)):
        return tuple(words)
    return (words[0], "show" if one else "list")


def words_of_group(name: str) -> str:
    """What a group of commands is about, as the endpoint that comes first in it says."""
    first = next(each for each in endpoints().values() if command_names(each.path, each.one)[0] == name)
    return f"{(first.description or first.title).rstrip('.')}."


def read_commands() -> Mapping[tuple[str, ...], Callable[[], click.Command]]:
    """What makes the command of each endpoint, by its words: there are thousands of options in all of them."""
    found: dict[tuple[str, ...], Callable[[], click.Command]] = {}
    for endpoint in endpoints().values():
        make = _show_command if endpoint.one else _list_command
        names = command_names(endpoint.path, endpoint.one)
        found[names] = partial(make, endpoint, names[-1])
    for path, words in FILES.items():
        names = command_names(path, True)
        found[names] = partial(_file_command, path, words, names[-1])
    return found


def format_options(list_formats: bool = True) -> list[click.Option]:
    """--json, and for lists --csv and --nl."""
    options = [click.Option(["--json", "form"], flag_value=JSON, help="JSON.")]
    if list_formats:
        options += [
            click.Option(["--nl", "form"], flag_value=NDJSON, help="JSON, one object a line."),
            click.Option(["--csv", "form"], flag_value=CSV, help="CSV with a header."),
        ]
    return options


def api_spelling(name: str) -> str:
    """Options may be spelled as the API has them, `--run_date__gte`."""
    return re.sub("_+", "-", name)


def _arguments(path: str) -> list[click.Argument]:
    # what is named by a bare id is called so
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
        wanted = _wanted(endpoint, columns, form or TABLE)
        if wanted != list(endpoint.fields):
            parameters.append(("_col", ",".join(wanted)))
        size = LARGEST_PAGE if everything else min(limit, LARGEST_PAGE)
        pages: Pages[dict[str, Any]] = Pages(
            session.client.transport, endpoint, fill(endpoint.path, *ids), parameters, size
        )
        if everything:
            # rows on a terminal show themselves how far they are
            progress = Bar() if sys.stderr.isatty() and not sys.stdout.isatty() else Progress()
            try:
                write_rows(_picked(_followed(pages, progress), wanted), wanted, form or TABLE)
            finally:
                progress.close()
            return
        rows, is_more = pages.first(limit)
        write_rows(_picked(rows, wanted), wanted, form or TABLE)
        if is_more and limit == DEFAULT_LIMIT:
            say(f"These are the first {len(rows):,}; --all gives all that there are, --limit another number.")

    return click.Command(
        name,
        callback=run,
        help=_help(endpoint),
        epilog=_operators_help(endpoint),
        params=[*_arguments(endpoint.path), *_list_options(endpoint)],
        context_settings={"token_normalize_func": api_spelling},
    )


def _picked(rows: Iterable[Mapping[str, Any]], columns: list[str]) -> Iterator[dict[str, Any]]:
    """The rows with their columns in the order in which they were asked for."""
    for row in rows:
        yield {name: row[name] for name in columns}


def _followed(pages: Pages[Any], progress: Progress) -> Iterator[Any]:
    """All rows; where somebody watches, with a bar."""
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
        asked = {key: str(value) for key, value in given.items() if value is not None}
        record = session.client.record(endpoint.name, *ids, **asked)
        if columns:
            record = {name: record[name] for name in _known(endpoint, columns)}
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


def _file_command(path: str, words: str, name: str) -> click.Command:
    @pass_session
    def run(session: Session, **ids: str) -> None:
        sys.stdout.buffer.write(session.client.transport.get(fill(path, *ids.values())).body)
        sys.stdout.buffer.flush()

    return click.Command(name, callback=run, help=words, params=[*_arguments(path)])


@click.command()
@click.option("--json", "form", flag_value=JSON, help="JSON.")
@pass_session
def health(session: Session, form: str | None) -> None:
    """Whether the registry works."""
    write_record(session.client.health(), records()["Health"], form or TABLE)


def _help(endpoint: Endpoint) -> str:
    text = endpoint.title.rstrip(".") + "."
    if endpoint.description:
        text += f"\n\n{endpoint.description}"
    if endpoint.defaults:
        named = ", ".join(f"{name}={value}" for name, value in endpoint.defaults.items())
        text += f"\n\nUnless that column is asked for: {named}."
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
        options.append(click.Option(["--sort"], type=sorts, help="Sort by this column, upwards."))
        options.append(click.Option(["--sort-desc"], type=sorts, help="The same, downwards."))
    limit = click.IntRange(min=1)
    options.append(
        click.Option(["--limit"], type=limit, default=DEFAULT_LIMIT, show_default=True, help="Rows at most.")
    )
    options.append(click.Option(["--all", "everything"], is_flag=True, help="All rows, page by page."))
    return [*options, _columns_option(), *format_options()]


def _columns_option() -> click.Option:
    return click.Option(["--columns"], metavar="A,B", help="Just these columns.")


def _filter_options(name: str, described: Field) -> Iterator[click.Option]:
    option = f"--{name.replace('_', '-')}"
    if described.kind == "boolean":
        flags = f"{option}/--no-{name.replace('_', '-')}"
        yield click.Option([flags, f"{_FILTER}{name}"], default=None, help=described.description)
    else:
        names, words = [option, f"{_FILTER}{name}"], described.description
        yield click.Option(names, multiple=True, metavar=described.metavar, help=words)
    for operator, told in operators().items():
        if described.kind in told.kinds:
            yield click.Option([f"{option}-{operator}", f"{_FILTER}{name}__{operator}"], multiple=True, hidden=True)


def _operators_help(endpoint: Endpoint) -> str:
    column = next((name for name, each in endpoint.fields.items() if each.kind == "time"), next(iter(endpoint.fields)))
    words = ", ".join(f"-{name} ({each.description})" for name, each in operators().items())
    return _OPERATORS_HELP.format(example=column.replace("_", "-"), column=column, operators=words)


def _filters(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if isinstance(value, bool):
            yield name.removeprefix(_FILTER), "true" if value else "false"
        elif value:
            yield from ((name.removeprefix(_FILTER), each) for each in value)


def _wanted(endpoint: Endpoint, columns: str | None, form: str) -> list[str]:
    if columns:
        return _known(endpoint, columns)
    if form == TABLE:
        return list(columns_of(endpoint.record))
    return list(endpoint.fields)


def _known(endpoint: Endpoint, columns: str) -> list[str]:
    """The columns in the order in which they are asked for. Raises UsageError."""
    wanted: Iterable[str] = list_of(columns)
    for name in wanted:
        if name not in endpoint.fields:
            raise click.UsageError(f"there is no column {name!r}; there are {', '.join(endpoint.fields)}")
    return list(dict.fromkeys(wanted))
