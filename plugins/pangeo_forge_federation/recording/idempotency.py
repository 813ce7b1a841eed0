"""The Idempotency-Key header: a retry finds the write that was accepted, and writes nothing.

The key is kept in the transaction of its write, so that one is never there without the other. It belongs to its token:
a key is hashed together with the token's id. What was refused is not kept, and may be mended and sent again.
The header is that of draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.storage.row_writes import insert
from pangeo_forge_federation.values import times

KEPT_FOR = timedelta(hours=48)
MAX_CHARACTERS = 255


@dataclass(frozen=True)
class Written:
    """What a write made or changed: how it is answered, and the records by kind and ids."""

    status: int
    kind: str
    ids: list[int]
    replayed: bool = False


@dataclass(frozen=True)
class IdempotencyKey:
    """Hashes only: neither a key nor a body is kept."""

    key_sha256: str
    request_sha256: str


def read_key(
    header: str | None, token_id: int, method: str, path: str, query: str, body: bytes
) -> IdempotencyKey | None:
    """The key of a request, None where there is none. Raises ProblemDetails (400)."""
    if header is None:
        return None
    if not 1 <= len(header) <= MAX_CHARACTERS or not header.isascii() or not header.isprintable():
        detail = f"the Idempotency-Key must be 1 to {MAX_CHARACTERS} printable ASCII characters"
        raise ProblemDetails("bad-request", detail)
    request = b"\n".join([method.encode(), path.encode(), query.encode(), body])
    return IdempotencyKey(
        hashlib.sha256(f"{token_id}\n{header}".encode()).hexdigest(), hashlib.sha256(request).hexdigest()
    )


def write_once(
    connection: sqlite3.Connection, key: IdempotencyKey | None, write: Callable[[sqlite3.Connection], Written]
) -> Written:
    """What `write` writes, or what it wrote when the same request came first.

    Raises ProblemDetails (422) when the key came with another request before.
    """
    if key is None:
        return write(connection)
    oldest = times.ago(KEPT_FOR)
    connection.execute("delete from idempotency_keys where created_at < :oldest", {"oldest": oldest})
    kept = connection.execute(
        "select * from idempotency_keys where key_sha256 = :key", {"key": key.key_sha256}
    ).fetchone()
    if kept is None:
        written = write(connection)
        insert(
            connection,
            "idempotency_keys",
            {
                "key_sha256": key.key_sha256,
                "request_sha256": key.request_sha256,
                "status": written.status,
                "kind": written.kind,
                "ids": json.dumps(written.ids),
                "created_at": times.now(),
            },
        )
        return written
    if kept["request_sha256"] != key.request_sha256:
        raise ProblemDetails(
            "idempotency-key-reused",
            "this Idempotency-Key came with another method, path, query or body before: make a new key for each write",
        )
    return Written(kept["status"], kept["kind"], json.loads(kept["ids"]), replayed=True)
