"""The command line of scripts/tokens.py: create, list and revoke tokens, and show what was written with them."""

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

# How long to wait for the store, if the data folder is replicated.
STORE_SECONDS = 10
MOST_NAME_CHARACTERS = 200


@contextmanager
def opened(data: Path, name: str) -> Iterator[sqlite3.Connection]:
    """Open a database of the data folder, and migrate it. Raises ClickException if that fails."""
    try:
        prepare(data)
        connection = connect(database_path(data, name))
        try:
            yield connection
        finally:
            connection.close()
    except (OSError, sqlite3.Error, UnusableDatabase) as error:
        raise click.ClickException(f"the databases in {data} cannot be used: {error}") from None


def replicate(data: Path) -> str | None:
    """If the data folder is replicated, wait until the store has what was written. Return why not, or None."""
    if not is_replicated(data):
        return None
    # imported only if needed
    from pangeo_forge_federation.replication.control import replicate_now
    from pangeo_forge_federation.replication.urls import ReplicationError

    try:
        for name in DATABASES:
            replicate_now(data.resolve(), name, STORE_SECONDS)
    except ReplicationError as error:
        return str(error)
    return None


@contextmanager
def opened_existing(data: Path | None) -> Iterator[sqlite3.Connection]:
    """Open the token database of an existing registry. Raises ClickException if there is none."""
    try:
        data = existing_data_folder(data)
    except NoRegistry as error:
        raise click.ClickException(str(error)) from None
    with opened(data, TOKENS) as connection:
        yield connection


class TokenId(click.IntRange):
    """The id of a token. The token itself is accepted as well."""

    def __init__(self) -> None:
        super().__init__(1, LARGEST_INTEGER)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        token = re.fullmatch(r"pfk_([0-9]+)_.*", str(value).strip())
        return int(super().convert(token[1] if token else value, param, ctx))  # type: ignore[arg-type]


@click.group(context_settings=HELP)
def tokens_command() -> None:
    """Manage the tokens with which bakeries record recipe runs."""


@tokens_command.command()
@click.option("--bakery", "bakery_id", metavar="ID", help="Bakery for which the token can write.")
@click.option("--admin", is_flag=True, help="Create an administrator's token, which can write for every bakery.")
@click.option("--name", metavar="TEXT", help="What the token is used for, to recognise it when you revoke it.")
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True, max=36500),
    default=365,
    show_default=True,
    help="Days until the token expires.",
)
@data_option
def create(bakery_id: str | None, admin: bool, name: str | None, days: float, data: Path | None) -> None:
    """Create a token and print it. It cannot be shown again, as only a hash is stored."""
    if admin == bool(bakery_id):
        raise click.UsageError("give either --bakery ID or --admin")
    if bakery_id and not is_bakery_id(bakery_id):
        raise click.UsageError(
            f"{bakery_id!r} is not a valid bakery id. Ids consist of letters, digits, dots, hyphens and underscores, "
            "and do not begin with a dot."
        )
    if math.isnan(days):
        raise click.UsageError("--days must be a number")
    if name and (len(name) > MOST_NAME_CHARACTERS or not name.isprintable()):
        raise click.UsageError(f"--name must be one line of at most {MOST_NAME_CHARACTERS} characters")
    data = data or data_folder()
    if bakery_id:
        # a bakery that has a token exists, even if it is in no bakeries.yaml
        with opened(data, FEDERATION) as connection, transaction(connection):
            bakery_id = resolve_bakery(connection, bakery_id)
            listed = connection.execute("select listed from bakeries where id = :id", {"id": bakery_id}).fetchone()[0]
        if not listed:
            click.echo(
                f"Warning: {bakery_id} is in no bakeries.yaml that was synced. Check that it is spelled correctly.",
                err=True,
            )
    with opened(data, TOKENS) as connection:
        click.echo(tokens.create_token(connection, bakery_id, name, days))
    if reason := replicate(data):
        click.echo(f"Warning: the token has not been replicated yet: {reason}", err=True)
    click.echo(
        f"Created a token for {bakery_id or 'an administrator'} in {data}. It cannot be shown again. Keep it secret.",
        err=True,
    )


@tokens_command.command("list")
@data_option
def list_(data: Path | None) -> None:
    """List the tokens without their secrets, newest first."""
    with opened_existing(data) as connection:
        rows = tokens.list_tokens(connection)
    line = "{:>6}  {:<8}  {:<10}  {:<10}  {:<10}  {:<40}  {}"
    click.echo(line.format("id", "state", "created", "expires", "last used", "bakery", "name"))
    for row in rows:
        days = [(row[name] or "never")[:10] for name in ("created_at", "expires_at", "last_used_at")]
        click.echo(line.format(row["id"], row["state"], *days, row["bakery_id"] or "(admin)", row["name"] or ""))


@tokens_command.command()
@click.option("--token", "token_id", metavar="ID", type=TokenId(), help="Only show writes with this token.")
@click.option(
    "--limit",
    type=click.IntRange(1, LARGEST_INTEGER),
    default=100,
    show_default=True,
    help="Maximum number of writes.",
)
@data_option
def audit(token_id: int | None, limit: int, data: Path | None) -> None:
    """List the writes that were sent with a token, whether accepted or refused, newest first."""
    line = "{:<27}  {:>5}  {:<40}  {:<15}  {:>6}  {:<6}  {}"
    with opened_existing(data) as connection:
        rows = read_audit_log(connection, token_id, limit)
    click.echo(line.format("at", "token", "bakery", "client", "status", "method", "path"))
    for row in rows:
        values = [row["at"], row["token_id"], row["bakery_id"] or "(admin)", row["client"] or ""]
        click.echo(line.format(*values, row["status"], row["method"], row["path"]))


@tokens_command.command()
@click.argument("token_id", metavar="ID", type=TokenId())
@data_option
def revoke(token_id: int, data: Path | None) -> None:
    """Revoke a token at once. ID is the number in the token, as in pfk_ID_..., or the whole token."""
    try:
        with opened_existing(data) as connection:
            tokens.revoke_token(connection, token_id)
    except tokens.UnknownToken as error:
        click.echo(f"Error: {error}. To list the tokens, run: scripts/tokens.py list", err=True)
        sys.exit(1)
    click.echo(f"Revoked token {token_id}.", err=True)
