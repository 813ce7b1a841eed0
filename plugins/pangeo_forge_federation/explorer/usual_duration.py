"""How long a recipe usually takes: the median, which one run that hung does not move."""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from pangeo_forge_federation.explorer.queries import Queries

# fewer say nothing of what is usual
LEAST = 3


def usual(rows: Iterable[Mapping[str, Any]]) -> float | None:
    """The median of rows with seconds. None where there are too few."""
    seconds = [row["seconds"] for row in rows if row["seconds"] is not None]
    return median(seconds) if len(seconds) >= LEAST else None


def usual_seconds(queries: Queries, run: Mapping[str, Any]) -> float | None:
    """The median of the last successful runs of a run's recipe, without the run itself."""
    rows = queries.rows("durations_of_recipe", feedstock_id=run["feedstock_id"], recipe_id=run["recipe_id"])
    return usual(row for row in rows if row["id"] != run["id"])
