"""scripts/benchmark_writes.py runs; what it measures is for people to look at, on a machine that does nothing else."""

import re
import subprocess
import sys

from federation.settings import ROOT


def test_it_measures_both_ways_and_prints_their_ratio(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "scripts" / "benchmark_writes.py",
            *("--seconds", "0.8", "--rounds", "1", "--clients", "4", "--folder", tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    figures = re.findall(r"^(.+?) +([\d,]+) POSTs/s", done.stdout, re.MULTILINE)
    assert [name for name, _ in figures] == ["group commit", "one commit each"]
    assert all(int(rate.replace(",", "")) > 0 for _, rate in figures)
    assert re.search(r"^ratio +\d+\.\d ", done.stdout, re.MULTILINE)
    assert "the writer alone" in done.stdout
    assert list(tmp_path.iterdir()) == [], "it leaves nothing behind"
