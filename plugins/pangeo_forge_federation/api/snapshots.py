"""GET /snapshots: the list of public snapshots, and the files themselves, whole or in ranges."""

import asyncio

from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from pangeo_forge_federation.api.routes import Call, Operation, refuse_parameters
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.records.models import Snapshot
from pangeo_forge_federation.storage.snapshots import SnapshotFile, find_snapshot, list_snapshots
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.json_text import dump_json
from pangeo_forge_federation.values.printable import printable
from pangeo_forge_federation.web.replies import CORS, Reply, cacheable, etag_matches, finish, problem_reply, send_reply

LATEST = "latest"
SQLITE = "application/vnd.sqlite3"
# a file with a given name never changes
_KEPT = "public, max-age=86400, immutable"


async def get_snapshots(call: Call) -> Reply:
    """Return the snapshots, newest first."""
    refuse_parameters(call)
    found = await asyncio.to_thread(list_snapshots, call.services.data)
    return cacheable(dump_json([record_of(each, call.address.base) for each in found]))


async def get_snapshot(call: Call) -> Reply:
    """Return a snapshot or its SHA-256; `latest` redirects to the newest. Raises ProblemDetails (404)."""
    refuse_parameters(call)
    # valid names have no percent-encoded characters
    name = call.parameters["snapshot"]
    if name == LATEST:
        there = await asyncio.to_thread(list_snapshots, call.services.data)
        if not there:
            raise ProblemDetails("not-found", "There is no snapshot yet.")
        headers = {"Location": f"/snapshots/{there[0].path.name}", "Cache-Control": "no-store"}
        return Reply(status=302, content_type=None, headers=headers)
    found = await asyncio.to_thread(find_snapshot, call.services.data, name.removesuffix(".sha256"))
    if found is None:
        raise ProblemDetails("not-found", f"There is no snapshot {printable(name)}. See /snapshots for a list.")
    if name.endswith(".sha256"):
        return cacheable(f"{found.sha256}  {found.path.name}\n".encode(), "text/plain; charset=utf-8")
    return file_reply(found, call)


def file_reply(snapshot: SnapshotFile, call: Call) -> Reply:
    """Return the file, the requested ranges of it, or 304."""
    headers = {**CORS, "ETag": f'"{snapshot.sha256}"', "Cache-Control": _KEPT}
    if etag_matches(call.headers.get("if-none-match"), headers["ETag"]):
        return Reply(status=304, content_type=None, headers=headers)
    response = FileResponse(snapshot.path, headers=headers, media_type=SQLITE, filename=snapshot.path.name)

    async def send_file(scope: Scope, receive: Receive, send: Send) -> None:
        async def refuse(message: Message) -> None:
            status = message.get("status")
            if status == 416:
                size = {"Content-Range": f"bytes */{snapshot.bytes}"}
                raise ProblemDetails("range-not-satisfiable", f"The file has {snapshot.bytes:,} bytes.", headers=size)
            if status == 400:
                raise ProblemDetails(
                    "bad-request", "The Range header is not valid. Examples: bytes=0-99, bytes=100-, bytes=-100."
                )
            await send(message)

        try:
            await response(scope, receive, refuse)
        except ProblemDetails as problem:
            await send_reply(finish(problem_reply(problem), call.method, call.headers), send)

    return Reply(application=send_file)


def record_of(snapshot: SnapshotFile, base: str) -> dict:
    """Return the fields of `Snapshot`; its URL starts with `base`."""
    return {
        "name": snapshot.path.name,
        "url": f"{base}/snapshots/{snapshot.path.name}",
        "bytes": snapshot.bytes,
        "sha256": snapshot.sha256,
        "created_at": times.to_text(snapshot.created_at),
    }


GET_SNAPSHOTS = Operation(
    "list_snapshots",
    "Snapshots of the whole federation, newest first",
    get_snapshots,
    "Each is a SQLite file with all public data, for use on your own machine.",
    record=Snapshot,
    many=True,
)
GET_SNAPSHOT = Operation(
    "get_snapshot",
    "A snapshot as a file",
    get_snapshot,
    "A name from the list, or `latest`, which redirects to the newest (302). Supports `Range`; the ETag is the SHA-256 "
    "of the file. Append `.sha256` to the name for the checksum in the format of `sha256sum --check`.",
    problems=(404, 416),
    content_type=SQLITE,
)
