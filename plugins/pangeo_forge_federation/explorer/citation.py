"""Citations of datasets, as plain text and as BibTeX."""

import re
from collections.abc import Mapping
from typing import Any

from pangeo_forge_federation.explorer.words import store_name

# further authors become "and others"
AUTHORS = 10
_SPECIAL = re.compile(r"([\\{}#$%&_~^])")


def citation(dataset: Mapping[str, Any], providers: list[Mapping[str, Any]]) -> dict[str, str]:
    """Return {text, bibtex}. The authors are the producers of the source data."""
    producers = [each["name"] for each in providers if "producer" in each["roles"] and each["name"]]
    authors = producers or [each["name"] for each in providers if each["name"]] or ["Pangeo Forge"]
    if len(authors) > AUTHORS:
        authors = [*authors[:AUTHORS], "others"]
    # tells the datasets of a feedstock apart
    store = store_name(dataset["url"])
    title = dataset["title"] or (f"{dataset['feedstock_title']}: {store}" if dataset["feedstock_title"] else store)
    written = (dataset["last_success_at"] or dataset["created_at"])[:10]
    source = f", {dataset['feedstock_id']}" if dataset["feedstock_id"] else ""
    text = f"{'; '.join(authors)} ({written[:4]}). {title}. Pangeo Forge{source}, written {written}. {dataset['url']}"
    fields = {
        "author": " and ".join(author if author == "others" else f"{{{_escaped(author)}}}" for author in authors),
        "title": f"{{{_escaped(title)}}}",
        "year": written[:4],
        "publisher": "Pangeo Forge",
        "howpublished": _escaped(dataset["url"]),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    bibtex = "\n".join([f"@misc{{pangeo-forge-dataset-{dataset['id']},", *lines, "}"])
    return {"text": text, "bibtex": bibtex}


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
