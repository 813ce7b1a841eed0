"""How long a recipe usually takes: the median, so that a single run that hung does not matter."""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from pangeo_forge_federation.explorer.queries import Queries

# the fewest runs from which to say what is usual
LEAST = 3


def median_seconds(rows: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the median of `seconds` in rows. None if there are too few of them."""
    seconds = [row["seconds"] for row in rows if row["seconds"] is not None]
    return median(seconds) if len(seconds) >= LEAST else None


def usual_seconds(queries: Queries, run: Mapping[str, Any]) -> float | None:
    """Return the median duration of the last successful runs of a run's recipe, excluding the run itself."""
    rows = queries.rows("durations_of_recipe", feedstock_id=run["feedstock_id"], recipe_id=run["recipe_id"])
    return median_seconds(row for row in rows if row["id"] != run["id"])
