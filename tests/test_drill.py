"""What the restore drill finds. That it finds nothing is seen where its command stands, in docs/replication.md."""

import subprocess
import sys

import pytest
from pangeo_forge_federation.settings import ROOT
from script_modules import load_script


@pytest.fixture(scope="module")
def drill():
    return load_script("drill")


def test_the_drill_finds_what_is_lost(drill, data):
    """A run that was never stored, and one that has another id."""
    assert drill.lost(data, {"a": 1}) == ["a"]


@pytest.mark.slow
def test_a_store_that_takes_nothing_ends_the_drill(drill, litestream, tmp_path):
    (tmp_path / "store").write_text("no folder")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "drill.py"), "--rounds", "1", "--url", f"file://{tmp_path}/store"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr and "Traceback" not in done.stderr
