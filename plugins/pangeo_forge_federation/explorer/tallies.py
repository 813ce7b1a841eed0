"""The row count and the facets of the list of recipe runs, from a roll-up: counting a million rows takes too long."""

from collections.abc import Iterable, Mapping
from typing import Any

from datasette.utils import path_with_replaced_args

from pangeo_forge_federation.explorer.links import Links

TABLE = "recipe_run_summaries"
# the columns of the roll-up
COLUMNS = ("status", "bakery_id", "is_test")


def covers(table: str | None, arguments: Any) -> bool:
    """Return whether the roll-up has the numbers for a page, which is the case if it has all columns of the filters."""
    if table != TABLE or "_where" in arguments or "_search" in arguments:
        return False
    filters = [name for name in arguments if not name.startswith("_")]
    return (
        set(filters) <= set(COLUMNS)
        and all(len(arguments.getlist(name)) == 1 for name in filters)
        # SQLite would also match 01 as 1
        and arguments.get("is_test", "0") in ("0", "1")
    )


def count(rows: Iterable[Mapping[str, Any]], arguments: Any) -> int:
    """Return the number of recipe runs that match the filters. Rows have the columns and `recipe_runs`."""
    chosen = {name: arguments[name] for name in COLUMNS if name in arguments}
    return sum(row["recipe_runs"] for row in rows if _matches(row, chosen))


def tallies(rows: Iterable[Mapping[str, Any]], request: Any, links: Links) -> list[dict[str, Any]]:
    """Return the facet results for Datasette's template. Rows have the columns and `recipe_runs`."""
    chosen = {name: request.args[name] for name in COLUMNS if name in request.args}
    rows = list(rows)
    found = []
    for column in COLUMNS:
        counts: dict[Any, int] = {}
        others = {name: value for name, value in chosen.items() if name != column}
        for row in rows:
            if _matches(row, others):
                counts[row[column]] = counts.get(row[column], 0) + row["recipe_runs"]
        values = sorted(counts.items(), key=lambda pair: -pair[1])
        found.append(
            {
                "name": column,
                "type": "column",
                "hideable": False,
                "truncated": False,
                "results": [
                    _result(request, links, column, value, count, chosen.get(column)) for value, count in values
                ],
            }
        )
    return found


def _matches(row: Mapping[str, Any], filters: Mapping[str, str]) -> bool:
    return all(_equal(name, row[name], value) for name, value in filters.items())


def _equal(column: str, value: Any, filter_value: str) -> bool:
    # the ids of bakeries are case-insensitive
    return value.lower() == filter_value.lower() if column == "bakery_id" else str(value) == filter_value


def _result(request: Any, links: Links, column: str, value: Any, count: int, chosen: str | None) -> dict[str, Any]:
    selected = chosen is not None and _equal(column, value, chosen)
    toggled = path_with_replaced_args(request, {column: None if selected else value, "_next": None})
    return {"value": value, "label": value, "count": count, "selected": selected, "toggle_url": links.path(toggled)}
