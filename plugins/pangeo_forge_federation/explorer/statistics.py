"""The statistics page."""

from datetime import date
from typing import Any

from pangeo_forge_federation.explorer.queries import Queries
from pangeo_forge_federation.explorer.stacks import make_line, make_stacks
from pangeo_forge_federation.explorer.success_rate import success_rate


def statistics(queries: Queries) -> dict[str, Any]:
    """Return the data of the statistics page."""
    stats = queries.require("get_stats")
    stacks = make_stacks(
        stats["recipe_runs_by_day"], date.fromisoformat(stats["from_day"]), date.fromisoformat(stats["to_day"])
    )
    by_day = queries.rows("datasets_over_time")
    return {
        "stats": stats,
        "stacks": stacks,
        "datasets": by_day,
        "line": make_line(by_day, stacks.width),
        "success_rate": success_rate(stats["recipe_runs_by_status"]),
    }
