"""Search: one box over feedstocks, datasets, bakeries and people."""

from typing import Any
from urllib.parse import urlencode

from federation.explorer.queries import Queries

RESULTS = 20
LONGEST = 200


def search(queries: Queries, q: str) -> dict[str, Any]:
    """What each list finds. Feedstocks and datasets by full text, bakeries and people by a part of their name."""
    words = q.strip()[:LONGEST]
    if not words:
        return {"words": "", "found": 0}
    by_text = urlencode({"q": words})
    feedstocks = queries.several("list_feedstocks", RESULTS, by_text)
    datasets = queries.several("list_datasets", RESULTS, by_text)
    bakeries = queries.several("list_bakeries", RESULTS, urlencode({"id__contains": words}))
    people = queries.several("list_maintainers", RESULTS, urlencode({"github__contains": words}))
    named = queries.several("list_maintainers", RESULTS, urlencode({"name__contains": words}))
    maintainers = list({each["github"]: each for each in [*people, *named]}.values())[:RESULTS]
    return {
        "words": words,
        "feedstocks": feedstocks,
        "datasets": datasets,
        "bakeries": bakeries,
        "maintainers": maintainers,
        "found": len(feedstocks) + len(datasets) + len(bakeries) + len(maintainers),
    }
