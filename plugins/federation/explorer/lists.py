"""The lists: which columns of a view a person reads first, what they are called, and the same list as an endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlencode

from federation.descriptions import column_descriptions
from federation.errors import ProblemDetails
from federation.explorer.links import Links
from federation.list_requests import read_list_request
from federation.registry import Registry

ALL_COLUMNS = "_columns"
# Datasette's own parameters that say how its page looks, and nothing of which rows there are
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
    """What a list shows first, and where the same is as JSON."""

    # the canned query that answers the same as JSON
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
    """Column -> heading of what is shown first. None where somebody chose columns themselves, or all are asked for."""
    shown = LISTS.get(table or "")
    if shown is None or any(name in arguments for name in ("_col", "_nocol", ALL_COLUMNS)):
        return None
    return shown.columns if set(shown.columns) <= set(columns or ()) else None


def unknown_columns(table: str, columns: list[str] | None, arguments: Any) -> list[tuple[str, str | None]]:
    """The filters of a page whose column is not there, of which SQLite makes a text: (filter, the one that was meant).

    The columns that a page has may be a choice of those that can be filtered by.
    """
    known = {name.lower(): name for name in (*column_descriptions().get(table, ()), *(columns or ()))}
    found = []
    for name in arguments:
        column, operator = name.split("__", 1) if "__" in name else (name, "")
        if name.startswith("_") or column.lower() in known:
            continue
        near = get_close_matches(column.lower(), known, 1)
        found.append((name, "__".join(filter(None, (known[near[0]], operator))) if near else None))
    return found


def endpoint_urls(registry: Registry, links: Links, table: str | None, arguments: Any) -> dict[str, str]:
    """The list that a page shows, as our endpoint's JSON and CSV. Empty where the endpoint does not offer that."""
    shown = LISTS.get(table or "")
    if shown is None:
        return {}
    query = registry.queries[shown.query]
    asked = [(name, value) for name in arguments for value in arguments.getlist(name) if name not in _OF_THE_PAGE]
    try:
        read_list_request(query, query.path, urlencode(asked), registry.settings.home_organisation)
    except ProblemDetails:
        return {}
    question = urlencode(asked)
    return {
        "json": links.path(query.path) + (f"?{question}" if question else ""),
        "csv": links.path(query.path) + "?" + urlencode([*asked, ("_format", "csv")]),
    }
