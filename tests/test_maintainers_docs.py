"""docs/maintainers.md is true: what it tells people to type is typed, its cron line and its workflow are run."""

import hashlib
import hmac
import json
import re
import shutil
import subprocess
from contextlib import closing

import httpx
import pytest
import yaml
from conftest import new_token
from documented import Page
from fake_github import META, small_federation
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect, database_path
from terminal import Terminal, make_checkout, wait_for
from test_forge_docs import filled
from test_readme import SYNC as README_SYNC

MAINTAINERS = Page(ROOT / "docs" / "maintainers.md")
SYNC = MAINTAINERS.block("export GITHUB_TOKEN")
SYNC_EVERY = MAINTAINERS.block("scripts/serve --sync-every")
CRON = MAINTAINERS.block("*/15")
WORKFLOW = MAINTAINERS.block("name: check")
WEBHOOK = MAINTAINERS.block("python3 -c")
TOKENS_OF_BAKERIES = MAINTAINERS.block(".venv/bin/python scripts/tokens.py")
BACKUP = MAINTAINERS.block(".venv/bin/python scripts/backup.py full")
RESTORE = MAINTAINERS.block(".venv/bin/python scripts/backup.py restore")
SNAPSHOT = ".venv/bin/python scripts/backup.py snapshot"
RUN = {"recipe_id": "daily", "feedstock_id": "ice-feedstock", "commit": "0f2c9a7d", "status": "success"}


def test_every_block_is_run():
    MAINTAINERS.assert_that_all_are_taken()
    # which its own test runs
    assert README_SYNC.text == SYNC.text + SYNC_EVERY.text


@pytest.fixture
def github(httpserver):
    return small_federation(httpserver)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return make_checkout(tmp_path_factory.mktemp("maintainers") / "federation-api")


@pytest.fixture
def window(checkout, data, github, tmp_path):
    """A terminal in the checkout, whose databases are those of the test."""
    environ = {**github.environment, "FEDERATION_DATA": str(data)}
    return Terminal(checkout, checkout, {"/var/backups/federation": tmp_path / "backups"}, **environ)


def titles(data):
    with closing(connect(database_path(data, FEDERATION))) as connection:
        return {row[0] for row in connection.execute("select title from feedstocks where removed_at is null")}


def test_cron_syncs_and_says_nothing(window, checkout, data, github, tmp_path):
    (tmp_path / "token").write_text("a-token\n")
    window.stand_ins |= {"/srv/federation": str(checkout), "/etc/federation/github-token": str(tmp_path / "token")}
    *schedule, command = CRON.text.rstrip("\n").split(" ", 5)
    assert (schedule, "%" in command) == (["*/15", "*", "*", "*", "*"], False)
    # cron has another shell and hardly an environment
    ours = ("FEDERATION_", "GITHUB_", "PYTHON")
    kept = {name: value for name, value in window.environ.items() if name.startswith(ours)}
    done = subprocess.run(
        ["/bin/sh", "-c", window.filled(command)],
        env={**kept, "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert titles(data) == {"Ice", "Snow", "Ocean"}
    # what is in the file is used as the token: without one GraphQL is not asked
    assert github.count("/graphql") > 0


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.slow
def test_the_workflow_marks_problems_and_fails_where_there_is_an_error(window, checkout, data, github, tmp_path):
    steps = yaml.safe_load(WORKFLOW.text)["jobs"]["check"]["steps"]
    set_up, *steps = [step for step in steps if "run" in step]
    # it needs the network, and makes the environment that is there
    assert set_up["run"] == "python3 -m venv .venv && .venv/bin/pip install --quiet -r requirements.txt"

    def check():
        """(exit code, what was marked), as a runner does the steps: a new checkout each time."""
        shutil.rmtree(checkout / "data", ignore_errors=True)
        said = ""
        for step in steps:
            more = {name: filled(value, {"github.token": "x"}) for name, value in step.get("env", {}).items()}
            done = subprocess.run(
                ["bash", "-e", "-c", step["run"]],
                env=window.environ | more,
                cwd=checkout,
                capture_output=True,
                text=True,
                timeout=60,
            )
            said += done.stdout
            if done.returncode:
                break
        return done.returncode, [line for line in said.splitlines() if line.startswith("::")]

    ice = github.find("pangeo-forge/ice-feedstock")
    ice.files["feedstock/meta.yaml"] += b"maintainers:\n  - orcid: 1\n"
    github.find("leap-stc/snow-feedstock").files["feedstock/meta.yaml"] = b"title: Snow\nlicense: free\n"
    code, marks = check()
    *errors, warning = sorted(marks)
    assert (code, len(errors) > 0) == (1, True)
    for error in errors:
        assert re.match(r"::error title=pangeo-forge/ice-feedstock/feedstock/meta\.yaml:7::", error)
    assert re.match(r"::warning title=leap-stc/snow-feedstock/feedstock/meta\.yaml:2::", warning)
    assert json.loads((checkout / "changes.json").read_text())["added"] == 4
    ice.files["feedstock/meta.yaml"] = META.format("Ice").encode()
    assert check() == (0, [warning])


@pytest.mark.slow
def test_webhook_tokens_snapshot_backup_and_restore(window, data, github, tmp_path):
    make_secret, serve = WEBHOOK.text.splitlines()
    secret = window.run(make_secret).stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", secret)
    assert serve.startswith("GITHUB_WEBHOOK_SECRET=... ")
    with window.serve(serve.replace("...", secret, 1)) as server, httpx.Client(base_url=server.url) as client:
        assert deliver(client, secret, "not-it").status_code == 401
        assert deliver(client, secret).status_code == 202
        wait_for(f"{server.url}/feedstocks?title=Ice")

        create, list_, revoke = TOKENS_OF_BAKERIES.text.splitlines()
        # those that the registry had before, so that the number is that of the page
        for _ in range(int(revoke.split()[-1]) - 1):
            new_token(data)
        token = window.run(create).stdout.strip()
        authorized = {"Authorization": f"Bearer {token}"}
        assert client.post("/recipe_runs", json=RUN, headers=authorized).json()["bakery_id"] == "example.bakery.gcp"
        state = re.compile(r"^ +7  (\w+) .* example\.bakery\.gcp ", re.MULTILINE)
        assert state.search(window.run(list_).stdout)[1] == "valid"
        window.run(revoke)
        assert state.search(window.run(list_).stdout)[1] == "revoked"
        assert client.post("/recipe_runs", json=RUN, headers=authorized).status_code == 401

        assert f"`{SNAPSHOT}`" in MAINTAINERS.text
        window.run(SNAPSHOT)
        assert len(client.get("/snapshots").json()) == 1
        window.stand_ins["/srv/federation"] = str(data)
        window.run(BACKUP.text)
    (backup,) = (tmp_path / "backups").iterdir()
    data.rename(tmp_path / "old")
    (example,) = re.findall(r"federation-2026\S+", RESTORE.text)
    window.run(RESTORE.text.replace(example, backup.name))
    assert titles(data) == {"Ice", "Snow", "Ocean"}
    with closing(connect(database_path(data, FEDERATION))) as connection:
        assert connection.execute("select count(*) from recipe_runs").fetchone()[0] == 1
    with closing(connect(database_path(data, TOKENS))) as connection:
        assert connection.execute("select count(*) from tokens").fetchone()[0] == 7


def deliver(client, secret, signed_with=None):
    """A push to the default branch, as GitHub tells of it."""
    push = {
        "ref": "refs/heads/main",
        "repository": {"full_name": "pangeo-forge/ice-feedstock", "default_branch": "main"},
    }
    body = json.dumps(push).encode()
    digest = hmac.new((signed_with or secret).encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "1",
        "X-Hub-Signature-256": f"sha256={digest}",
    }
    return client.post("/webhooks/github", content=body, headers=headers)
