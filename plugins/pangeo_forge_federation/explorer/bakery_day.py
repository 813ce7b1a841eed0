"""A day of a bakery: the list of its recipe runs, where the bars of its strip lead."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from datasette.utils.asgi import BadRequest

from pangeo_forge_federation.explorer.links import Links


def day_of_bakery(arguments: Mapping[str, str], links: Links, values: Mapping[str, Any]) -> str | None:
    """The address of the list where `?day=` names a day. Raises BadRequest."""
    if "day" not in arguments:
        return None
    day = day_of(arguments["day"])
    filters = {"bakery_id": values["bakery_id"], "run_date__gte": day, "run_date__lt": day + timedelta(days=1)}
    return links.table("recipe_run_summaries", **filters)


def day_of(text: str) -> date:
    """Raises BadRequest."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"day={text} is no day: write it as 2026-11-24") from error
