"""What the restore drill finds. That it finds nothing is seen where its command stands, in docs/replication.md."""

import subprocess
import sys
from importlib import util

import pytest
from federation.settings import ROOT


@pytest.fixture(scope="module")
def drill():
    spec = util.spec_from_file_location("drill", ROOT / "scripts" / "drill.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_drill_finds_what_is_lost(drill, data):
    """A run that was never stored, and one that has another id."""
    assert drill.lost(data, {"a": 1}) == ["a"]


def test_a_store_that_takes_nothing_ends_the_drill(drill, litestream, tmp_path):
    (tmp_path / "store").write_text("no folder")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "drill.py"), "--rounds", "1", "--url", f"file://{tmp_path}/store"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "the primary did not start" in done.stderr
    assert "Traceback" not in done.stderr
