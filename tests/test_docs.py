"""The docs are true: every request in them is sent to a real server, and its answer compared with the one that follows.

    scripts/write-generated

writes the answers anew, for when the API has changed; look at the diff.
"""

import ast
import contextlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.api.filters import IN_VALUES, OPERATORS, SCALARS
from pangeo_forge_federation.api.paging import DEFAULT_SIZE, MAX_SIZE
from pangeo_forge_federation.api.reads import COUNT_CAP
from pangeo_forge_federation.api.writes import MAX_RUNS
from pangeo_forge_federation.problems import KINDS
from pangeo_forge_federation.recording.datasets import DATASETS_PER_RUN
from pangeo_forge_federation.recording.idempotency import KEPT_FOR, MAX_CHARACTERS
from pangeo_forge_federation.records.field_kinds import DAY, INTEGER, NUMBER, TEXT, TIME
from pangeo_forge_federation.records.models import Dataset, RecipeRun
from pangeo_forge_federation.records.rows import MESSAGE_CHARACTERS
from pangeo_forge_federation.server.client_files import described_fields
from pangeo_forge_federation.server.demo import DEMO_BAKERY, ensure_demo
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.settings import ROOT, read_settings
from pangeo_forge_federation.storage.database import TOKENS, connect, database_path
from pangeo_forge_federation.storage.snapshots import make_snapshot
from pangeo_forge_federation.values import times
from pangeo_forge_federation.web.addresses import path_regex
from pangeo_forge_federation.web.request_bodies import MAX_BODY_BYTES
from server_process import running_server

API = ROOT / "docs" / "api.md"
BAKERIES = ROOT / "docs" / "bakeries.md"
SQL = ROOT / "docs" / "sql.md"
PAGES = (API, BAKERIES, SQL)
FIELD_TABLES = {"recipe run": RecipeRun, "dataset": Dataset}
README = ROOT / "README.md"
BASE = "http://127.0.0.1:8001"
# the demo of the docs ends here: long ago, so that no run is ahead of the clock and all that are unfinished are stale
NOW = datetime(2026, 3, 2, 4, 5, tzinfo=UTC)
# What differs each time that the demo is made, and what stands for it in the docs: the times that the registry sets ...
SET_BY_REGISTRY = "2026-03-02T05:00:00.000000Z"
# ... the version of the registry ...
VERSION = "0.1.0"
# ... and the id of a request.
REQUEST_ID = "5b1c0f6a9e2d-2a"

REQUEST, ANSWERS, PROGRAMS = "bash", ("json", "csv", "text"), ("python", "javascript")
# Blocks that are not run, each with the reason.
NOT_RUN = {
    "import xarray": "it opens a store on the internet",
    ".venv/bin/python scripts/tokens.py": "it is for those who run the registry",
    "on:": "it is a workflow, which has a test of its own",
}
ANSWER_WIDTH, LONG_LIST = 132, 10
ENVIRONMENT = ("FEDERATION_DATA", "FEDERATION_PUBLIC_URL", "FEDERATION_TRUSTED_PROXIES")


@dataclass(frozen=True)
class Block:
    """A fenced block, and the answer that follows it."""

    language: str
    text: str
    line: int
    page: Path
    answer_language: str | None = None
    answer: str | None = None
    # where the answer stands in the file
    span: tuple[int, int] = (0, 0)

    @property
    def place(self) -> str:
        return f"docs/{self.page.name}, line {self.line}"

    @property
    def writes(self) -> bool:
        return "TOKEN" in self.text

    @property
    def reason_not_to_run(self) -> str | None:
        return next((reason for start, reason in NOT_RUN.items() if self.text.startswith(start)), None)

    @property
    def missing(self) -> str | None:
        """What this machine lacks to run it."""
        if self.language == "python":
            return next((name for name in imports(self.text) if not importlib.util.find_spec(name)), None)
        if self.language == "javascript":
            return None if shutil.which("node") else "node"
        if "jq " in self.text and not shutil.which("jq"):
            return "jq"
        return None


def read_blocks(markdown: str, page: Path = API) -> list[Block]:
    """Every block that is no answer, with the answer that comes next."""
    found = list(re.finditer(r"^```(\w+)\n(.*?)^```$", markdown, re.DOTALL | re.MULTILINE))
    blocks = []
    for match, following in zip(found, [*found[1:], None], strict=True):
        if match[1] in ANSWERS:
            continue
        block = Block(match[1], match[2], markdown.count("\n", 0, match.start()) + 1, page)
        if following and following[1] in ANSWERS:
            block = replace(block, answer_language=following[1], answer=following[2], span=following.span(2))
        blocks.append(block)
    return blocks


def imports(source: str) -> list[str]:
    """The modules that a program imports."""
    nodes = list(ast.walk(ast.parse(source)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return [name.split(".")[0] for name in names]


@dataclass(frozen=True)
class Demo:
    """The demo of the docs as it was made, which nobody serves, and a server over a copy of it for all that reads."""

    made: Path
    began: str
    url: str

    def answer(self, block: Block, folder: Path) -> str:
        """What a block prints, with what differs each time replaced by what stands for it in the docs."""
        if not block.writes:
            return self._run(block, folder, self.url)
        with self.writable(folder / "data") as (url, token):
            return self._run(block, folder, url, TOKEN=token, FEDERATION_TOKEN=token)

    @contextlib.contextmanager
    def writable(self, data: Path) -> Iterator[tuple[str, str]]:
        """(URL, a bakery's token) of a copy of its own, so that no other answer depends on what is written."""
        shutil.copytree(self.made, data)
        connection = connect(database_path(data, TOKENS))
        token = tokens.create_token(connection, DEMO_BAKERY, "docs", 1)
        connection.close()
        with running_server(data) as server:
            yield server.url, token

    def _run(self, block: Block, folder: Path, url: str, **environment: str) -> str:
        program = block.text.replace(BASE, url)
        command = {
            "bash": ["bash", "-e", "-c", program],
            "python": [sys.executable, "-c", program],
            "javascript": ["node", "--input-type=module", "-e", program],
        }[block.language]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=60,
            env={**os.environ, "NO_PROXY": "127.0.0.1", **environment},
        )
        assert done.returncode == 0, f"{block.place}: {done.stderr}"
        text = done.stdout.replace(url, BASE).replace("\r", "")
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", self._told_time, text)
        text = re.sub(r'"request_id":"[^"]*"', f'"request_id":"{REQUEST_ID}"', text)
        return text.replace(f'"version":"{version("pangeo-forge-federation")}"', f'"version":"{VERSION}"')

    def _told_time(self, match: re.Match) -> str:
        return match[0] if match[0] < self.began else SET_BY_REGISTRY


@contextlib.contextmanager
def serve_demo(folder: Path) -> Iterator[Demo]:
    began = times.now()
    ensure_demo(folder / "made", NOW)
    shutil.copytree(folder / "made", folder / "served")
    make_snapshot(folder / "served")
    with running_server(folder / "served") as server:
        yield Demo(folder / "made", began, server.url)


MARKDOWN = API.read_text("utf-8")
BLOCKS = [block for page in PAGES for block in read_blocks(page.read_text("utf-8"), page)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in ENVIRONMENT:
            patch.delenv(name, raising=False)
        with serve_demo(tmp_path_factory.mktemp("docs")) as served:
            yield served


def runs_of(blocks: list[Block], writes: Callable[[Block], object]) -> list:
    """Parameters of a test: a block that writes has a server of its own, which is slow."""
    return [pytest.param(block, marks=pytest.mark.slow) if writes(block) else block for block in blocks]


@pytest.mark.parametrize(
    "block", runs_of(BLOCKS, lambda block: block.writes), ids=lambda block: f"{block.page.stem}-line-{block.line}"
)
def test_a_block_does_what_the_docs_say(block, request, tmp_path):
    if block.language == "python":
        compile(block.text, block.place, "exec")
    if block.reason_not_to_run:
        assert block.answer is None
        pytest.skip(f"not run: {block.reason_not_to_run}")
    assert block.language in (REQUEST, *PROGRAMS)
    assert block.answer is not None, f"no answer follows {block.place}"
    if block.missing:
        pytest.skip(f"not run, only read: {block.missing} is not installed")
    answer = request.getfixturevalue("demo").answer(block, tmp_path)
    if block.answer_language == "json":
        assert json.loads(answer) == json.loads(block.answer)
    else:
        assert answer.rstrip("\n") == block.answer.rstrip("\n")


def test_what_is_not_run_is_there():
    for start in NOT_RUN:
        assert any(block.text.startswith(start) for block in BLOCKS), start


def sections() -> dict[str, str]:
    """`METHOD /path` -> the section of the docs under that heading."""
    parts = re.split(r"^### `((?:GET|POST|PATCH) /\S*)`.*$", MARKDOWN, flags=re.MULTILINE)
    return {
        name: re.split(r"^#", text, maxsplit=1, flags=re.MULTILINE)[0]
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


async def test_every_endpoint_has_a_section_with_a_request_to_it(datasette):
    services = ensure_services(datasette)
    operations = {("GET", query.path) for query in services.queries.values()}
    operations |= {(method, path) for path, method in services.operations}
    assert set(sections()) == {f"{method} {path}" for method, path in operations}
    for method, path in operations:
        section = sections()[f"{method} {path}"]
        requests = [block.text for block in read_blocks(section) if block.language == REQUEST]
        sent = [
            re.search(rf"{BASE}(/[^\s'?]*)", text)[1]
            for text in requests
            if (re.findall(r"-X (\w+)", text) or ["GET"])[0] == method
        ]
        assert any(re.match(path_regex(path), each) for each in sent), (method, path)


async def test_a_section_names_aliases_sorts_defaults_and_parameters(datasette):
    for query in ensure_services(datasette).queries.values():
        section = sections()[f"GET {query.path}"]
        words = [*query.aliases, *query.query_parameters]
        if not query.one:
            words += query.sorts
            words += [f"{name}={value}" for name, value in query.defaults.items()]
            words += ["q"] if query.search else []
        for word in words:
            assert f"`{word}`" in section, (query.path, word)


def test_each_page_of_a_website_needs_an_endpoint_that_is_there():
    table = re.search(r"^\| page \| request \|\n(.*?)\n\n", MARKDOWN, re.DOTALL | re.MULTILINE)[1]
    requests = re.findall(r"^\|.*\| `(GET /[^`?]*)(?:\?[^`]*)?` \|$", table, re.MULTILINE)
    assert len(requests) >= 7
    assert set(requests) <= set(sections())


def test_the_table_of_operators_has_each_with_its_kinds_of_column():
    table = re.search(r"^\| operator \|(.*?)\n\n", MARKDOWN, re.DOTALL | re.MULTILINE)[1]
    told = {
        name: kinds
        for cell, kinds in re.findall(r"^\| (`.*?`) \|.*\| ([\w, ]+) \|$", table, re.MULTILINE)
        for name in re.findall(r"`(?:__|column=)(\w+)`", cell)
    }
    words = {TEXT: "text", INTEGER: "number", NUMBER: "number", TIME: "time", DAY: "time"}

    def kinds_of(operator):
        return "all" if operator.kinds == SCALARS else ", ".join(dict.fromkeys(map(words.get, operator.kinds)))

    # `column=value` is the one without a name
    assert told == {name or "value": kinds_of(operator) for name, operator in OPERATORS.items()}


@pytest.mark.parametrize("words", FIELD_TABLES)
def test_a_table_of_fields_has_each_that_may_be_sent(words):
    assert re.search(rf"^\| field of a {words} \|.*?\n\n", MARKDOWN, re.DOTALL | re.MULTILINE)[0] == fields_told(words)


def fields_told(words: str) -> str:
    """The table of the fields of such a record that a POST or a PATCH takes."""
    rows = [f"| field of a {words} | POST | PATCH | what it is |", "|---|---|---|---|"]
    for name, told in described_fields(FIELD_TABLES[words]).items():
        if told.get("create") or told.get("update"):
            post, patch = told.get("create", "no"), "yes" if told.get("update") else "no"
            rows.append(f"| `{name}` | {post} | {patch} | {told['description']} |")
    return "\n".join(rows) + "\n\n"


@pytest.mark.parametrize(
    ("heading", "bounds"),
    [
        ("Paging", (DEFAULT_SIZE, MAX_SIZE)),
        ("Objects and lists", (MESSAGE_CHARACTERS, COUNT_CAP)),
        ("Filters", (IN_VALUES,)),
        ("`POST /recipe_runs`", (MAX_RUNS,)),
    ],
)
def test_the_bounds_are_those_of_the_code(heading, bounds):
    section = MARKDOWN.split(f"\n### {heading}\n", 1)[1].split("\n### ", 1)[0]
    assert {f"{bound:,}" for bound in bounds} <= set(re.findall(r"\d[\d,]*\d", section))


async def test_the_table_of_the_readme_is_what_there_is(datasette):
    services = ensure_services(datasette)
    section = re.search(r"^## Endpoints$(.*?)^## ", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)[1]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    told = {tuple(each.split()) for row in rows for each in re.findall(r"`([A-Z]+ /[^`]*)`", row)}
    there = {("GET", path) for query in services.queries.values() for path in query.paths}
    there |= {(method, path) for path, method in services.operations}
    assert told == there


@pytest.mark.parametrize("start", [*PAGES, API.parent / "errors.md"], ids=lambda page: page.stem)
def test_links_between_the_pages_lead_somewhere(start):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", start.read_text("utf-8")):
        page = start.parent / target if target else start
        assert page.exists(), target
        if anchor:
            assert anchor in anchors(page.read_text("utf-8")), f"{target}#{anchor}"


def run_workflow(workflow: dict, url: str, token: str, folder: Path, fails: bool, **github: str) -> None:
    """What GitHub does with the steps of a job that are ours, once for each job of its matrix."""
    (job,) = workflow["jobs"].values()
    for recipe in job["strategy"]["matrix"]["recipe"]:
        said = {
            "secrets.FEDERATION_TOKEN": token,
            "matrix.recipe": recipe,
            "github.run_id": github["GITHUB_RUN_ID"],
            "github.run_attempt": github["GITHUB_RUN_ATTEMPT"],
            "job.status": "failure" if fails else "success",
        }

        def filled(variables, said=said):
            return {
                name: re.sub(r"\$\{\{ (.*?) \}\}", lambda match: said[match[1]], text).replace(BASE, url)
                for name, text in variables.items()
            }

        for step in job["steps"]:
            if "FEDERATION_URL" not in step.get("run", ""):
                continue
            environment = {**os.environ, "NO_PROXY": "127.0.0.1", **github, **filled(job["env"])}
            done = subprocess.run(
                ["bash", "-e", "-c", step["run"]],
                env=environment | filled(step.get("env", {})),
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.slow
def test_the_workflow_records_each_job_of_each_attempt(demo, tmp_path):
    (block,) = [block for block in BLOCKS if block.language == "yaml"]
    if block.missing:
        pytest.skip(f"not run, only read: {block.missing} is not installed")
    workflow = yaml.safe_load(block.text)
    github = {
        "GITHUB_REPOSITORY": "pangeo-forge/northern-sea-ice-feedstock",
        "GITHUB_SHA": "0f2c9a7d" * 5,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "9000000001",
    }
    with demo.writable(tmp_path / "data") as (url, token):
        for attempt, fails in (("1", True), ("2", False)):
            # a step that runs twice records nothing twice
            for _ in range(2):
                run_workflow(workflow, url, token, tmp_path, fails, GITHUB_RUN_ATTEMPT=attempt, **github)
        found = subprocess.run(
            ["curl", "-s", f"{url}/recipe_runs?_sort=id&external_id__startswith=9000000001/"],
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
            capture_output=True,
        )
    runs = json.loads(found.stdout)
    recipes = next(iter(workflow["jobs"].values()))["strategy"]["matrix"]["recipe"]
    assert [(run["external_id"], run["status"]) for run in runs] == [
        (f"9000000001/{attempt}/{recipe}", status)
        for attempt, status in (("1", "failure"), ("2", "success"))
        for recipe in recipes
    ]
    for run in runs:
        assert (run["feedstock_id"], run["commit"]) == ("northern-sea-ice-feedstock", github["GITHUB_SHA"])
        assert run["recipe_id"] == run["external_id"].split("/")[-1]
        assert run["log_url"].startswith("https://github.com/pangeo-forge/northern-sea-ice-feedstock/actions/runs/900")


def test_the_table_of_errors_for_bakeries_has_each():
    section = re.search(r"^## What to do on each error$(.*?)^## ", BAKERIES.read_text("utf-8"), re.DOTALL | re.M)[1]
    told = re.findall(r"^\| (\d+) \| \[`([a-z-]+)`\]\(errors\.md#([a-z-]+)\)", section, re.MULTILINE)
    assert all(kind == anchor and KINDS[kind][0] == int(status) for status, kind, anchor in told)
    # requests that write cannot cause these
    of_reads = {"slow-query", "answer-too-large", "range-not-satisfiable", "not-acceptable"}
    assert {kind for _, kind, _ in told} == set(KINDS) - of_reads


def test_the_limits_are_those_of_the_code():
    limit, kept = read_settings(environ={}).writes_per_minute, KEPT_FOR.total_seconds() // 3600
    for bound in (limit, MAX_RUNS, DATASETS_PER_RUN, MAX_BODY_BYTES // 2**20, int(kept), MAX_CHARACTERS):
        assert re.search(rf"\b{bound:,}\b", BAKERIES.read_text("utf-8")), bound


def anchors(markdown: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def pretty(value: object, indent: int = 0, before: int = 0) -> str:
    """JSON in which what fits into its line stands in one. `before` is what the line holds already."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or before + len(line) <= ANSWER_WIDTH:
        return line
    blanks = " " * (indent + 2)
    if isinstance(value, list):
        starts, values, (first, last) = [blanks] * len(value), value, "[]"
    else:
        starts, values, (first, last) = [f"{blanks}{json.dumps(name)}: " for name in value], value.values(), "{}"
    if first == "[" and len(value) > LONG_LIST:
        parts = [f"{blanks}{json.dumps(each, ensure_ascii=False)}" for each in value]
    else:
        parts = [start + pretty(each, indent + 2, len(start)) for start, each in zip(starts, values, strict=True)]
    return f"{first}\n" + ",\n".join(parts) + f"\n{' ' * indent}{last}"


def write_answers_anew() -> None:
    """Put what the server says today in the place of every answer, and what the models say in that of their tables."""
    answers: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, serve_demo(Path(folder)) as demo:
        for block in BLOCKS:
            if block.answer is None or block.missing:
                continue
            with tempfile.TemporaryDirectory() as own:
                answer = demo.answer(block, Path(own))
            answers[block.text] = pretty(json.loads(answer)) if block.answer_language == "json" else answer
    for page in PAGES:
        # as it is by now: somebody may have written in it meanwhile
        markdown = page.read_text("utf-8")
        # from the end, so that the spans before stay right
        for block in reversed(read_blocks(markdown, page)):
            if block.answer is not None and block.text in answers:
                start, end = block.span
                markdown = f"{markdown[:start]}{answers[block.text].rstrip()}\n{markdown[end:]}"
        if page == API:
            for words in FIELD_TABLES:
                table = rf"^\| field of a {words} \|(.*\n)+?\n"
                markdown = re.sub(table, fields_told(words), markdown, flags=re.MULTILINE)
        page.write_text(markdown, "utf-8")


if __name__ == "__main__":
    for variable in ENVIRONMENT:
        os.environ.pop(variable, None)
    write_answers_anew()
