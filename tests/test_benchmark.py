"""The benchmark runs. Its figures are for people to read, on a machine that does nothing else."""

import json
import subprocess
import sys

import pytest
from pangeo_forge_federation.settings import ROOT

pytestmark = pytest.mark.slow

SMALL = [
    *("--runs", "200", "--rounds", "1", "--requests", "5", "--post-seconds", "0.3"),
    *("--load-seconds", "0.3", "--attack-seconds", "0.2", "--writes", "10", "--feedstocks", "5"),
]


def test_it_measures_everything_and_keeps_its_databases(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "benchmarks" / "benchmark.py", *SMALL, "--json", "--databases", tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    reads = found["reads"]["microseconds"]
    for name in ("list", "detail", "sub-list", "filtered list", "deep page", "statistics"):
        for state in ("floor", "cached", "floor after a write", "cold, 200 runs"):
            assert reads[name][state][0] > 0, (name, state)
    assert reads["304"]["cached"][0] > 0
    assert reads["Datasette table JSON"]["cached"][0] > reads["list"]["cached"][0]
    assert found["seen"] == [10, 10]
    assert found["memory"]["end_mb"] > 10
    assert found["attack"]["p99"] > 0
    assert {arm["rate"] > 0 for arms in found["posts"].values() for arm in arms.values()} == {True}
    assert found["sync"]["first"]["total"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["200"]
