"""The runbook is true: its commands are run in their order, against a real server over a real federation."""

import os
import re
import subprocess

import pytest
import yaml
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.api.metrics import gauges
from pangeo_forge_federation.server.demo import DEMO_BAKERY, ensure_demo
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path
from pangeo_forge_federation.web.metrics import Metrics
from server_process import running_server
from test_deploy import free_port
from test_docs import anchors, read_blocks

OPERATIONS = ROOT / "docs" / "operations.md"
SCALE = ROOT / "docs" / "scale.md"
TEXT = OPERATIONS.read_text("utf-8")
BLOCKS = read_blocks(TEXT, OPERATIONS)


def test_its_commands_work_in_their_order(tmp_path):
    data, backups, drill = tmp_path / "data", tmp_path / "backups", tmp_path / "drill"
    ensure_demo(data)
    connection = connect(database_path(data, TOKENS))
    leaked = tokens.create_token(connection, DEMO_BAKERY, "leaked", 1)
    connection.close()
    port = free_port()
    with running_server(data) as server:
        script = "\n".join(
            f"echo '-- {block.text.splitlines()[0]}'\n{block.text}" for block in BLOCKS if block.language == "bash"
        )
        # the token that leaks in the runbook has a number of its own
        number = leaked.split("_")[1]
        script = script.replace("revoke 1\n", f"revoke {number}\n").replace("--token 1\n", f"--token {number}\n")
        script = script.replace("actor_token_id = 1\n", f"actor_token_id = {number}\n")
        for place, stand_in in (
            ("/opt/federation", ROOT),
            ("/var/lib/federation", data),
            ("/var/backups/federation", backups),
            ("/var/tmp/federation-drill", drill),
            ("http://127.0.0.1:8001", server.url),
            ("8099", port),
        ):
            script = script.replace(place, str(stand_in))
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert re.search(rf"\b{number}\b", done.stderr)
    assert "example.bakery.gcp" in done.stderr
    assert int(re.search(r"([\d,]+) recipe runs", done.stdout)[1].replace(",", "")) > 500
    assert '"sha256":"' in done.stdout
    assert not drill.exists()


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "sh"], ids=lambda block: block.place)
def test_what_is_done_by_hand_is_shell_at_least(block):
    assert subprocess.run(["bash", "-n", "-c", block.text]).returncode == 0
    for script in re.findall(r"scripts/\w+(?:\.py)?", block.text):
        assert (ROOT / script).exists(), script


REPLICATED = {"role": "primary", "replication": "ok", "position": 255, "replicated_seconds_ago": 0.0}


def test_every_metric_is_in_the_table_and_no_other():
    text = Metrics().exposition(gauges(ROOT, "2026-01-01T00:00:00.000000Z", REPLICATED)).decode()
    there = {name for name in re.findall(r"^# HELP (\S+)", text, re.MULTILINE) if name.startswith("federation_")}
    there -= {name for name in there if name.endswith("_created")}
    told = set(re.findall(r"^\| `(federation_\w+)", TEXT, re.MULTILINE))
    assert told == there


def test_the_alerts_ask_for_metrics_that_there_are():
    (alerts,) = [yaml.safe_load(block.text) for block in BLOCKS if block.language == "yaml"]
    told = set(re.findall(r"^\| `(federation_\w+)", TEXT, re.MULTILINE))
    for rule in alerts["groups"][0]["rules"]:
        for name in re.findall(r"federation_\w+", rule["expr"]):
            assert re.sub(r"_bucket$", "", name) in told, name


@pytest.mark.parametrize("page", [OPERATIONS, SCALE], ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text("utf-8")):
        leads_to = page.parent / target if target else page
        assert leads_to.exists(), target
        if anchor:
            assert anchor in anchors(leads_to.read_text("utf-8")), f"{target}#{anchor}"
