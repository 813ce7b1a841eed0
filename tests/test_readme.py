"""README.md is true: what it tells people to type is typed, in a checkout of its own, and does what it says."""

import json
import re

import pytest
from documented import Page
from fake_github import META, small_federation
from pangeo_forge_federation.settings import ROOT
from terminal import Terminal, make_checkout, wait_for

README = Page(ROOT / "README.md")
START = README.block("git clone")
READ = README.block("curl http")
READ_WITH_PANDAS = README.block("import pandas")
MAKE_TOKEN = README.block("TOKEN=")
RECORD = README.block("curl -X POST")
FORGE = README.block("pip install")
SYNC = README.block("export GITHUB_TOKEN")
# What needs the network, and what a checkout that is there and set up has in its place.
FROM_THE_NETWORK = {
    "git clone https://github.com/pangeo-forge/federation-api && ": "",
    "pip install git+https://github.com/pangeo-forge/federation-api\n": "",
}


def test_every_block_is_run():
    README.assert_that_all_are_taken()


def test_what_is_not_run_is_there():
    for command in FROM_THE_NETWORK:
        assert command in START.text + FORGE.text


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return make_checkout(tmp_path_factory.mktemp("readme") / "federation-api")


@pytest.fixture(scope="module")
def demo(checkout):
    """The demo, as the first window serves it."""
    first = Terminal(checkout.parent, checkout, FROM_THE_NETWORK)
    with first.serve(START.text, until="curl -X POST") as server:
        yield server


@pytest.fixture
def window(demo, checkout):
    """A second window."""
    return Terminal(checkout, checkout, {**FROM_THE_NETWORK, "http://127.0.0.1:8001": demo.url})


def test_the_demo_has_an_explorer_and_docs_and_prints_a_line_that_records(demo, window):
    assert "<h1" in window.run(f"curl -sf {demo.url}/").stdout
    assert "swagger" in window.run(f"curl -sf {demo.url}/docs").stdout
    run = json.loads(window.run(demo.said[-1]).stdout)
    assert (run["recipe_id"], run["status"]) == ("monthly-extent", "success")


def test_what_is_read(window):
    feedstock, failures = [json.loads(window.run(line).stdout) for line in READ.text.splitlines()]
    assert feedstock["id"] == "northern-sea-ice-feedstock"
    assert 1 <= len(failures) <= 10
    assert {run["status"] for run in failures} == {"failure"}


def test_what_pandas_reads(window):
    if READ_WITH_PANDAS.missing:
        pytest.skip(f"not run: {READ_WITH_PANDAS.missing} is not installed")
    shown = 'print(len(runs), *runs["bakery_id"].unique())'
    done = window.run(f"python - <<'END'\n{READ_WITH_PANDAS.text}{shown}\nEND")
    assert re.fullmatch(r"\d{3,4} osn\.bakery\.campus\n", done.stdout)


@pytest.mark.slow
def test_a_run_is_recorded_once_with_curl_and_another_with_forge(window, checkout, tmp_path):
    window.run(MAKE_TOKEN.text)
    answers = [window.run(RECORD.text.replace("curl ", "curl -si ", 1)).stdout for _ in range(2)]
    assert all(re.match(r"HTTP/1\.1 201 ", each) for each in answers)
    first, again = [json.loads(each.partition("\n\n")[2]) for each in answers]
    assert (first["commit"], first["status"]) == ("27b264a69b", "success")
    assert again["id"] == first["id"]
    (found,) = json.loads(window.run("curl -s http://127.0.0.1:8001/recipe_runs?commit=27b264a69b").stdout)
    assert found["id"] == first["id"]

    (tmp_path / "feedstock").mkdir()
    (tmp_path / "feedstock" / "meta.yaml").write_text(META.format("Ice"))
    (tmp_path / "bake.py").write_text("print('baked')\n")
    window.run(
        f"cd {tmp_path}; git init -q; git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m Ice"
    )
    done = window.run(FORGE.text)
    assert "baked" in done.stdout
    runs = json.loads(window.run("forge runs list --commit $(git rev-parse HEAD) --json").stdout)
    assert [(run["recipe_id"], run["status"]) for run in runs] == [("monthly-extent", "success")]
    # who validates is told by the exit code
    (tmp_path / "feedstock" / "meta.yaml").write_text("nothing: 1\n")
    window.run(FORGE.text.splitlines()[-1], exit_code=1)


@pytest.mark.slow
def test_a_real_federation_is_synced_and_followed(checkout, httpserver):
    github = small_federation(httpserver)
    window = Terminal(checkout, checkout, **github.environment)
    with_token, dry_run, sync, serve = SYNC.text.splitlines()
    window.run(with_token)
    done = window.run(dry_run)
    assert "+ feedstock ice-feedstock" in done.stdout.splitlines()
    assert not (checkout / "federation.db").exists()
    assert "Synced: 4 added" in window.run(sync).stderr
    assert "Synced: 0 added, 0 changed, 0 removed, 4 unchanged" in window.run(sync).stderr
    assert (checkout / "federation.db").exists() and (checkout / "tokens.db").exists()
    github.add("leap-stc/rain-feedstock", META.format("Rain"))
    with window.serve(serve) as server:
        found = wait_for(f"{server.url}/feedstocks?title=Rain")
        assert [each["repository"] for each in found] == ["leap-stc/rain-feedstock"]
