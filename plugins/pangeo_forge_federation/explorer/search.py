"""The search page, for feedstocks, datasets, bakeries and people."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pangeo_forge_federation.explorer.queries import Queries

RESULTS = 20
LONGEST = 200
# fields in which to look for words that are not in the title
FIELDS = {"feedstocks": ("id", "description"), "datasets": ("description", "url")}
# characters around a word that was found
EXCERPT = 140


def search(queries: Queries, q: str) -> dict[str, Any]:
    """Return what was found: feedstocks and datasets by full text, bakeries and people by a part of their name."""
    words = q.strip()[:LONGEST]
    if not words:
        return {"words": "", "found": 0}
    by_text = urlencode({"q": words})
    people = queries.first_rows("list_maintainers", RESULTS + 1, urlencode({"github__contains": words}))
    named = queries.first_rows("list_maintainers", RESULTS + 1, urlencode({"name__contains": words}))
    # one more than the page shows, to detect whether there are more
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
    """Return an excerpt around a word that is not in the title of a record, from the first field that has one."""
    missing = [word for word in re.findall(r"\w+", words) if not _start_of_word(word).search(record["title"] or "")]
    for field in fields:
        text = record[field] or ""
        for word in missing:
            if match := _start_of_word(word).search(text):
                return _around(text, match.start())
    return None


def _start_of_word(word: str) -> re.Pattern:
    # like the index, which splits words at everything except letters and digits
    return re.compile(rf"(?<![^\W_]){re.escape(word)}", re.IGNORECASE)


def _around(text: str, place: int) -> str:
    begin = max(0, min(place - EXCERPT // 2, len(text) - EXCERPT))
    end = begin + EXCERPT
    return ("…" if begin else "") + " ".join(text[begin:end].split()) + ("…" if end < len(text) else "")
