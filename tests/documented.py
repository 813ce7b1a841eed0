"""Pages of the docs whose blocks are taken one by one, by the tests that run them."""

import re
from pathlib import Path

from test_docs import Block, read_blocks


class Page:
    """A page, of which each block must be taken, or named with the reason why it is not run."""

    def __init__(self, path: Path):
        self.text = path.read_text("utf-8")
        self.name = path.name
        self.left = read_blocks(self.text, path)

    def block(self, start: str) -> Block:
        """The next block that begins so."""
        found = next((block for block in self.left if block.text.startswith(start)), None)
        assert found, f"{self.name} has no block that begins with {start!r}, or it is taken already"
        self.left.remove(found)
        return found

    def assert_that_all_are_taken(self) -> None:
        assert [block.place for block in self.left] == [], "no test runs these"


def without_blocks(markdown: str) -> str:
    """The prose of a page."""
    return re.sub(r"^```\w+\n.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
