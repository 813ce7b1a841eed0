"""docs/replication.md is true: its commands are run as they stand there, with a folder as the store."""

import re

import httpx
import pytest
from conftest import new_token
from documented import Page
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.values import times
from terminal import Terminal, make_checkout, wait_for

REPLICATION = Page(ROOT / "docs" / "replication.md")
PRIMARY = REPLICATION.block("scripts/serve")
REPLICA = REPLICATION.block("FEDERATION_PRIMARY_URL")
RESTORE = REPLICATION.block(".venv/bin/python scripts/restore.py")
DRILL = REPLICATION.block(".venv/bin/python scripts/drill.py")
STORE, MOMENT = "s3://bucket/federation", "2026-11-24T03:25:00Z"
RUN = {"recipe_id": "daily", "feedstock_id": "ice-feedstock", "commit": "0f2c9a7d", "status": "success"}

# A change is seen within three seconds; a machine that is busy with other tests may take longer with the slowest.
SEEN_SECONDS, SLOWEST_SECONDS = 3, 15


def test_every_block_is_run():
    REPLICATION.assert_that_all_are_taken()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, litestream):
    return make_checkout(tmp_path_factory.mktemp("replication") / "federation-api")


@pytest.mark.slow
def test_a_primary_a_replica_and_restores(checkout, data, tmp_path):
    stand_ins = {
        STORE: f"file://{tmp_path}/store",
        "/srv/federation": data,
        **{f"/srv/{name}": tmp_path / name for name in ("copy", "restored", "before")},
    }
    authorized = {"Authorization": f"Bearer {new_token(data)}"}
    window = Terminal(checkout, checkout, stand_ins)
    window.environ["FEDERATION_ACKNOWLEDGE"] = "replica"
    with window.serve(PRIMARY.text) as primary:
        made = httpx.post(f"{primary.url}/recipe_runs", json=RUN, headers=authorized)
        assert (made.status_code, made.headers["Federation-Acknowledged"]) == (201, "replica")
        window.stand_ins[MOMENT] = times.now()
        httpx.post(f"{primary.url}/recipe_runs", json=RUN, headers=authorized).raise_for_status()
        window.stand_ins["https://api.pangeo-forge.org"] = primary.url
        with window.serve(REPLICA.text) as replica:
            wait_for(f"{replica.url}/recipe_runs?id=2")
            refused = httpx.post(f"{replica.url}/recipe_runs", json=RUN, headers=authorized)
            assert (refused.status_code, primary.url in refused.text) == (405, True)
    newest, before = RESTORE.text.splitlines()
    for command, runs in ((newest, "2 recipe runs"), (before, "1 recipe run")):
        said = window.run(command).stdout
        assert re.search(rf"^federation.db: {runs}", said, re.MULTILINE)
        assert re.search("^tokens.db: 1 token", said, re.MULTILINE)


@pytest.mark.slow
def test_nothing_that_was_acknowledged_is_lost_in_the_drill(checkout):
    drill, _ = DRILL.text.splitlines()
    said = Terminal(checkout, checkout).run(drill.replace("--rounds 20", "--rounds 2 --seconds 0.7")).stdout
    assert re.fullmatch(r"2 rounds, [1-9]\d* runs acknowledged, 0 lost\n", said)


@pytest.mark.slow
def test_each_change_is_seen_on_a_replica_and_nothing_that_never_was(checkout):
    _, benchmark = DRILL.text.splitlines()
    command = benchmark.replace("--seconds 60", "--seconds 2 --readers 2")
    commits, *seen = Terminal(checkout, checkout).run(command).stdout.splitlines()
    assert int(commits.removesuffix(" commits")) > 50
    assert len(seen) == 2
    for line in seen:
        reads, wrong, median, slowest = re.search(
            r": (\d+) reads, (\d+) wrong .* after (\S+) s at the median, .* (\S+) s at most$", line
        ).groups()
        assert (int(reads) > 10, wrong) == (True, "0")
        assert float(median) <= float(slowest)
