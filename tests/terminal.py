"""A shell in a checkout of its own: what the docs tell people to type is typed here, as it stands there."""

import contextlib
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import server_process
from pangeo_forge_federation.settings import ROOT
from server_process import STOP_SECONDS, ServerProcess

FOLDERS = ("plugins", "scripts", "static", "templates")
# the demo is made of what lies beside the tests
LINKED = ("docs", "tests")
FILES = ("metadata.yml", "settings.json", "pyproject.toml", "requirements.txt")
SECONDS = 60
# a server that stays in the foreground
SERVES = re.compile(r"(?:^|(?<=\s))scripts/serve\b")
# what a developer or a CI job may have set, but for where GitHub is, which the tests say
_LEFT_OUT = re.compile(r"FEDERATION_|GITHUB_(?!API_URL|GRAPHQL_URL|RAW_URL)|RUNNER_|TOKEN")


def make_checkout(folder: Path) -> Path:
    """A copy of this checkout, as a clone is once it is set up; its environment is that of the tests.

    So databases lie in the copy where the docs say that they lie in the checkout.
    """
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    environment = folder / ".venv"
    environment.mkdir()
    for each in Path(sys.prefix).iterdir():
        if not each.name.startswith("."):
            (environment / each.name).symlink_to(each)
    set_up = runpy.run_path(str(folder / "scripts" / "set_up.py"))
    set_up["STAMP"].write_text(set_up["wanted_stamp"]())
    return folder


class Terminal:
    """What is set, exported or entered by one command is so for the next, as in one window.

    `stand_ins` are what the docs name and a test cannot use, each with what is used in its place.
    """

    def __init__(self, folder: Path, checkout: Path, stand_ins: Mapping[str, object] | None = None, **environ: str):
        self.stand_ins = {name: str(stand_in) for name, stand_in in (stand_ins or {}).items()}
        self.environ = {name: value for name, value in os.environ.items() if not _LEFT_OUT.match(name)} | {
            "PWD": str(folder),
            "HOME": str(folder),
            "NO_PROXY": "127.0.0.1",
            "COLUMNS": "200",
            # `forge` is found by its name, as it is where it was installed
            "PATH": f"{checkout / '.venv' / 'bin'}:{os.environ['PATH']}",
            # the installation knows the folder that it was made in
            "PYTHONPATH": str(checkout / "plugins"),
            "PYTHON": sys.executable,
            **environ,
        }

    def run(self, text: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
        """Commands, done. One that fails ends them."""
        with tempfile.NamedTemporaryFile("r") as left:
            script = f"trap 'env -0 > {shlex.quote(left.name)}' EXIT\nset -a\n{self.filled(text)}"
            done = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", script],
                env=self.environ,
                cwd=self.environ["PWD"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
            self.environ = dict(line.split("=", 1) for line in left.read().split("\0") if "=" in line)
        assert done.returncode == exit_code, f"{text}\nexit code {done.returncode}: {done.stdout}{done.stderr}"
        return done

    @contextlib.contextmanager
    def serve(self, text: str, until: str = "Serving") -> Iterator[ServerProcess]:
        """Commands of which the last is a server: once it answers, until Ctrl-C. It has a port of its own choice.

        `until` stands in the last line that it says when it answers.
        """
        before, _, last = text.rstrip().rpartition("\n")
        if before:
            self.run(before)
        command, times = SERVES.subn("exec scripts/serve", self.filled(last))
        assert times == 1, text
        process = subprocess.Popen(
            ["bash", "-c", f"{command} --port 0"],
            env=self.environ,
            cwd=self.environ["PWD"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            said: list[str] = []
            while not said or until not in said[-1]:
                said.append(process.stdout.readline().rstrip())
                assert said[-1], f"{text}\nsaid {said}"
            url = re.fullmatch(r"Serving (http://\S+)", said[0])
            assert url, f"{text}\nsaid {said}"
            self.stand_ins["http://127.0.0.1:8001"] = url[1]
            yield ServerProcess(process, url[1], said)
            process.send_signal(signal.SIGINT)
            assert process.wait(STOP_SECONDS) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()

    def filled(self, text: str) -> str:
        for name, stand_in in self.stand_ins.items():
            text = text.replace(name, stand_in)
        return text


def wait_for(url: str) -> list:
    """The list at a URL, as soon as it holds something."""
    return server_process.wait_for(lambda: httpx.get(url).json())
