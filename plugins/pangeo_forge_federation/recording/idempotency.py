"""The Idempotency-Key header: a retry finds the accepted write, and writes nothing.

The key is stored in the same transaction as its write, so that neither exists without the other. Keys are hashed
together with the token's ID, so they belong to a token. The keys of refused writes are not stored, so such a request
can be corrected and sent again. The header follows draft-ietf-httpapi-idempotency-key-header.
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
    """The result of a write: the status of the response, and the kind and IDs of the records written."""

    status: int
    kind: str
    ids: list[int]
    replayed: bool = False


@dataclass(frozen=True)
class IdempotencyKey:
    """The hashes of a key and of its request; neither the key nor the body is stored."""

    key_sha256: str
    request_sha256: str


def read_key(
    header: str | None, token_id: int, method: str, path: str, query: str, body: bytes
) -> IdempotencyKey | None:
    """Return the key of a request, or None without one. Raises ProblemDetails (400)."""
    if header is None:
        return None
    if not 1 <= len(header) <= MAX_CHARACTERS or not header.isascii() or not header.isprintable():
        detail = f"The Idempotency-Key must have 1 to {MAX_CHARACTERS} printable ASCII characters."
        raise ProblemDetails("bad-request", detail)
    request = b"\n".join([method.encode(), path.encode(), query.encode(), body])
    return IdempotencyKey(
        hashlib.sha256(f"{token_id}\n{header}".encode()).hexdigest(), hashlib.sha256(request).hexdigest()
    )


def write_once(
    connection: sqlite3.Connection, key: IdempotencyKey | None, write: Callable[[sqlite3.Connection], Written]
) -> Written:
    """Return the result of `write`, or its earlier result if the same request was sent before.

    Raises ProblemDetails (422) if the key was used for another request.
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
            "This Idempotency-Key was used for a different request: use a new key for each write.",
        )
    return Written(kept["status"], kept["kind"], json.loads(kept["ids"]), replayed=True)
