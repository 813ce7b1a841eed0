"""What somebody may have meant who asked for a page that is not there."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from datasette.utils import tilde_decode

from pangeo_forge_federation.explorer.links import Links
from pangeo_forge_federation.explorer.queries import Queries

SUGGESTIONS = 5
LEAST_SIMILAR = 0.6
# comparing takes time by the product of both lengths
LONGEST = 100


def nearest(queries: Queries, path: str, links: Links) -> list[dict[str, Any]]:
    """[{kind, id, href}] of the ids that are most like the last part of a path."""
    *before, wanted = [tilde_decode(part) for part in path.strip("/").split("/")]
    wanted = wanted.lower()[:LONGEST]
    if not wanted:
        return []
    pages = {"feedstocks": links.feedstock, "bakeries": links.bakery, "maintainers": links.maintainer}
    kind = before[-1] if before and before[-1] in pages else None
    known = {row["id"].lower(): row for row in queries.rows("known_ids") if kind in (None, row["kind"])}
    return [{"kind": kind, "id": key, "href": pages[kind](key)} for kind, key in _meant(wanted, known)[:SUGGESTIONS]]


def _meant(wanted: str, known: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(kind, id) of what begins so, then of what is written alike; an id that was renamed as what it is now."""
    begun = [name for name in known if name.startswith(wanted)]
    alike = get_close_matches(wanted, known, SUGGESTIONS, LEAST_SIMILAR)
    return list(dict.fromkeys((known[name]["kind"], known[name]["now"]) for name in (*begun, *alike)))
