"""docs/cli.md and docs/github-actions.md are true: what they show is run, what they list is what there is.

    scripts/write-generated

writes answers and reference anew, for when they have changed; look at the diff.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner
from forge_process import Forge
from pangeo_forge_federation.client.commands.root import forge
from pangeo_forge_federation.settings import ROOT
from test_docs import BASE, Block, Demo, anchors, read_blocks, runs_of, serve_demo

CLI = ROOT / "docs" / "cli.md"
REFERENCE = ROOT / "docs" / "cli-reference.md"
WORKFLOWS = ROOT / "docs" / "github-actions.md"
ACTIONS = ROOT / ".github" / "actions"
ALL_BLOCKS = read_blocks(CLI.read_text("utf-8"), CLI)
# `sh` blocks are for people, and each is run elsewhere, or not at all
BLOCKS = [block for block in ALL_BLOCKS if block.language != "sh"]
BY_PEOPLE = {
    "pip install git+": "it needs the network",
    "export FEDERATION_URL=": "it asks for a token: tests/test_forge_configuration.py answers",
    "forge runs import recipe_runs.json --system": "tests/test_forge_import.py has such files",
}
WIDTH = 100
WRITES = re.compile(r"runs (create|update|record|import|flush|heartbeat)|datasets (create|update)")


def environment_of(folder: Path, url: str, token: str) -> dict[str, str]:
    made = Forge(url, token, folder)
    return {**made.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def answer(demo: Demo, block: Block, folder: Path) -> str:
    """What a block prints, with what differs each time replaced by what stands for it in the docs."""
    with contextlib.ExitStack() as stack:
        url, token = demo.url, ""
        if WRITES.search(block.text):
            url, token = stack.enter_context(demo.writable(folder / "data"))
        command = [sys.executable, "-c", block.text]
        if block.language == "bash":
            command = ["bash", "-e", "-c", block.text]
        done = subprocess.run(
            command, env=environment_of(folder, url, token), cwd=folder, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{block.place}: {done.stderr}"
        text = done.stdout.replace(url, BASE)
    # the sync of the demo was now
    return re.sub(r"(last_sync_at +)\S+ \S+", r"\g<1>2026-03-02 05:00:00", text)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FEDERATION_DATA", "FEDERATION_PUBLIC_URL", "FEDERATION_TRUSTED_PROXIES"):
            patch.delenv(name, raising=False)
        with serve_demo(tmp_path_factory.mktemp("docs")) as served:
            yield served


@pytest.mark.parametrize(
    "block", runs_of(BLOCKS, lambda block: WRITES.search(block.text)), ids=lambda block: f"line-{block.line}"
)
def test_a_block_does_what_the_docs_say(block, demo, tmp_path):
    assert block.answer is not None, f"no answer follows {block.place}"
    if block.missing:
        pytest.skip(f"not run, only read: {block.missing} is not installed")
    assert answer(demo, block, tmp_path).rstrip("\n") == block.answer.rstrip("\n"), block.place


def test_what_people_do_is_run_elsewhere():
    by_people = [block.text for block in ALL_BLOCKS if block.language == "sh"]
    assert all(text.startswith(start) for text, start in zip(by_people, BY_PEOPLE, strict=True))


def test_the_reference_is_what_help_says():
    assert REFERENCE.read_text("utf-8") == reference(), "run scripts/write-generated"


@pytest.mark.parametrize("page", [CLI, REFERENCE, WORKFLOWS], ids=lambda page: page.stem)
def test_links_between_the_pages_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text("utf-8")):
        other = page.parent / target if target else page
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other.read_text("utf-8")), f"{target}#{anchor}"


def commands() -> list[tuple[str, ...]]:
    """Every command there is, by its words."""
    root = forge()
    found = []
    for name in root.list_commands(None):
        command = root.get_command(None, name)
        names = command.list_commands(None) if isinstance(command, click.Group) else None
        found += [(name, each) for each in names] if names else [(name,)]
    return found


# what the help of each list says at its end, alike but for the column of its example
OPERATORS = re.compile(r"\n  Every filter can be combined with an operator.*\Z", re.DOTALL)


def reference() -> str:
    """docs/cli-reference.md: `forge` and all of its commands, as `--help` has them; operators stand in it once."""
    sections, operators = [], ""
    for words in [(), *commands()]:
        done = CliRunner().invoke(
            forge(), [*words, "--help"], prog_name="forge", terminal_width=100, max_content_width=100
        )
        assert done.exit_code == 0, words
        if found := OPERATORS.search(done.stdout):
            operators = " ".join(found[0].split())
        sections.append(f"## {' '.join(('forge', *words))}\n\n```text\n{OPERATORS.sub('', done.stdout).rstrip()}\n```")
    told = textwrap.fill(operators, 120, break_on_hyphens=False, break_long_words=False)
    parts = [
        "# Every command of `forge`",
        "Generated from `--help` by `scripts/write-generated`. [cli.md](cli.md) describes how to use the commands.",
        "## Operators of lists",
        told,
        *sections,
    ]
    return "\n\n".join(parts) + "\n"


# The actions, as a runner of GitHub's does their steps.


def filled(text: str, said: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: said[match[1]], text)


def run_action(name: str, given: dict[str, str], environ: dict[str, str], temp: Path) -> int:
    """What a runner does with a composite action. The exit code of the step that failed, else 0."""
    action = yaml.safe_load((ACTIONS / name / "action.yml").read_text("utf-8"))
    assert set(given) <= set(action["inputs"]), given
    said = {"runner.temp": str(temp), "always() && inputs.token != ''": ""}
    for each, told in action["inputs"].items():
        assert each in given or not told.get("required"), each
        said[f"inputs.{each}"] = given.get(each, str(told.get("default", "")))
    failed = 0
    for step in action["runs"]["steps"]:
        if failed and "always()" not in step.get("if", ""):
            continue
        more = {key: filled(text, said) for key, text in step.get("env", {}).items()}
        script = temp / "step.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            env={**environ, **more, "GITHUB_ACTION_PATH": str(ACTIONS / name), "RUNNER_TEMP": str(temp)},
            cwd=temp,
            timeout=60,
        )
        failed = failed or done.returncode
    return failed


@pytest.mark.slow
def test_the_workflow_validates_and_records(demo, tmp_path):
    (workflow, _) = [yaml.safe_load(block.text) for block in read_blocks(WORKFLOWS.read_text("utf-8"), WORKFLOWS)]
    jobs = workflow["jobs"]
    (uses,) = [step for step in jobs["bake"]["steps"] if "federation-api" in step["uses"]]
    assert uses["uses"].partition("/.github/actions/")[2] == "record@main"
    (validate,) = [step for step in jobs["validate"]["steps"] if "federation-api" in step["uses"]]
    assert validate["uses"].partition("/.github/actions/")[2] == "validate@main"
    with demo.writable(tmp_path / "data") as (url, token):
        environ = environment_of(tmp_path, url, "") | {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "pangeo-forge/northern-sea-ice-feedstock",
            "GITHUB_SHA": "0f2c9a7d" * 5,
            "GITHUB_RUN_ID": "9000000001",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_PATH": str(tmp_path / "path"),
        }
        codes = []
        for recipe in jobs["bake"]["strategy"]["matrix"]["recipe"]:
            said = {"matrix.recipe": recipe, "secrets.FEDERATION_TOKEN": token}
            given = {name: filled(text, said) for name, text in uses["with"].items()} | {"url": url}
            codes.append(run_action("record", given, environ, tmp_path))
        # a fork's pull request has no token: it runs all the same
        codes.append(run_action("record", {"run": "exit 7", "recipe": "x", "url": url}, environ, tmp_path))
        runs = Forge(url, token, tmp_path).read("runs", "list", "--external-id-startswith", "90", "--sort", "id")
    assert codes == [0, 1, 7]
    assert [(run["external_id"], run["status"], len(run["datasets"])) for run in runs] == [
        ("9000000001/1/daily-concentration", "success", 1),
        ("9000000001/1/monthly-extent", "failure", 0),
    ]
    assert runs[1]["message"].endswith("\n\nbaking monthly-extent")
    assert f"recipe_run_id={runs[0]['id']}\n" in (tmp_path / "output").read_text()
    assert (tmp_path / "summary").read_text().count("### Recipe run") == 3
    (tmp_path / "feedstock").mkdir()
    (tmp_path / "feedstock" / "meta.yaml").write_text("title: T\nrecipes: [{id: a, object: 'r:r'}]\nlicense: CC0-1.0\n")
    assert run_action("validate", {}, environ, tmp_path) == 0
    (tmp_path / "feedstock" / "meta.yaml").write_text("nothing: 1\n")
    assert run_action("validate", {"strict": "true"}, environ, tmp_path) == 1


def write_anew() -> None:
    REFERENCE.write_text(reference(), "utf-8")
    answers = {}
    with tempfile.TemporaryDirectory() as folder, serve_demo(Path(folder)) as demo:
        for block in BLOCKS:
            with tempfile.TemporaryDirectory() as own:
                answers[block.text] = answer(demo, block, Path(own))
    markdown = CLI.read_text("utf-8")
    # from the end, so that the spans before stay right
    for block in reversed(read_blocks(markdown, CLI)):
        if block.answer is not None and block.text in answers:
            start, end = block.span
            markdown = f"{markdown[:start]}{answers[block.text].rstrip()}\n{markdown[end:]}"
    CLI.write_text(markdown, "utf-8")


if __name__ == "__main__":
    write_anew()
