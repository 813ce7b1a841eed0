"""What the commands share: the client for the registry that the options name, and messages on stderr."""

from functools import cached_property
from pathlib import Path
from typing import Any

import click

from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.configuration import (
    Configuration,
    configuration_file,
    is_private,
    read_configuration,
)
from pangeo_forge_federation.client.errors import BadConfiguration, RegistryError
from pangeo_forge_federation.client.transport import Transport
from pangeo_forge_federation.values.redaction import redact

# for requests that are sent in addition to the command's own
QUICK_SECONDS = 5.0


class Session:
    """The options of `forge` itself. The configuration is read when a command first needs it."""

    def __init__(self, url: str | None = None, token_file: Path | None = None, patience: float | None = None):
        self.patience = patience
        self._url = url
        self._token_file = token_file

    @cached_property
    def configuration(self) -> Configuration:
        """The registry's URL and the token. Raises BadConfiguration."""
        configuration = read_configuration(self._url, self._read_token())
        if configuration.token and not is_private(configuration_file()):
            say(f"Warning: other users can read {configuration_file()}. Run: chmod 600 {configuration_file()}")
        return configuration

    @cached_property
    def client(self) -> Client:
        """A client of the registry. Raises BadConfiguration."""
        return Client(transport=self.transport())

    def transport(self) -> Transport:
        """Return a transport for the registry. Raises BadConfiguration."""
        return Transport(self.configuration.url, self.configuration.token, self.patience, say=say)

    def quick_transport(self) -> Transport:
        """Return a transport that gives up soon. Raises BadConfiguration."""
        return Transport(self.configuration.url, self.configuration.token, QUICK_SECONDS)

    def _read_token(self) -> str | None:
        if self._token_file is None:
            return None
        try:
            return self._token_file.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise BadConfiguration(f"cannot read {self._token_file}: {reason}") from None


pass_session = click.make_pass_decorator(Session, ensure=True)


def say(text: str) -> None:
    """Print a line for people to stderr, without secrets; output for programs goes to stdout."""
    click.echo(redact(text), err=True)


class ForgeGroup(click.Group):
    """A group that prints errors of the client as one line, and exits with their exit code."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except RegistryError as error:
            say(f"Error: {error}")
            context.exit(error.exit_code)
