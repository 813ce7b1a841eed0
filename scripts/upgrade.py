"""Upgrade the pins in requirements.txt, and the pins of their dependencies below them.

A pin with a comment `held: reason` is only upgraded if it is given by name. Nothing is installed: that happens the next
time a script is started, as requirements.txt has changed.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import click

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
BELOW = "# What those need, so that two machines install the same\n"
# part of every environment, and left out by `pip freeze`
NOT_PINNED = {"pip", "setuptools", "wheel"}
PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)(?P<comment>\s*#.*)?")


def normal(name: str) -> str:
    """Return a normalised package name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def newest(wanted: list[str]) -> dict[str, tuple[str, str]]:
    """Return normalised name -> (name, version) of all packages that pip would install.

    Raises ClickException with pip's error message.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(wanted))
        file.flush()
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--disable-pip-version-check", "--report", "-", "-r", file.name]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(f"pip failed, and nothing was changed: {done.stderr.strip()}")
    found = [each["metadata"] for each in json.loads(done.stdout)["install"]]
    pins = {normal(each["name"]): (each["name"], each["version"]) for each in found}
    return {name: pin for name, pin in pins.items() if name not in NOT_PINNED}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
def upgrade(names: tuple[str, ...]) -> None:
    """Upgrade the pins in requirements.txt: those of NAMES, or all that are not held."""
    above, heading, below = REQUIREMENTS.read_text("utf-8").partition(BELOW)
    pins = {normal(match["name"]): match for match in map(PIN.fullmatch, above.splitlines()) if match}
    named = set(map(normal, names))
    if unknown := named - set(pins):
        raise click.ClickException(
            f"{', '.join(sorted(unknown))}: not among the direct dependencies in {REQUIREMENTS.name}"
        )
    wanted = []
    for name, pin in pins.items():
        is_raised = name in named if named else "held:" not in (pin["comment"] or "")
        wanted.append(f"{pin['name']}{'>=' if is_raised else '=='}{pin['version']}")
    found = newest(wanted)

    def raised(line: str) -> str:
        match = PIN.fullmatch(line)
        return f"{match['name']}=={found[normal(match['name'])][1]}{match['comment'] or ''}" if match else line

    lines = [raised(line) for line in above.splitlines()]
    rest = sorted((pin for name, pin in found.items() if name not in pins), key=lambda pin: pin[0].lower())
    lines += [heading.rstrip("\n"), *(f"{name}=={version}" for name, version in rest)]
    before = {normal(match["name"]): match["version"] for match in PIN.finditer(above + below)}
    for name, (shown, version) in sorted(found.items()):
        if before.get(name) != version:
            click.echo(f"{shown} {before.get(name, 'new')} -> {version}")
    for name in sorted(set(before) - set(found)):
        click.echo(f"{name} {before[name]} -> no longer needed")
    REQUIREMENTS.write_text("\n".join(lines) + "\n", "utf-8")
    click.echo("Now run .ci/run to install and test the changes.", err=True)


if __name__ == "__main__":
    upgrade()
