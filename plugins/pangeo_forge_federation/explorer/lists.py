"""Pages of lists: which columns they show first, the headings, and the endpoint with the same list."""

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
# Parameters of pages that do not filter the list
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
class Shown:
    """What the page of a list shows first."""

    # the canned query of the same list
    query: str
    # column -> heading
    columns: Mapping[str, str]


LISTS = {
    "feedstock_summaries": Shown(
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
    "recipe_run_summaries": Shown(
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
    "dataset_summaries": Shown(
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
    "bakery_summaries": Shown(
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
    "maintainer_summaries": Shown(
        "list_maintainers",
        {"github": "Maintainer", "name": "Name", "orcid": "ORCID", "feedstocks_count": "Feedstocks"},
    ),
    "problems": Shown(
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
    """Return the headings of the columns shown first, by column; None if the request chooses columns or wants all."""
    shown = LISTS.get(table or "")
    if shown is None or any(name in arguments for name in ("_col", "_nocol", ALL_COLUMNS)):
        return None
    return shown.columns if set(shown.columns) <= set(columns or ()) else None


@dataclass(frozen=True)
class NotUnderstood:
    """A filter of a page that Datasette misreads."""

    argument: str
    column: str
    # None if the column is unknown
    operator: str | None
    # the argument that was probably meant
    meant: str | None


def filters_not_understood(table: str, columns: list[str] | None, arguments: Any) -> list[NotUnderstood]:
    """Return the filters of a page that Datasette misreads.

    SQLite reads the name of an unknown column as a string, and Datasette ignores filters with an unknown operator.
    `columns` are those of the page, which may be fewer than those that can be filtered.
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
            found.append(NotUnderstood(argument, column, None, meant))
        elif "__" in argument and operator not in operators:
            near = get_close_matches(operator.lower(), operators, 1)
            found.append(NotUnderstood(argument, column, operator, f"{column}__{near[0]}" if near else None))
    return found


def endpoint_urls(services: Services, links: Links, table: str | None, arguments: Any) -> dict[str, str]:
    """Return the endpoint's addresses of the list that a page shows, by the text of their links.

    Empty if the endpoint does not have such a list.
    """
    shown = LISTS.get(table or "")
    if shown is None:
        return {}
    query = services.queries[shown.query]
    asked = [(name, value) for name in arguments for value in arguments.getlist(name) if name not in _OF_THE_PAGE]
    # the page includes rows that the endpoint leaves out by default
    named = {name.split("__")[0] for name, _ in asked}
    asked += [(_lifting(name), "0,1") for name in query.defaults if name.split("__")[0] not in named]
    try:
        read_list_request(query, query.path, urlencode(asked), services.settings.home_organisation)
    except ProblemDetails:
        return {}
    return links.formats(query.path, asked)


def _lifting(default: str) -> str:
    """Return the name of the filter that, with the value `0,1`, includes all rows that a default leaves out."""
    return default if default.endswith("__isnull") else f"{default}__in"
