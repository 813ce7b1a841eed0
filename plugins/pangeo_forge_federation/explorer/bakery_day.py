"""One day of a bakery: the list of recipe runs that a bar of its strip links to."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from datasette.utils.asgi import BadRequest

from pangeo_forge_federation.explorer.links import Links


def day_of_bakery(arguments: Mapping[str, str], links: Links, values: Mapping[str, Any]) -> str | None:
    """Return the URL of the list for the day in `?day=`, or None without it.

    Raises:
        BadRequest: if `day` is not a date.
    """
    if "day" not in arguments:
        return None
    day = parse_day(arguments["day"])
    filters = {"bakery_id": values["bakery_id"], "run_date__gte": day, "run_date__lt": day + timedelta(days=1)}
    return links.table("recipe_run_summaries", **filters)


def parse_day(text: str) -> date:
    """Return the date of a string such as `2026-11-24`.

    Raises:
        BadRequest: if it is not a date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"day={text} is not a date: use the format 2026-11-24") from error
