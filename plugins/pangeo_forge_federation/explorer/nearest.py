"""Suggestions for a page that does not exist."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from datasette.utils import tilde_decode

from pangeo_forge_federation.explorer.links import Links
from pangeo_forge_federation.explorer.queries import Queries

SUGGESTIONS = 5
LEAST_SIMILAR = 0.6
# the time to compare two ids is proportional to the product of their lengths
LONGEST = 100


def nearest(queries: Queries, path: str, links: Links) -> list[dict[str, Any]]:
    """Return {kind, id, href} of the ids that are most similar to the last segment of a path."""
    *before, wanted = [tilde_decode(part) for part in path.strip("/").split("/")]
    wanted = wanted.lower()[:LONGEST]
    if not wanted:
        return []
    pages = {"feedstocks": links.feedstock, "bakeries": links.bakery, "maintainers": links.maintainer}
    kind = before[-1] if before and before[-1] in pages else None
    known = {row["id"].lower(): row for row in queries.rows("known_ids") if kind in (None, row["kind"])}
    return [{"kind": kind, "id": key, "href": pages[kind](key)} for kind, key in _similar(wanted, known)[:SUGGESTIONS]]


def _similar(wanted: str, known: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return (kind, current id) of ids that start with `wanted`, then of ids with a similar spelling."""
    with_prefix = [name for name in known if name.startswith(wanted)]
    similar = get_close_matches(wanted, known, SUGGESTIONS, LEAST_SIMILAR)
    return list(dict.fromkeys((known[name]["kind"], known[name]["now"]) for name in (*with_prefix, *similar)))
