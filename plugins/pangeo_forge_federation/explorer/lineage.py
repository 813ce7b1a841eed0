"""The lineage graph: providers, feedstock at a commit, recipe run and dataset, as boxes connected by lines."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from pangeo_forge_federation.explorer.links import Links, web_url
from pangeo_forge_federation.explorer.words import shortened
from pangeo_forge_federation.values.statuses import WORDS, shown_status

PROVIDERS = 4
BOX_HEIGHT, GAP = 52, 14
# how many characters fit into a box
WIDE_CHARACTERS, TALL_CHARACTERS = 26, 36


@dataclass(frozen=True)
class Box:
    """A box: the kind of record, its name, the URL it links to if any, and whether that is on another site."""

    kind: str
    text: str
    href: str | None
    outside: bool = False
    # the text, shortened to fit, and the position of the box
    label: str = ""
    x: int = 0
    y: int = 0


@dataclass(frozen=True)
class Graph:
    """A drawing, in units of the SVG. `sentence` describes it in words."""

    boxes: list[Box]
    # paths from box to box
    lines: list[str]
    width: int
    height: int
    box_width: int
    sentence: str

    box_height = BOX_HEIGHT


def lineage_graphs(lineage: Mapping[str, Any], links: Links) -> list[tuple[str, Graph]]:
    """Return (name, graph) pairs of a dataset's lineage: one for wide screens, one for narrow ones."""
    columns = columns_of(lineage, links)
    return [("wide", wide(columns)), ("tall", tall(columns))]


def columns_of(lineage: Mapping[str, Any], links: Links) -> list[list[Box]]:
    """Return the boxes of each step, from the providers to the dataset, without empty steps."""
    providers = [
        Box("provider", each["name"] or "unnamed", web_url(each["url"]), outside=True)
        for each in lineage["providers"][:PROVIDERS]
    ]
    more = len(lineage["providers"]) - PROVIDERS
    if more > 0:
        providers.append(Box("provider", f"and {more} more", None))
    feedstock = lineage["feedstock"]
    run = lineage["recipe_runs"][0] if lineage["recipe_runs"] else None
    dataset = lineage["dataset"]
    columns = [providers]
    if feedstock:
        commit = f" at {feedstock['commit'][:7]}" if feedstock["commit"] else ""
        columns.append([Box(f"feedstock{commit}", feedstock["id"], links.feedstock(feedstock["id"]))])
    if run:
        status = shown_status(run["status"], bool(run.get("is_stale")))
        label = f"run {run['id']}, {WORDS.get(status, status)}"
        columns.append([Box(f"recipe {run['recipe_id']}", label, links.recipe_run(run["id"]))])
    columns.append([Box("dataset", dataset["title"] or dataset["url"], links.dataset(dataset["id"]))])
    return [column for column in columns if column]


def wide(columns: list[list[Box]]) -> Graph:
    """Return the graph from left to right, for wide screens."""
    box_width, between = 228, 48
    height = max(len(column) for column in columns) * (BOX_HEIGHT + GAP) - GAP
    placed = []
    for index, column in enumerate(columns):
        top = (height - (len(column) * (BOX_HEIGHT + GAP) - GAP)) // 2
        placed.append(
            [
                _at(box, index * (box_width + between), top + row * (BOX_HEIGHT + GAP), WIDE_CHARACTERS)
                for row, box in enumerate(column)
            ]
        )
    lines = [
        f"M{left.x + box_width} {left.y + BOX_HEIGHT // 2}"
        f"C{left.x + box_width + between // 2} {left.y + BOX_HEIGHT // 2} "
        f"{right.x - between // 2} {right.y + BOX_HEIGHT // 2} {right.x} {right.y + BOX_HEIGHT // 2}"
        for lefts, rights in pairwise(placed)
        for left in lefts
        for right in rights
    ]
    width = len(columns) * (box_width + between) - between
    return Graph([box for column in placed for box in column], lines, width, height, box_width, _sentence(columns))


def tall(columns: list[list[Box]]) -> Graph:
    """Return the graph from top to bottom, for narrow screens."""
    box_width, between = 320, 24
    y, placed = 0, []
    for column in columns:
        rows = []
        for box in column:
            rows.append(_at(box, 0, y, TALL_CHARACTERS))
            y += BOX_HEIGHT + GAP // 2
        y += between - GAP // 2
        placed.append(rows)
    centre = box_width // 2
    lines = [f"M{centre} {uppers[-1].y + BOX_HEIGHT}V{lowers[0].y}" for uppers, lowers in pairwise(placed)]
    return Graph([box for rows in placed for box in rows], lines, box_width, y - between, box_width, _sentence(columns))


def _at(box: Box, x: int, y: int, characters: int) -> Box:
    return replace(box, kind=shortened(box.kind, characters), label=shortened(box.text, characters), x=x, y=y)


def _sentence(columns: list[list[Box]]) -> str:
    return " → ".join(
        ", ".join(f"{shortened(box.kind, 80)} {shortened(box.text, 200)}" for box in column) for column in columns
    )
