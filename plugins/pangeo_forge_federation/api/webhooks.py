"""POST /webhooks/github: GitHub reports that a repository changed, which is then synced.

Only the name of the repository is taken from the payload. The signature covers the bytes as received. A delivery is
stored before the response, and synced after it. The payloads and headers are documented at
https://docs.github.com/webhooks/webhook-events-and-payloads
"""

import asyncio
import hashlib
import hmac
import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from pydantic import Field

from pangeo_forge_federation.api.routes import Call, Operation, refuse_parameters
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.records.models import Record
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.json_text import dump_json
from pangeo_forge_federation.values.repositories import is_repository
from pangeo_forge_federation.web.replies import Reply
from pangeo_forge_federation.web.request_bodies import open_body

# GitHub's own limit
MAX_DELIVERY_BYTES = 25 * 1024 * 1024
MEDIA_TYPES = ("application/json", "application/x-www-form-urlencoded")
# actions on a repository that change its feedstock
FOLLOWED_ACTIONS = ("archived", "deleted", "renamed", "transferred", "unarchived")
SIGNATURE = "x-hub-signature-256"

_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}", re.ASCII)
_DELIVERY = re.compile(r"[!-~]{1,500}", re.ASCII)


class Delivery(Record):
    """The response to a delivery from GitHub."""

    repository: str | None = Field(
        description="Repository that is being synced; null if there is nothing to do.",
        examples=["pangeo-forge/gpcp-feedstock"],
    )


async def post_github_webhook(call: Call) -> Reply:
    """POST /webhooks/github."""
    secret = call.services.settings.github_webhook_secret
    if not secret:
        raise ProblemDetails("not-found", "Webhooks are not set up: GITHUB_WEBHOOK_SECRET is not set.")
    refuse_parameters(call)
    body = await read_signed_body(call, secret)
    event = call.headers.get("x-github-event", "")
    if event == "ping":
        return _reply(200, None)
    delivery_id = call.headers.get("x-github-delivery", "")
    if not _DELIVERY.fullmatch(delivery_id):
        raise ProblemDetails("bad-request", "The X-GitHub-Delivery header is missing or invalid.")
    form = call.headers.get("content-type", "").lower().startswith(MEDIA_TYPES[1])
    # in a thread, since a large payload takes a while
    repository = await asyncio.to_thread(repository_to_sync, event, body, form)
    if repository is None:
        return _reply(202, None)
    is_new = await call.services.writer.write(lambda connection: note_delivery(connection, delivery_id, repository))
    if is_new:
        call.services.deliveries.wake()
    return _reply(202, repository if is_new else None)


async def read_signed_body(call: Call, secret: str) -> bytes:
    """Return the body if its signature is valid. Raises ProblemDetails (401) before any of it is parsed."""
    given = call.headers.get(SIGNATURE, "")
    if SIGNATURE in call.repeated_headers or not _SIGNATURE.fullmatch(given):
        raise _unsigned()
    pieces = []
    # in pieces, so that no other request waits while 25 MiB are hashed
    signature = hmac.new(secret.encode(), digestmod=hashlib.sha256)
    async for piece in open_body(call.headers, call.receive, MEDIA_TYPES, MAX_DELIVERY_BYTES):
        signature.update(piece)
        pieces.append(piece)
    if not hmac.compare_digest(f"sha256={signature.hexdigest()}", given):
        raise _unsigned()
    return b"".join(pieces)


def _unsigned() -> ProblemDetails:
    detail = "X-Hub-Signature-256 is not the HMAC-SHA256 of the body with this registry's secret."
    return ProblemDetails("unauthorized", detail, headers={"WWW-Authenticate": 'GitHub-Signature realm="federation"'})


def repository_to_sync(event: str, body: bytes, form: bool) -> str | None:
    """Return the repository that an event concerns, or None if it does not matter. Raises ProblemDetails (400)."""
    if event not in ("push", "repository"):
        return None
    payload = _read_payload(body, form)
    repository = payload.get("repository")
    if not isinstance(repository, Mapping) or not isinstance(name := repository.get("full_name"), str):
        raise ProblemDetails("bad-request", "The payload does not name a repository.")
    if not is_repository(name):
        raise ProblemDetails("bad-request", "The payload's repository is not in the form owner/name.")
    if event == "push":
        concerns = payload.get("ref") == f"refs/heads/{repository.get('default_branch')}"
    else:
        concerns = payload.get("action") in FOLLOWED_ACTIONS
    return name if concerns else None


def _read_payload(body: bytes, form: bool) -> Mapping[str, Any]:
    try:
        if form:
            fields = parse_qs(body.decode("utf-8"), strict_parsing=True, max_num_fields=10)
            (text,) = fields["payload"]
        else:
            text = body.decode("utf-8")
        # the hook runs in Python, so that other threads get their turn, which the parser alone does not allow
        payload = json.loads(text, object_pairs_hook=lambda pairs: dict(pairs))
    except (ValueError, KeyError, RecursionError):
        raise ProblemDetails("bad-request", "The payload is not valid JSON.") from None
    if not isinstance(payload, Mapping):
        raise ProblemDetails("bad-request", "The payload is not a JSON object.")
    return payload


def note_delivery(connection: sqlite3.Connection, delivery_id: str, repository: str) -> bool:
    """Store a delivery, and return False if it is already known, unless it failed and was sent again."""
    return (
        connection.execute(
            """
            insert into webhook_deliveries (delivery_id, repository, received_at)
            values (:delivery_id, :repository, :now)
            on conflict do update
            set received_at = excluded.received_at, finished_at = null, error = null
            where error is not null
            returning delivery_id
            """,
            {"delivery_id": delivery_id, "repository": repository, "now": times.now()},
        ).fetchone()
        is not None
    )


def _reply(status: int, repository: str | None) -> Reply:
    return Reply(dump_json({"repository": repository}), status, headers={"Cache-Control": "no-store"})


POST_GITHUB_WEBHOOK = Operation(
    "receive_github_webhook",
    "Receive a GitHub webhook",
    post_github_webhook,
    "Only for GitHub, which signs its deliveries; docs/maintainers.md explains the setup. Returns 202 with the "
    "repository that is being synced, or null if there is nothing to do: another event or branch, or a known delivery.",
    record=Delivery,
    payload_types=MEDIA_TYPES,
    statuses=(200, 202),
    problems=(401, 404, 413, 415, 503),
)
