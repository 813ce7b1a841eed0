"""docs/architecture.md names only files, names in files and headings that exist, and every room."""

import re
from pathlib import Path

import pangeo_forge_federation
from pangeo_forge_federation.settings import ROOT
from test_docs import anchors

PACKAGE = Path(pangeo_forge_federation.__file__).parent
TEXT = " ".join((ROOT / "docs" / "architecture.md").read_text("utf-8").split())


def files_of(name: str) -> list[Path]:
    """The files that a name stands for: from the root, from the package, or a file name anywhere in the package."""
    return [*ROOT.glob(name), *PACKAGE.glob(name)] or list(PACKAGE.rglob(name))


def test_files_and_folders_that_are_named_exist():
    names = set(re.findall(r"`([\w./*-]+(?:\.py|\.md|\.html|/))`", TEXT))
    assert len(names) > 50
    assert [name for name in sorted(names) if not files_of(name)] == []


def test_names_are_in_the_files_that_are_given_for_them():
    pairs = re.findall(r"`(\w+)` (?:in|of|from) `([\w./-]+\.(?:py|yml|json))`", TEXT)
    assert len(pairs) > 20
    for name, file in pairs:
        assert any(re.search(rf"\b{name}\b", path.read_text("utf-8")) for path in files_of(file)), (name, file)


def test_every_room_has_a_row():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms <= set(re.findall(r"\| `(\w+)/` \|", TEXT))


def test_links_lead_somewhere():
    there = anchors((ROOT / "docs" / "architecture.md").read_text("utf-8"))
    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) <= there
