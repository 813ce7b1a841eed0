"""What somebody may have meant who asked for a page that is not there."""

import difflib
from typing import Any

from datasette.utils import tilde_decode

from federation.explorer.links import Links
from federation.explorer.queries import Queries

SUGGESTIONS = 5
LEAST_SIMILAR = 0.5


def nearest(queries: Queries, path: str, links: Links) -> list[dict[str, Any]]:
    """[{kind, id, href}] of the ids that are most like the last part of a path."""
    *before, wanted = [tilde_decode(part) for part in path.strip("/").split("/")]
    wanted = wanted.lower()
    pages = {"feedstocks": links.feedstock, "bakeries": links.bakery, "maintainers": links.maintainer}
    asked_kind = before[-1] if before and before[-1] in pages else None
    known = [row for row in queries.rows("known_ids") if asked_kind is None or row["kind"] == asked_kind]
    # what is left out at an end is a small slip, however much of the whole it is
    scored = sorted(
        ((_likeness(wanted, row["id"].lower()), row["kind"], row["now"]) for row in known),
        key=lambda each: (-each[0], each[2]),
    )
    found: dict[tuple[str, str], None] = {}
    for likeness, kind, now in scored:
        if likeness >= LEAST_SIMILAR:
            found.setdefault((kind, now))
    return [{"kind": kind, "id": now, "href": pages[kind](now)} for kind, now in list(found)[:SUGGESTIONS]]


def _likeness(wanted: str, known: str) -> float:
    if not wanted:
        return 0.0
    if known.startswith(wanted) or wanted in known.split("."):
        return 0.95
    return difflib.SequenceMatcher(None, wanted, known).ratio()
