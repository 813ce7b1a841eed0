"""Every block of the docs is run by a test, and every command and option that they name is there.

A page, or a block of a language, that is not in the table has no test yet: write one, then its line here.
"""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from documented import Page, without_blocks
from pangeo_forge_federation.client.commands.root import forge
from pangeo_forge_federation.server.serve_command import serve_command
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.sync.command import sync_command

FOLDERS = (ROOT / "scripts", ROOT / "tests" / "benchmarks")
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
# page -> the tests that run its blocks, and the languages that those know what to do with
RUN_BY = {
    "README.md": ("test_readme.py", "bash python sh"),
    "CONTRIBUTING.md": ("test_commands_in_docs.py", "bash"),
    "api.md": ("test_docs.py", "bash csv javascript json python text"),
    "bakeries.md": ("test_docs.py", "bash json python text yaml"),
    "cli.md": ("test_forge_docs.py", "bash python sh text"),
    "cli-reference.md": ("test_forge_docs.py", "text"),
    "errors.md": ("test_errors.py", "json"),
    "github-actions.md": ("test_forge_docs.py", "yaml"),
    "maintainers.md": ("test_maintainers_docs.py", "bash cron yaml"),
    "meta-yaml.md": ("test_meta_yaml_docs.py", "text yaml"),
    "operations.md": ("test_operations.py", "bash ini sh yaml"),
    "performance.md": ("test_commands_in_docs.py", "bash text"),
    "replication.md": ("test_replication_docs.py", "bash"),
    "sql.md": ("test_docs.py", "bash csv json python text"),
}
# what has no language, and is no command
DRAWINGS = {"architecture.md"}
CONTRIBUTING = Page(ROOT / "CONTRIBUTING.md")
BEGIN = CONTRIBUTING.block("scripts/serve")
ONE_TEST = CONTRIBUTING.block(".venv/bin/python -m pytest")
PERFORMANCE = Page(ROOT / "docs" / "performance.md")
BENCHMARK = PERFORMANCE.block(".venv/bin/python")
# Commands that are too long to be run here too, each with the file that runs it.
RUN_ELSEWHERE = {
    "scripts/serve --demo": "tests/test_readme.py",
    "scripts/test": ".ci/run",
    "scripts/lint": ".ci/run",
    ".venv/bin/python tests/benchmarks/benchmark.py --large": "tests/test_benchmark.py",
}
# What is not ours, and has options of its own.
FOREIGN = ("curl", "docker", "sha256sum")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")


def test_every_page_with_a_block_has_a_test_that_runs_it():
    there = {}
    for page in PAGES:
        languages = set(re.findall(r"^```(\w+)$", page.read_text("utf-8"), re.MULTILINE))
        if languages:
            there[page.name] = " ".join(sorted(languages))
    assert there == {name: languages for name, (_, languages) in RUN_BY.items()}
    for name, (test, _) in RUN_BY.items():
        assert name in (ROOT / "tests" / test).read_text("utf-8"), (name, test)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_fence_is_one_that_the_tests_see(page):
    if page.name not in DRAWINGS:
        assert "```" not in without_blocks(page.read_text("utf-8")), "a fence has no language, or is indented"


def test_the_commands_of_contributing_and_performance():
    CONTRIBUTING.assert_that_all_are_taken()
    PERFORMANCE.assert_that_all_are_taken()
    assert [" ".join(words) for text in (BEGIN.text, BENCHMARK.text) for words in commands(text)] == list(RUN_ELSEWHERE)
    for command, place in RUN_ELSEWHERE.items():
        script = re.search(r"(?:scripts|benchmarks)/([\w.]+)", command)[1]
        assert script in (ROOT / place).read_text("utf-8"), command


def test_the_tests_that_contributing_names_are_there():
    """They are run here anyway: what may be wrong is a name."""
    for words in commands(ONE_TEST.text):
        named = [word for word in words if word.startswith("tests/")]
        paths = [path for word in named for path in ROOT.glob(word)]
        assert len(paths) >= len(named), words
        if "-k" in words:
            name = words[words.index("-k") + 1]
            tests = re.findall(r"def (test_\w+)", "".join(path.read_text("utf-8") for path in paths))
            assert any(name in test for test in tests), words


@pytest.mark.parametrize("path", [*PAGES, *(ROOT / "docs" / "deploy").iterdir()], ids=lambda path: path.name)
def test_every_option_is_there(path, ours):
    text = path.read_text("utf-8")
    if path.suffix != ".md":
        blocks, spans = [text], []
    else:
        blocks = re.findall(r"^```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        spans = [" ".join(span.split()) for span in re.findall("`([^`]+)`", without_blocks(text))]
    named = {"serve"}
    for words in [words for part in (*blocks, *spans) for words in commands(part)]:
        for place, word in enumerate(words):
            if name := ours.name_of(word):
                named.add(name)
                options, known = ours.options(name, words[place + 1 :])
                assert options <= known, (" ".join(words), options - known)
    # what stands without its command is an option of something that the page speaks of
    known = {option for name in named for option in ours.all_options(name)}
    for span in spans:
        words = span.split()
        if words[0] not in FOREIGN and not any(map(ours.name_of, words)):
            assert set(map(dashed, OPTION.findall(span))) <= known, (span, sorted(named))


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command in a text of the shell, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|;|\||\$\(", re.sub(r"(^|\s)#.*", "", line)):
            if words := part.split():
                yield words


def dashed(option: str) -> str:
    """An option as `forge` has it, which understands underscores too."""
    return f"--{re.sub('_+', '-', option.removeprefix('--'))}"


def script(name: str) -> Path | None:
    """Where the file of a command is."""
    return next((folder / name for folder in FOLDERS if (folder / name).exists()), None)


class Ours:
    """The commands of this project, by the names of their files."""

    def __init__(self) -> None:
        self._commands: dict[str, click.Command | None] = {
            "forge": forge(),
            "forge.py": forge(),
            "serve": serve_command,
            **{
                name: sync_command(bakeries=True, feedstocks=True, help="")
                for name in ("sync.py", "sync_bakeries.py", "sync_feedstocks.py")
            },
        }

    def name_of(self, word: str) -> str | None:
        """The name of a command that a word starts. Raises AssertionError for a script that is not there."""
        word = word.strip("\"'`()[],.:")
        folder, _, name = word.rpartition("/")
        if name in self._commands or (name.endswith(".py") and script(name)):
            return name
        if folder.endswith(("scripts", "benchmarks")) and re.fullmatch(r"[\w.-]+", name):
            assert script(name), f"there is no {word}"
            return name
        return None

    def options(self, name: str, words: list[str]) -> tuple[set[str], set[str]]:
        """(those that are given, those that the command or its sub-command has)."""
        words = words[: words.index("--")] if "--" in words else words
        given = {dashed(found[0]) for word in words if (found := OPTION.match(word))}
        command = self._command(name)
        if command is None:
            return given, set(OPTION.findall(script(name).read_text("utf-8")))
        for word in words:
            if isinstance(command, click.Group) and (found := command.get_command(click.Context(command), word)):
                command = found
        return given, set(_options_of(command))

    def all_options(self, name: str) -> Iterator[str]:
        """Those of all of its sub-commands."""
        command = self._command(name)
        return iter(self.options(name, [])[1]) if command is None else _options_below(command)

    def _command(self, name: str) -> click.Command | None:
        """None for a script of the shell."""
        if name not in self._commands:
            found = runpy.run_path(str(script(name))).values() if name.endswith(".py") else ()
            self._commands[name] = next((each for each in found if isinstance(each, click.Command)), None)
        return self._commands[name]


def _options_of(command: click.Command) -> Iterator[str]:
    yield "--help"
    for parameter in command.params:
        yield from map(dashed, (*parameter.opts, *parameter.secondary_opts))


def _options_below(command: click.Command) -> Iterator[str]:
    yield from _options_of(command)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from _options_below(command.get_command(context, name))


@pytest.fixture(scope="module")
def ours():
    with pytest.MonkeyPatch.context() as patch:
        # scripts import what lies beside them
        patch.syspath_prepend(FOLDERS[0])
        yield Ours()
