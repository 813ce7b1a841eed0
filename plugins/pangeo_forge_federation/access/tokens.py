"""Bearer tokens of bakeries: `pfk_<id>_<secret>`. Only the SHA-256 of the secret is stored.

datasette-auth-tokens looks up a token by its ID and compares the rest with the stored value, so it receives the hash
instead of the secret (`stored_form`). A hash sent by a client is refused, since it does not have the form of a token.
"""

import secrets
import sqlite3
from datetime import UTC, datetime, timedelta

from pangeo_forge_federation.storage.database import transaction
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.token_form import hash_secret


class UnknownToken(Exception):
    """There is no token with this ID."""


def create_token(connection: sqlite3.Connection, bakery_id: str | None, name: str | None, days: float) -> str:
    """Create a token for a bakery, or for an administrator if None, and return it. It cannot be retrieved later."""
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
    """Replace the secret of a valid token, and return the new token. The previous secret stops working.

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
        raise UnknownToken(f"there is no valid token with the ID {token_id}")
    return f"pfk_{token_id}_{secret}"


def list_tokens(connection: sqlite3.Connection) -> list[dict]:
    """Return all tokens without their hashes, newest first."""
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
