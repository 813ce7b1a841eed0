"""What tests ask of the explorer's pages: one heading, landmarks, no script but ours, no link that is unsafe."""

import fcntl
import os
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from federation.demo import ensure_demo

VOID = {"meta", "link", "input", "img", "br", "hr", "wbr"}


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
