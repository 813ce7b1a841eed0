"""Readable cells for Datasette's tables: status marks, relative times, and ids that link to their page."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup, escape

from pangeo_forge_federation.explorer.links import (
    Links,
    external,
    github_commit,
    github_file,
    github_repository,
    linked_text,
    orcid_url,
    web_url,
)
from pangeo_forge_federation.explorer.marks import mark, status_mark
from pangeo_forge_federation.explorer.words import bounded, coded, first_line, shortened, time_ago
from pangeo_forge_federation.records.field_kinds import BOOLEAN, column_kinds
from pangeo_forge_federation.records.models import RECORDS
from pangeo_forge_federation.records.open_snippets import whole_prefix
from pangeo_forge_federation.values import times

_BOOLEANS = {name for record in RECORDS.values() for name, kind in column_kinds(record).items() if kind == BOOLEAN}
_RUN_IDS = {"recipe_run_id", "latest_recipe_run_id", "last_success_recipe_run_id"}
# the page that the id in each of these tables links to
_PAGES = {
    "feedstock_summaries": "feedstock",
    "feedstock_details": "feedstock",
    "recipe_run_summaries": "recipe_run",
    "dataset_recipe_runs": "recipe_run",
    "dataset_summaries": "dataset",
    "dataset_lineages": "dataset",
    "bakery_summaries": "bakery",
    "problems": "problem",
}
_NAMES = 4
URL_CHARACTERS = 60
# longer strings are folded into a few lines; even longer ones are truncated, as in Datasette
SHORT_CHARACTERS, LONG_BYTES = 100, 2048
WHOLE_BYTES = 30_000


def cell(links: Links, row: Any, column: str, value: Any, table: str | None) -> Markup | None:
    """Return the markup of a cell, or None to leave it to Datasette.

    Cells of ad-hoc SQL queries stay unchanged, except that URLs and ids become links.
    """
    if isinstance(value, dict):
        # a foreign key that Datasette would show with its label, which may be null
        value = value["value"]
    if value is None or isinstance(value, bytes):
        return None
    if (address := _page(links, column, value, table)) is not None:
        return _link(address, breakable(value))
    if table is not None and (shown := _formatted(links, row, column, value)) is not None:
        return shown
    if isinstance(value, str) and times.is_kept(value):
        # unchanged, and without a line break
        return Markup('<time datetime="{}">{}</time>').format(value, value)
    if isinstance(value, str) and web_url(value):
        return external(value, shortened(value, URL_CHARACTERS) if table else value)
    if isinstance(value, str) and (len(value) > SHORT_CHARACTERS or column == "message"):
        return _few_lines(value, column)
    return None


def in_full(value: Any, column: str, shown: Any) -> Any:
    """Return a cell for the page of a row, which shows the full strings and URLs that lists shorten."""
    if isinstance(value, str) and (column == "message" or "url" in column or len(value) > SHORT_CHARACTERS):
        text = linked_text(bounded(value, WHOLE_BYTES))
        return Markup('<div class="whole">{}</div>').format(coded(text) if column == "message" else text)
    return shown


def _few_lines(text: str, column: str) -> Markup:
    text = bounded(text, LONG_BYTES)
    return Markup('<div class="few-lines">{}</div>').format(coded(text) if column == "message" else text)


def breakable(value: Any) -> Markup:
    """Return an id that can wrap after its dots and underscores."""
    return Markup(str(escape(value)).replace(".", ".<wbr>").replace("_", "_<wbr>"))


def _page(links: Links, column: str, value: Any, table: str | None) -> str | None:
    if column == "id" and table in _PAGES:
        return getattr(links, _PAGES[table])(value)
    if column == "feedstock_id" and isinstance(value, str):
        return links.feedstock(value)
    if column == "bakery_id" and isinstance(value, str):
        return links.bakery(value)
    if column in _RUN_IDS and isinstance(value, int):
        return links.recipe_run(value)
    if column == "dataset_id" and isinstance(value, int):
        return links.dataset(value)
    if column == "sync_run_id" and isinstance(value, int):
        return links.row("sync_runs", value)
    if column == "github" and isinstance(value, str) and table is not None:
        return links.maintainer(value)
    return None


def _formatted(links: Links, row: Any, column: str, value: Any) -> Markup | None:
    if column == "status":
        return status_mark(value, bool(_get(row, "is_stale")))
    if column == "latest_recipe_run_status":
        return status_mark(value, bool(_get(row, "latest_recipe_run_is_stale")))
    if column == "severity":
        return Markup('<span class="status status-{}">{}{}</span>').format(
            "failure" if value == "error" else "stale", mark("failure" if value == "error" else "problem"), value
        )
    if column in _BOOLEANS:
        return Markup("yes" if value else "no")
    if column == "line" and _get(row, "source_file"):
        return external(github_file(row["repository"], row["commit"], row["source_file"], value), str(value))
    if isinstance(value, int):
        return Markup('<span class="number">{:,}</span>').format(value) if column.endswith("_count") else None
    if isinstance(value, str) and times.is_kept(value):
        return time_ago(value)
    if column == "repository":
        return external(github_repository(value), value)
    if column == "commit":
        repository = _get(row, "repository") or _get(row, "feedstock_repository")
        return external(github_commit(repository, value), value[:7]) if repository else Markup("{}").format(value[:7])
    if column == "orcid":
        return external(orcid_url(value), value)
    if column == "log_url":
        return external(value, "log") if web_url(value) else None
    if column == "message":
        return _few_lines(first_line(value), column)
    if column == "url":
        return Markup('<span title="{}">{}</span>').format(value, shortened(value, URL_CHARACTERS))
    if column in _LISTS:
        # Datasette treats an empty string as no cell
        return _LISTS[column](links, json.loads(value)) or Markup("none")
    return None


def _get(row: Any, column: str) -> Any:
    return row[column] if column in row.keys() else None  # noqa: SIM118


def _names(parts: list) -> Markup:
    more = f" and {len(parts) - _NAMES} more" if len(parts) > _NAMES else ""
    return Markup("{}{}").format(Markup(", ").join(parts[:_NAMES]), more)


def _link(address: str, text: Any) -> Markup:
    return Markup('<a href="{}">{}</a>').format(address, text)


def _maintainers(links: Links, people: list[Mapping[str, Any]]) -> Markup:
    return _names(
        [
            _link(links.maintainer(each["github"]), each["github"])
            if each["github"]
            else Markup("{}").format(each["name"] or "unnamed")
            for each in people
        ]
    )


def _datasets(links: Links, datasets: list[Mapping[str, Any]]) -> Markup:
    return _names([_link(links.dataset(each["id"]), shortened(each["title"] or each["url"], 40)) for each in datasets])


def _strings(links: Links, strings: list[str]) -> Markup:
    return _names([Markup("{}").format(each) for each in strings])


def _by_status(links: Links, counts: Mapping[str, int]) -> Markup:
    return Markup(" ").join(
        Markup('<span class="together">{} {:,}</span>').format(status_mark(status), count)
        for status, count in counts.items()
    )


def _targets(links: Links, targets: list[Mapping[str, Any]]) -> Markup:
    return _names([Markup("{}").format(whole_prefix(each) or each["name"]) for each in targets])


_LISTS: Mapping[str, Callable[[Links, Any], Markup]] = {
    "maintainers": _maintainers,
    "datasets": _datasets,
    "recipe_ids": _strings,
    "roles": _strings,
    "recipe_runs_by_status": _by_status,
    "targets": _targets,
}
