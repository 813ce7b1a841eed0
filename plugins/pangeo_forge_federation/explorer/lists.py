"""The lists: which columns each shows by default, their headings, and the endpoint that returns the same list."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlencode

from datasette.filters import Filters

from pangeo_forge_federation.api.list_requests import read_list_request
from pangeo_forge_federation.api.services import Services
from pangeo_forge_federation.explorer.column_descriptions import column_descriptions
from pangeo_forge_federation.explorer.links import Links
from pangeo_forge_federation.problems import ProblemDetails

ALL_COLUMNS = "_columns"
# parameters that change how a page shows its list, or which part of it, but not what is in the list
_OF_THE_PAGE = (
    "_facet",
    "_facet_size",
    "_nofacet",
    "_nosuggest",
    "_nocount",
    "_size",
    "_next",
    "_trace",
    "_hide_sql",
    ALL_COLUMNS,
)


@dataclass(frozen=True)
class List:
    """The columns that a list shows by default, and the endpoint that returns the same list."""

    # the canned query of the endpoint
    query: str
    # column -> heading
    columns: Mapping[str, str]


LISTS = {
    "feedstock_summaries": List(
        "list_feedstocks",
        {
            "id": "Feedstock",
            "latest_recipe_run_status": "Latest run",
            "latest_recipe_run_date": "When",
            "last_success_at": "Last success",
            "recipe_runs_count": "Runs",
            "datasets_count": "Datasets",
            "problems_count": "Problems",
            "license_spdx": "Licence",
        },
    ),
    "recipe_run_summaries": List(
        "list_recipe_runs",
        {
            "id": "Run",
            "status": "Status",
            "feedstock_id": "Feedstock and recipe",
            "run_date": "When",
            "message": "Message",
            "bakery_id": "Bakery",
            "commit": "Commit",
        },
    ),
    "dataset_summaries": List(
        "list_datasets",
        {
            "id": "Dataset",
            "format": "Format",
            "last_success_at": "Written",
            "latest_recipe_run_status": "Latest run",
            "feedstock_id": "Feedstock",
            "retracted_at": "Retracted",
        },
    ),
    "bakery_summaries": List(
        "list_bakeries",
        {
            "id": "Bakery",
            "region": "Region",
            "cluster_type": "Cluster",
            "recipe_runs_count": "Runs",
            "recipe_runs_by_status": "By status",
            "datasets_count": "Datasets",
            "feedstocks_count": "Feedstocks",
        },
    ),
    "maintainer_summaries": List(
        "list_maintainers",
        {"github": "Maintainer", "name": "Name", "orcid": "ORCID", "feedstocks_count": "Feedstocks"},
    ),
    "problems": List(
        "list_problems",
        {
            "id": "No.",
            "severity": "Severity",
            "message": "Message",
            "feedstock_id": "Feedstock",
            "line": "Line",
            "source_file": "File",
            "found_at": "Found",
        },
    ),
}


def shown_columns(table: str | None, columns: list[str] | None, arguments: Any) -> Mapping[str, str] | None:
    """Return the default columns as column -> heading. None if the request selects columns, or all of them."""
    shown = LISTS.get(table or "")
    if shown is None or any(name in arguments for name in ("_col", "_nocol", ALL_COLUMNS)):
        return None
    return shown.columns if set(shown.columns) <= set(columns or ()) else None


@dataclass(frozen=True)
class InvalidFilter:
    """A filter of a page that has no effect, or not the intended one."""

    argument: str
    column: str
    # None if the column does not exist
    operator: str | None
    # the argument that was probably meant
    meant: str | None


def invalid_filters(table: str, columns: list[str] | None, arguments: Any) -> list[InvalidFilter]:
    """Return the filters of a page that name a column or an operator that does not exist.

    SQLite reads an unknown column name as a string, and Datasette ignores filters with an unknown operator. `columns`
    are the columns of the page, which can be fewer than those that can be filtered by.
    """
    known = {name.lower(): name for name in (*column_descriptions().get(table, ()), *(columns or ()))}
    operators = [key for key, _, _ in Filters([]).lookups()]
    found = []
    for argument in arguments:
        if argument.startswith("_"):
            continue
        column, _, operator = argument.rpartition("__") if "__" in argument else (argument, "", "")
        if column.lower() not in known:
            near = get_close_matches(column.lower(), known, 1)
            meant = "__".join(filter(None, (known[near[0]], operator))) if near else None
            found.append(InvalidFilter(argument, column, None, meant))
        elif "__" in argument and operator not in operators:
            near = get_close_matches(operator.lower(), operators, 1)
            found.append(InvalidFilter(argument, column, operator, f"{column}__{near[0]}" if near else None))
    return found


def endpoint_urls(services: Services, links: Links, table: str | None, arguments: Any) -> dict[str, str]:
    """Return the URLs of the endpoint's list by the text of their links. Empty if the endpoint lacks that list."""
    shown = LISTS.get(table or "")
    if shown is None:
        return {}
    query = services.queries[shown.query]
    parameters = [(name, value) for name in arguments for value in arguments.getlist(name) if name not in _OF_THE_PAGE]
    # the endpoint has default filters, which the page does not have
    named = {name.split("__")[0] for name, _ in parameters}
    parameters += [(_filter_for_all(name), "0,1") for name in query.defaults if name.split("__")[0] not in named]
    try:
        read_list_request(query, query.path, urlencode(parameters), services.settings.home_organisation)
    except ProblemDetails:
        return {}
    return links.formats(query.path, parameters)


def _filter_for_all(default: str) -> str:
    """Return the filter that, with the values `0,1`, overrides a default filter and matches all rows."""
    return default if default.endswith("__isnull") else f"{default}__in"
