"""A read replica under load, in short: what scripts/benchmark_replica.py does for a minute."""

import statistics

import pytest
from script_modules import load_script

SECONDS, COMMITS_A_SECOND, READERS = 3, 50, 2
# A change is seen within three seconds; a machine that is busy with other tests may take longer with the slowest.
SEEN_SECONDS, SLOWEST_SECONDS = 3, 15


@pytest.fixture(scope="module")
def benchmark():
    return load_script("benchmark_replica")


def test_each_change_is_seen_and_nothing_that_never_was(benchmark, litestream, tmp_path):
    load, directly, over_http = benchmark.measure(tmp_path, SECONDS, COMMITS_A_SECOND, READERS)
    assert load.number > COMMITS_A_SECOND
    for seen in (directly, over_http):
        assert seen.faults == []
        assert seen.reads > 10
        assert statistics.median(seen.delays) < SEEN_SECONDS
        assert max(seen.delays) < SLOWEST_SECONDS
