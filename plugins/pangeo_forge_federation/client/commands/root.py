"""`forge` itself: its options, and its commands by their words."""

import difflib
from pathlib import Path
from typing import Any

import click

from pangeo_forge_federation.client.commands.importing import import_command
from pangeo_forge_federation.client.commands.login import login, logout
from pangeo_forge_federation.client.commands.opening import open_command
from pangeo_forge_federation.client.commands.reading import health, read_commands, words_of_group
from pangeo_forge_federation.client.commands.record import flush_command, record_command
from pangeo_forge_federation.client.commands.session import ForgeGroup, Session
from pangeo_forge_federation.client.commands.snapshots import download_command, list_command
from pangeo_forge_federation.client.commands.validate import validate
from pangeo_forge_federation.client.commands.watch import watch_command
from pangeo_forge_federation.client.commands.writing import write_commands
from pangeo_forge_federation.client.configuration import DEFAULT_URL
from pangeo_forge_federation.command_line.options import HELP
from pangeo_forge_federation.version import package_version

# What a group is about, where its first endpoint does not say enough.
_GROUPS = {
    "bakeries": "Bakeries, their targets and what they ran.",
    "feedstocks": "Feedstocks, and what belongs to each.",
    "runs": "Recipe runs: look them up, and record them.",
    "datasets": "Datasets: where they are and where they came from.",
    "problems": "What the syncs could not understand.",
    "snapshots": "The whole federation as one SQLite file.",
    "syncs": "Syncs with GitHub, and what each changed.",
}
EPILOG = """\b
Data goes to stdout, all else to stderr. Exit codes:
  0  done
  1  failed: the server, or the run that is watched
  2  the command line or the configuration is wrong
  4  refused: the token is missing, bad, or not for this (401, 403)

\b
FEDERATION_URL and FEDERATION_TOKEN say where and as whom, else what
`forge login` has kept.
"""


class Commands(ForgeGroup):
    """Commands by name, each made when it is asked for."""

    def __init__(self, makers: dict[str, Any], **options: Any):
        super().__init__(**options)
        self._makers = makers

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(self._makers)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        maker = self._makers.get(name)
        return maker() if maker else None

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], self._makers, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", context) from None


def forge() -> click.Group:
    """The whole command line."""
    makers: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {}
    for names, make in _commands().items():
        if len(names) == 1:
            makers[names[0]] = make
        else:
            groups.setdefault(names[0], {})[names[1]] = make
    for name, commands in groups.items():
        makers[name] = lambda name=name, commands=commands: Commands(
            commands,
            name=name,
            help=_GROUPS.get(name) or words_of_group(name),
            context_settings=HELP,
            no_args_is_help=True,
        )

    @click.pass_context
    def start(context: click.Context, url: str | None, token_file: Path | None, patience: float | None) -> None:
        context.obj = Session(url, token_file, patience)

    return Commands(
        makers,
        name="forge",
        callback=start,
        help="The registry of the Pangeo Forge federation, from a terminal and from jobs.",
        epilog=EPILOG,
        no_args_is_help=True,
        context_settings=HELP,
        params=[
            click.Option(["--url"], metavar="URL", help=f"The registry.  [default: {DEFAULT_URL}]"),
            click.Option(
                ["--token-file"],
                type=click.Path(path_type=Path, dir_okay=False),
                help="File that holds the token; a token in a command line could be read by others.",
            ),
            click.Option(
                ["--patience"],
                type=click.FloatRange(min=0),
                metavar="SECONDS",
                help="How long to try again.  [default: 15 to read, 120 to write]",
            ),
            _version_option(),
        ],
    )


def _commands() -> dict[tuple[str, ...], Any]:
    return {
        **read_commands(),
        **write_commands(),
        ("runs", "record"): record_command,
        ("runs", "flush"): lambda: flush_command,
        ("runs", "watch"): lambda: watch_command,
        ("runs", "import"): lambda: import_command,
        ("datasets", "open"): lambda: open_command,
        ("snapshots", "list"): lambda: list_command,
        ("snapshots", "download"): lambda: download_command,
        ("validate",): lambda: validate,
        ("login",): lambda: login,
        ("logout",): lambda: logout,
        ("health",): lambda: health,
    }


def _version_option() -> click.Option:
    def show(context: click.Context, option: click.Parameter, value: bool) -> None:
        if value:
            click.echo(f"forge {package_version()}")
            context.exit()

    return click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=show, help="Print the version."
    )


def main() -> None:
    """The entry point of `forge`."""
    forge()(prog_name="forge")


if __name__ == "__main__":
    main()
