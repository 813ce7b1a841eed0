"""The home page: what the federation is doing, and what needs attention."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pangeo_forge_federation.explorer.queries import Queries
from pangeo_forge_federation.explorer.strip import Strip, make_strip
from pangeo_forge_federation.explorer.usual_duration import usual_seconds
from pangeo_forge_federation.explorer.windows import MONTH, QUARTER

# how many of each fit on the page; each section links to the full list
BAKERIES = 6
ATTENTION = 8
FILES = 5
UNDER_WAY = 8
DATASETS = 6


def home(queries: Queries) -> dict[str, Any]:
    """Return the data of the home page: counts, strips, what needs attention, what is running, and what is new."""
    now = datetime.now(UTC)
    stats = queries.require("get_stats", from_day=MONTH.since)
    strips, more_strips = bakery_strips(queries, now)
    attention = queries.rows("feedstocks_that_need_attention")
    problems = problems_by_repository(queries.rows("files_with_problems"))
    runs = {run["feedstock_id"] for run in attention}
    files = [each for each in problems if each["feedstock_id"] not in runs]
    of_runs = {each["feedstock_id"]: each["problems"] for each in problems if each["feedstock_id"] in runs}
    under_way = queries.rows("recipe_runs_under_way", bakery_id="")
    return {
        "stats": stats,
        "recent_runs": sum(sum(each["recipe_runs"].values()) for each in stats["recipe_runs_by_day"]),
        "empty": not (stats["bakeries"] or stats["feedstocks"] or stats["recipe_runs"]),
        "strips": strips,
        "more_strips": more_strips,
        "attention": [run | {"problems": of_runs.get(run["feedstock_id"])} for run in attention[:ATTENTION]],
        "more_attention": max(0, len(attention) - ATTENTION),
        "files": files[:FILES],
        "under_way": [run | {"usual": usual_seconds(queries, run)} for run in under_way[:UNDER_WAY]],
        "more_under_way": max(0, len(under_way) - UNDER_WAY),
        "datasets": queries.first_rows("list_datasets", DATASETS, "_sort_desc=created_at"),
    }


def problems_by_repository(files: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per repository, worst first: its worst file, with the number of problems in all of its files."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        first = found.setdefault(file["repository"], {**file, "problems": 0})
        first["problems"] += file["problems"]
    return list(found.values())


def bakery_strips(queries: Queries, now: datetime) -> tuple[list[tuple[str, Strip]], int]:
    """Return (bakery id, strip) for the busiest bakeries, busiest first, and the number of other bakeries."""
    by_bakery: dict[str, list[Mapping[str, Any]]] = {}
    for row in queries.rows("recipe_runs_by_day", bakery_id="", from_day=QUARTER.since):
        by_bakery.setdefault(row["bakery_id"], []).append(row)
    runs = {bakery_id: sum(row["recipe_runs"] for row in rows) for bakery_id, rows in by_bakery.items()}
    busiest = sorted(runs, key=lambda bakery_id: (-runs[bakery_id], bakery_id))[:BAKERIES]
    strips = [(bakery_id, make_strip(by_bakery[bakery_id], now.date())) for bakery_id in busiest]
    return strips, len(runs) - len(strips)
