"""The functions, values and filters that all templates can use."""

from functools import partial
from typing import Any

from pangeo_forge_federation.explorer.cells import breakable, in_full
from pangeo_forge_federation.explorer.lineage import lineage_graphs
from pangeo_forge_federation.explorer.links import (
    Links,
    external,
    github_commit,
    github_file,
    github_person,
    github_repository,
    linked_text,
    orcid_url,
    web_url,
)
from pangeo_forge_federation.explorer.marks import mark, mark_drawings, over_bar, status_mark
from pangeo_forge_federation.explorer.success_rate import MEANING
from pangeo_forge_federation.explorer.windows import WINDOWS
from pangeo_forge_federation.explorer.words import (
    bounded,
    coded,
    duration,
    first_line,
    instant,
    shortened,
    store_name,
    time_ago,
    time_since,
)
from pangeo_forge_federation.records.open_snippets import whole_prefix
from pangeo_forge_federation.values.plural import joined, plural
from pangeo_forge_federation.values.statuses import BY_COLUMN, UNFINISHED_STATUSES, UNSUCCESSFUL_STATUSES, WORDS


def prepare_environment(environment: Any, datasette: Any) -> None:
    """Add the functions, values and filters of the templates to Jinja's environment."""
    links = Links(datasette.urls)
    environment.globals |= {
        "windows": WINDOWS,
        "link": links,
        "lineage_graphs": partial(lineage_graphs, links=links),
        "mark": mark,
        "mark_drawings": mark_drawings,
        "over_bar": over_bar,
        "status_mark": status_mark,
        "external": external,
        "web_url": web_url,
        "orcid_url": orcid_url,
        "github_repository": github_repository,
        "github_commit": github_commit,
        "github_file": github_file,
        "github_person": github_person,
        "plural": plural,
        "statuses": BY_COLUMN,
        "status_words": WORDS,
        "unfinished_statuses": UNFINISHED_STATUSES,
        "unsuccessful_statuses": UNSUCCESSFUL_STATUSES,
        "success_rate_meaning": MEANING,
    }
    environment.filters |= {
        "time_ago": time_ago,
        "time_since": time_since,
        "instant": instant,
        "duration": duration,
        "first_line": first_line,
        "joined": joined,
        "shortened": shortened,
        "store_name": store_name,
        "bounded": bounded,
        "coded": coded,
        "linked_text": linked_text,
        "breakable": breakable,
        "in_full": in_full,
        "whole_prefix": whole_prefix,
    }
