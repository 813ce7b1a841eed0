"""`forge` as people and jobs start it, with an environment that a test decides."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from conftest import BAKERY, new_token
from pangeo_forge_federation.client.commands.root import forge
from pangeo_forge_federation.storage.data_folder import prepare

COMMAND = (sys.executable, "-m", "pangeo_forge_federation.client.commands.root")
RUN = ("--recipe", "extent", "--feedstock", "northern-sea-ice-feedstock", "--commit", "0f2c9a7d")
# what a developer or a CI job may have set
_LEFT_OUT = ("FEDERATION_", "GITHUB_", "RUNNER_", "NO_COLOR", "FORCE_COLOR", "HTTP_PROXY", "http_proxy")


@dataclass
class Forge:
    """`forge` with a registry, a token and folders of its own."""

    url: str
    token: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    # how it is started in a process of its own
    command: Sequence[str] = COMMAND

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def environ(self) -> dict[str, str]:
        """What a process gets."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
        return kept | {
            "NO_PROXY": "127.0.0.1",
            "COLUMNS": "200",
            "FEDERATION_URL": self.url,
            "FEDERATION_TOKEN": self.token,
            "FEDERATION_CONFIG": str(self.folder / "config.json"),
            "FEDERATION_SPOOL": str(self.spool),
            **self.environment,
        }

    def where(self, **environment: str) -> "Forge":
        """The same with other variables."""
        return replace(self, environment={**self.environment, **environment})

    def at(self, url: str) -> "Forge":
        return replace(self, url=url)

    def __call__(self, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[str]:
        """A command, done: in this process, which is cheaper, but for `runs record`, which ends its process."""
        if "record" in arguments:
            return self.process(*arguments, given=given)
        environ = self.environ
        left_out = dict.fromkeys(name for name in os.environ if name not in environ)
        done = CliRunner().invoke(forge(), list(arguments), given, {**left_out, **environ}, prog_name="forge")
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(list(arguments), done.exit_code, done.stdout, done.stderr)

    def process(self, *arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[str]:
        """A command in a process of its own, done."""
        done = subprocess.run(
            [*self.command, *arguments],
            env=self.environ,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=60,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        )

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """A command that goes on."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([*self.command, *arguments], env=self.environ, **pipes)

    def record(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self("runs", "record", *RUN, "--", *command)

    def read(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def latest(self) -> dict[str, Any]:
        """The run that was recorded last."""
        return self.read("runs", "list", "--sort-desc", "id", "--limit", "1")[0]


def make_token(data: Path, bakery_id: str | None = BAKERY) -> str:
    """A token for the registry in a data folder, which is made."""
    prepare(data)
    return new_token(data, bakery_id)
