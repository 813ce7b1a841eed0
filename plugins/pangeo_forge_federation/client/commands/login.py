"""`forge login` and `forge logout`: save the registry's URL and a token, and remove the token."""

import sys

import click

from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.commands.session import Session, pass_session, say
from pangeo_forge_federation.client.configuration import clean_token, configuration_file, save_login
from pangeo_forge_federation.client.errors import BadConfiguration
from pangeo_forge_federation.client.transport import Transport


@click.command()
@pass_session
def login(session: Session) -> None:
    """Save the registry's URL and a token, so that later commands use them.

    The URL is taken from --url or FEDERATION_URL. The token is prompted for, or read from stdin if that is not a
    terminal. It is only saved if the registry accepts it.
    """
    url = session.configuration.url
    text = click.prompt(f"Token for {url}", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
    token = clean_token(text)
    if token is None:
        raise BadConfiguration("the token is empty")
    # the registry refuses a token that is not valid for reads as well
    Client(transport=Transport(url, token, session.patience, say=say)).health()
    path = configuration_file()
    save_login(url, token, path)
    say(f"Saved the token for {url} in {path}.")


@click.command()
@pass_session
def logout(session: Session) -> None:
    """Remove the saved token of the registry."""
    url = session.configuration.url
    path = configuration_file()
    save_login(url, None, path)
    say(f"Removed the token for {url} from {path}.")
