"""The command `forge`: its options and its commands."""

import difflib
from pathlib import Path
from typing import Any

import click

from pangeo_forge_federation.client.commands.importing import import_command
from pangeo_forge_federation.client.commands.login import login, logout
from pangeo_forge_federation.client.commands.opening import open_command
from pangeo_forge_federation.client.commands.reading import group_help, health, read_commands
from pangeo_forge_federation.client.commands.record import flush_command, record_command
from pangeo_forge_federation.client.commands.session import ForgeGroup, Session
from pangeo_forge_federation.client.commands.snapshots import download_command, list_command
from pangeo_forge_federation.client.commands.validate import validate
from pangeo_forge_federation.client.commands.watch import watch_command
from pangeo_forge_federation.client.commands.writing import write_commands
from pangeo_forge_federation.client.configuration import DEFAULT_URL
from pangeo_forge_federation.command_line.options import HELP
from pangeo_forge_federation.version import package_version

# Help of groups; that of others is the description of their first endpoint.
_GROUPS = {
    "bakeries": "List bakeries and their recipe runs.",
    "feedstocks": "List feedstocks and their recipes, recipe runs and datasets.",
    "runs": "List, record and change recipe runs.",
    "datasets": "List, record, change and open datasets.",
    "maintainers": "List maintainers and their feedstocks.",
    "problems": "List problems in meta.yaml and bakeries.yaml files.",
    "snapshots": "Download the whole federation as one SQLite file.",
    "syncs": "List syncs with GitHub and what they changed.",
}
EPILOG = """\b
The registry's URL and the token are taken from the options, else from
FEDERATION_URL and FEDERATION_TOKEN, else from what `forge login` saved.

\b
Data is written to stdout, everything else to stderr. Exit codes:
  0  success
  1  the request or the recipe run that is watched failed
  2  the command line or the configuration is not valid
  4  the token is missing, not valid or lacks permission (401, 403)
"""


class Commands(ForgeGroup):
    """A group whose commands are created when they are used."""

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
            similar = difflib.get_close_matches(args[0], self._makers, n=1)
            if not similar:
                raise
            raise click.UsageError(f"{error.message} Did you mean {similar[0]}?", context) from None


def forge() -> click.Group:
    """Create the command `forge` with all of its commands."""
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
            help=_GROUPS.get(name) or group_help(name),
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
        help="Work with a registry of the Pangeo Forge federation.",
        epilog=EPILOG,
        no_args_is_help=True,
        context_settings=HELP,
        params=[
            click.Option(["--url"], metavar="URL", help=f"The registry's URL.  [default: {DEFAULT_URL}]"),
            click.Option(
                ["--token-file"],
                type=click.Path(path_type=Path, dir_okay=False),
                help="File that contains the token. There is no option for the token itself, as other users of the "
                "machine can read command lines.",
            ),
            click.Option(
                ["--patience"],
                type=click.FloatRange(min=0),
                metavar="SECONDS",
                help="How long to retry failed requests.  [default: 15 for reads, 120 for writes]",
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
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=show, help="Show the version and exit."
    )


def main() -> None:
    """The entry point of `forge`."""
    forge()(prog_name="forge")


if __name__ == "__main__":
    main()
