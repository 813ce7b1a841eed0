"""The explorer's pages, where they are, and what tests ask of each: one heading, landmarks, no script but ours."""

import fcntl
import os
import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, urlsplit

from datasette.utils import tilde_encode
from pangeo_forge_federation.explorer.lists import LISTS
from pangeo_forge_federation.explorer.pages import PAGES
from pangeo_forge_federation.server.demo import DEMO_BAKERY, ensure_demo
from pangeo_forge_federation.settings import ROOT

VOID = {"meta", "link", "input", "img", "br", "hr", "wbr"}
FEEDSTOCK = "northern-sea-ice-feedstock"
# parameter of a page -> what tests give it over the demo; a page with a new parameter needs a line here
IN_THE_DEMO = {
    # one that is well, one that failed, one whose file has problems
    "feedstock_id": [FEEDSTOCK, "upper-ocean-reanalysis-feedstock", "coupled-model-archive-feedstock"],
    "recipe_run_id": ["1"],
    "dataset_id": ["1"],
    "bakery_id": [DEMO_BAKERY],
    "github": ["maren-solvik-ice"],
    "q": ["ice"],
}
QUERY_THAT_FAILED = "/federation?sql=delete+from+recipe_runs"
NOT_FOUND = "/federation/feedstocks/nothern-sea-ice"
# of those that are not 200
STATUSES = {QUERY_THAT_FAILED: 400, NOT_FOUND: 404}
# the pages of Datasette that our templates dress, each once; lists are short where a test has a browser look at them
DATASETTES_PAGES = [
    *(f"/{template.stem}" for template in sorted((ROOT / "templates" / "pages").glob("*.html"))),
    "/federation",
    "/federation?sql=select+*+from+recipe_runs+limit+5",
    QUERY_THAT_FAILED,
    "/federation/recipe_runs_by_day?bakery_id=osn.bakery.campus",
    *(f"/federation/{table}?_size=20" for table in LISTS if table != "recipe_run_summaries"),
    "/federation/recipe_run_summaries?status=failure&_facet=feedstock_id&_size=20",
    "/federation/recipe_runs?_size=20",
    "/federation/recipes/1",
    NOT_FOUND,
    "/-/versions",
]


def own_pages(values: Mapping[str, Sequence[str]]) -> list[str]:
    """The addresses of the explorer's own pages, each with each value of its parameter."""
    addresses = []
    for page in PAGES:
        addresses += [
            page.path.replace(f"{{{name}}}", tilde_encode(value))
            for name in re.findall(r"{(\w+)}", page.path)
            for value in values[name]
        ] or [page.path]
        addresses += [f"{page.path}?{name}={quote(value)}" for name in page.parameters for value in values[name]]
    return addresses


def demo_pages() -> list[str]:
    """The addresses of every kind of page over the demo."""
    return [*own_pages(IN_THE_DEMO), *DATASETTES_PAGES]


def shared_demo(tmp_path_factory) -> Path:
    """The folder of a demo that nobody writes to: made once, for all processes that run tests."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ensure_demo(folder / "demo")
    return folder / "demo"


class Page(HTMLParser):
    """What a test asks of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def check_page(text: str) -> Page:
    """The rules for every page: one heading, landmarks, no script but ours, no link that a browser should not open."""
    page = Page(text)
    assert page.open == [], "elements that nothing closes"
    assert page.all("html") == [{"lang": "en"}]
    assert page.headings.count(1) == 1
    assert all(later - before <= 1 for before, later in pairwise(page.headings)), page.headings
    for landmark in ("header", "main", "footer"):
        assert len(page.all(landmark)) == 1
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for script in page.all("script"):
        assert (script.get("src") or "").startswith("/"), script
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
    for anchor in page.all("a"):
        address = urlsplit(anchor["href"])
        assert address.scheme in ("", "http", "https"), anchor
        if address.netloc and address.hostname != "localhost":
            assert "noopener" in (anchor.get("rel") or "").split(), anchor
    return page
