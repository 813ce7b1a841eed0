"""The command line of scripts/tokens.py: make, list and end the tokens of bakeries."""

import math
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pangeo_forge_federation.access import tokens
from pangeo_forge_federation.access.audit import read_audit_log
from pangeo_forge_federation.command_line.options import HELP, data_option
from pangeo_forge_federation.settings import data_folder
from pangeo_forge_federation.storage.data_folder import NoRegistry, existing_data_folder, prepare
from pangeo_forge_federation.storage.database import (
    DATABASES,
    FEDERATION,
    TOKENS,
    UnusableDatabase,
    connect,
    database_path,
    is_replicated,
    transaction,
)
from pangeo_forge_federation.storage.row_writes import resolve_bakery
from pangeo_forge_federation.values.bakery_ids import is_bakery_id
from pangeo_forge_federation.values.numbers import LARGEST_INTEGER

# How long the store of a folder that is replicated may take.
STORE_SECONDS = 10
MOST_NAME_CHARACTERS = 200


@contextmanager
def opened(data: Path, name: str) -> Iterator[sqlite3.Connection]:
    """A database of the data folder, brought up to date; what goes wrong with it is one line."""
    try:
        prepare(data)
        connection = connect(database_path(data, name))
        try:
            yield connection
        finally:
            connection.close()
    except (OSError, sqlite3.Error, UnusableDatabase) as error:
        raise click.ClickException(f"the databases in {data} cannot be used: {error}") from None


def replicated(data: Path) -> str | None:
    """Wait until what was written is in the store of a folder that is replicated; why that cannot be said."""
    if not is_replicated(data):
        return None
    # where nothing is replicated nothing of it is loaded
    from pangeo_forge_federation.replication.control import replicate_now
    from pangeo_forge_federation.replication.urls import ReplicationError

    try:
        for name in DATABASES:
            replicate_now(data.resolve(), name, STORE_SECONDS)
    except ReplicationError as error:
        return str(error)
    return None


@contextmanager
def opened_where_there_is_one(data: Path | None) -> Iterator[sqlite3.Connection]:
    """The database of tokens: who looks at tokens does not mean to make a registry."""
    try:
        data = existing_data_folder(data)
    except NoRegistry as error:
        raise click.ClickException(str(error)) from None
    with opened(data, TOKENS) as connection:
        yield connection


class TokenId(click.IntRange):
    """The number of a token; whoever has the token itself at hand may give that."""

    def __init__(self) -> None:
        super().__init__(1, LARGEST_INTEGER)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        token = re.fullmatch(r"pfk_([0-9]+)_.*", str(value).strip())
        return int(super().convert(token[1] if token else value, param, ctx))  # type: ignore[arg-type]


@click.group(context_settings=HELP)
def tokens_command() -> None:
    """Tokens with which bakeries record recipe runs."""


@tokens_command.command()
@click.option("--bakery", "bakery_id", metavar="ID", help="Bakery that the token writes for.")
@click.option("--admin", is_flag=True, help="An administrator's token, that writes for every bakery.")
@click.option("--name", metavar="TEXT", help="What it is for, so that you know which one to revoke.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True, max=36500), default=365, show_default=True)
@data_option
def create(bakery_id: str | None, admin: bool, name: str | None, days: float, data: Path | None) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    if admin == bool(bakery_id):
        raise click.UsageError("give either --bakery ID or --admin")
    if bakery_id and not is_bakery_id(bakery_id):
        raise click.UsageError(f"{bakery_id!r} is not a bakery id: letters, digits, dots, hyphens and underscores")
    if math.isnan(days):
        raise click.UsageError("--days takes a number")
    if name and (len(name) > MOST_NAME_CHARACTERS or not name.isprintable()):
        raise click.UsageError(f"--name takes one line of at most {MOST_NAME_CHARACTERS} characters")
    data = data or data_folder()
    if bakery_id:
        # a bakery with a token exists, even if bakeries.yaml does not name it
        with opened(data, FEDERATION) as connection, transaction(connection):
            bakery_id = resolve_bakery(connection, bakery_id)
            listed = connection.execute("select listed from bakeries where id = :id", {"id": bakery_id}).fetchone()[0]
        if not listed:
            click.echo(f"No bakeries.yaml that was synced names {bakery_id}: look whether it is spelled so.", err=True)
    with opened(data, TOKENS) as connection:
        click.echo(tokens.create_token(connection, bakery_id, name, days))
    if fault := replicated(data):
        click.echo(f"It is on this disk alone so far: {fault}", err=True)
    click.echo(
        f"A token for {bakery_id or 'an administrator'} of the registry in {data}. "
        "It is shown this once: keep it as a secret.",
        err=True,
    )


@tokens_command.command("list")
@data_option
def list_(data: Path | None) -> None:
    """List the tokens, without their secrets, the newest first."""
    with opened_where_there_is_one(data) as connection:
        rows = tokens.list_tokens(connection)
    line = "{:>6}  {:<8}  {:<10}  {:<10}  {:<10}  {:<40}  {}"
    click.echo(line.format("id", "state", "created", "expires", "last used", "bakery", "name"))
    for row in rows:
        days = [(row[name] or "never")[:10] for name in ("created_at", "expires_at", "last_used_at")]
        click.echo(line.format(row["id"], row["state"], *days, row["bakery_id"] or "(admin)", row["name"] or ""))


@tokens_command.command()
@click.option("--token", "token_id", metavar="ID", type=TokenId(), help="Just this token's.")
@click.option(
    "--limit",
    type=click.IntRange(1, LARGEST_INTEGER),
    default=100,
    show_default=True,
    help="At most so many, the newest.",
)
@data_option
def audit(token_id: int | None, limit: int, data: Path | None) -> None:
    """Print the writes that came with a token, accepted or refused, the newest first."""
    line = "{:<27}  {:>5}  {:<40}  {:<15}  {:>6}  {:<6}  {}"
    with opened_where_there_is_one(data) as connection:
        rows = read_audit_log(connection, token_id, limit)
    click.echo(line.format("at", "token", "bakery", "client", "status", "method", "path"))
    for row in rows:
        values = [row["at"], row["token_id"], row["bakery_id"] or "(admin)", row["client"] or ""]
        click.echo(line.format(*values, row["status"], row["method"], row["path"]))


@tokens_command.command()
@click.argument("token_id", metavar="ID", type=TokenId())
@data_option
def revoke(token_id: int, data: Path | None) -> None:
    """End a token now. ID is the number in it, pfk_ID_..., or the whole token."""
    try:
        with opened_where_there_is_one(data) as connection:
            tokens.revoke_token(connection, token_id)
    except tokens.UnknownToken as error:
        click.echo(f"Error: {error}; scripts/tokens.py list shows those there are.", err=True)
        sys.exit(1)
    click.echo(f"Token {token_id} is revoked.", err=True)
