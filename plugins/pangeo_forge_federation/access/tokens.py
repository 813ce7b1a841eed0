"""Bearer tokens of bakeries: `pfk_<id>_<secret>`, of which only the SHA-256 of the secret is kept.

datasette-auth-tokens looks a token up by its id and compares the rest with what is stored. It is therefore handed
the hash and never the secret (`stored_form`), and a hash that somebody sends is refused, as it is no token.
"""

import secrets
import sqlite3
from datetime import UTC, datetime, timedelta

from pangeo_forge_federation.storage.database import transaction
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.token_form import hash_secret


class UnknownToken(Exception):
    """There is no token with this id."""


def create_token(connection: sqlite3.Connection, bakery_id: str | None, name: str | None, days: float) -> str:
    """Make a token for a bakery (None: an administrator) and return it, this once."""
    secret = secrets.token_urlsafe(32)
    created = datetime.now(UTC)
    with transaction(connection):
        cursor = connection.execute(
            """
            insert into tokens (secret_sha256, bakery_id, name, created_at, expires_at)
            values (:secret_sha256, :bakery_id, :name, :created_at, :expires_at)
            """,
            {
                "secret_sha256": hash_secret(secret),
                "bakery_id": bakery_id,
                "name": name,
                "created_at": times.to_text(created),
                "expires_at": times.to_text(created + timedelta(days=days)),
            },
        )
    return f"pfk_{cursor.lastrowid}_{secret}"


def replace_secret(connection: sqlite3.Connection, token_id: int, days: float) -> str:
    """Give a valid token another secret and return it, this once: who has the one before is refused from now on.

    Raises `UnknownToken`.
    """
    secret = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    with transaction(connection):
        cursor = connection.execute(
            """
            update tokens
            set secret_sha256 = :secret_sha256, expires_at = :expires_at
            where id = :id
                and revoked_at is null
                and expires_at > :now
            """,
            {
                "secret_sha256": hash_secret(secret),
                "expires_at": times.to_text(now + timedelta(days=days)),
                "id": token_id,
                "now": times.to_text(now),
            },
        )
    if not cursor.rowcount:
        raise UnknownToken(f"there is no valid token {token_id}")
    return f"pfk_{token_id}_{secret}"


def list_tokens(connection: sqlite3.Connection) -> list[dict]:
    """All tokens, without their hashes, the newest first."""
    rows = connection.execute(
        """
        select
            id,
            bakery_id,
            name,
            created_at,
            expires_at,
            revoked_at,
            last_used_at,
            case
                when revoked_at is not null then 'revoked'
                when expires_at <= :now then 'expired'
                else 'valid'
            end as state
        from tokens
        order by id desc
        """,
        {"now": times.now()},
    )
    return [dict(row) for row in rows]


def revoke_token(connection: sqlite3.Connection, token_id: int) -> None:
    """End a token now; ending it twice keeps the first moment. Raises `UnknownToken`."""
    with transaction(connection):
        cursor = connection.execute(
            "update tokens set revoked_at = coalesce(revoked_at, :now) where id = :id",
            {"now": times.now(), "id": token_id},
        )
    if not cursor.rowcount:
        raise UnknownToken(f"there is no token {token_id}")
