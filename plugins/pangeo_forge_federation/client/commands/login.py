"""`forge login` and `forge logout`: URL and token in a file that is the user's alone."""

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
    """Keep the registry's URL and a token, for the commands after this.

    The URL is that of --url or FEDERATION_URL. The token is asked for, or read from stdin where that is no terminal;
    the registry is asked whether it takes it.
    """
    url = session.configuration.url
    text = click.prompt(f"Token for {url}", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
    token = clean_token(text)
    if token is None:
        raise BadConfiguration("no token was given")
    # a token that is not good is refused on reading too
    Client(transport=Transport(url, token, session.patience, say=say)).health()
    path = configuration_file()
    save_login(url, token, path)
    say(f"Kept in {path}: {url} and its token.")


@click.command()
@pass_session
def logout(session: Session) -> None:
    """Forget the token of the registry."""
    url = session.configuration.url
    path = configuration_file()
    save_login(url, None, path)
    say(f"The token for {url} is no longer in {path}.")
