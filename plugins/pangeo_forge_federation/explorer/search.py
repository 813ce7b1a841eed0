"""Search: one box over feedstocks, datasets, bakeries and people."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pangeo_forge_federation.explorer.queries import Queries

RESULTS = 20
LONGEST = 200
# where words are looked for that the title has not
FIELDS = {"feedstocks": ("id", "description"), "datasets": ("description", "url")}
# of a text in which words were found
EXCERPT = 140


def search(queries: Queries, q: str) -> dict[str, Any]:
    """What each list finds. Feedstocks and datasets by full text, bakeries and people by a part of their name."""
    words = q.strip()[:LONGEST]
    if not words:
        return {"words": "", "found": 0}
    by_text = urlencode({"q": words})
    people = queries.first_rows("list_maintainers", RESULTS + 1, urlencode({"github__contains": words}))
    named = queries.first_rows("list_maintainers", RESULTS + 1, urlencode({"name__contains": words}))
    # one more than is shown tells whether there are more
    found = {
        "feedstocks": queries.first_rows("list_feedstocks", RESULTS + 1, by_text),
        "datasets": queries.first_rows("list_datasets", RESULTS + 1, by_text),
        "bakeries": queries.first_rows("list_bakeries", RESULTS + 1, urlencode({"id__contains": words})),
        "maintainers": list({each["github"]: each for each in [*people, *named]}.values()),
    }
    shown = {kind: records[:RESULTS] for kind, records in found.items()}
    for kind, fields in FIELDS.items():
        shown[kind] = [each | {"found_in": found_in(words, each, fields)} for each in shown[kind]]
    return {
        "words": words,
        **shown,
        "results": RESULTS,
        "more": {kind for kind, records in found.items() if len(records) > RESULTS},
        "found": sum(map(len, shown.values())),
    }


def found_in(words: str, record: Mapping[str, Any], fields: tuple[str, ...]) -> str | None:
    """What of a record has the words that its title has not, as an excerpt from the first of the fields with one."""
    missing = [word for word in re.findall(r"\w+", words) if not _begin_of(word).search(record["title"] or "")]
    for field in fields:
        text = record[field] or ""
        for word in missing:
            if match := _begin_of(word).search(text):
                return _around(text, match.start())
    return None


def _begin_of(word: str) -> re.Pattern:
    # as the index splits words: what is no letter and no digit stands between
    return re.compile(rf"(?<![^\W_]){re.escape(word)}", re.IGNORECASE)


def _around(text: str, place: int) -> str:
    begin = max(0, min(place - EXCERPT // 2, len(text) - EXCERPT))
    end = begin + EXCERPT
    return ("…" if begin else "") + " ".join(text[begin:end].split()) + ("…" if end < len(text) else "")
