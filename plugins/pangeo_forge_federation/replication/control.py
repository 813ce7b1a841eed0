"""Use Litestream's control socket to replicate now, and wait until all commits are in the store."""

import contextlib
import http.client
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from pangeo_forge_federation.replication.configuration import SOCKET
from pangeo_forge_federation.replication.urls import ReplicationError
from pangeo_forge_federation.storage.database import database_path

# The address of a Unix socket is limited to about a hundred bytes.
LONGEST_ADDRESS = 100


@dataclass(frozen=True)
class Synced:
    """The last transaction that Litestream has read from a database, and the last one in the store."""

    transaction: int
    replicated: int


def replicate_now(data: Path, name: str, seconds: float) -> Synced:
    """Wait until every commit before this call is in the store. Raises ReplicationError.

    `seconds` limits the whole call, since Litestream exceeds its own limit while the store does not respond.
    """
    until = time.monotonic() + seconds
    try:
        synced = _sync(data, name, until)
        # with concurrent writes, it may have read more than it has sent
        aim = synced.transaction
        while synced.replicated < aim:
            synced = _sync(data, name, until)
    except TimeoutError:
        raise ReplicationError(f"the store did not confirm {name}.db within {seconds:g} seconds") from None
    except OSError as error:
        raise ReplicationError(f"Litestream does not respond: {error.strerror or error}") from None
    return Synced(max(aim, synced.transaction), synced.replicated)


def _sync(data: Path, name: str, until: float) -> Synced:
    seconds = _left(until)
    body = json.dumps({"path": str(database_path(data, name)), "wait": True, "timeout": max(1, int(seconds))}).encode()
    # HTTP/1.0, so that the connection is closed after the response
    head = f"POST /sync HTTP/1.0\r\nHost: litestream\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with contextlib.closing(_connect(data, seconds)) as connection:
        connection.sendall(head + body)
        response = b""
        while part := connection.recv(65536):
            response += part
            connection.settimeout(_left(until))
    return _read_response(response)


def _left(until: float) -> float:
    """Return the remaining seconds. Raises TimeoutError if there are none."""
    if (seconds := until - time.monotonic()) <= 0:
        raise TimeoutError
    return seconds


def is_listening(data: Path) -> bool:
    """Return whether Litestream accepts connections."""
    try:
        _connect(data, 1).close()
    except OSError:
        return False
    return True


def _read_response(response: bytes) -> Synced:
    head, _, body = response.partition(b"\r\n\r\n")
    try:
        status = int(head.split(b" ", 2)[1])
        result = json.loads(body)
    except (ValueError, IndexError):
        raise ReplicationError("Litestream's response is incomplete") from None
    if status != http.client.OK:
        raise ReplicationError(str(result.get("error", "Litestream refused the request")))
    return Synced(result["txid"], result["replicated_txid"])


def _connect(data: Path, seconds: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    address = str(data / SOCKET)
    try:
        if len(os.fsencode(address)) <= LONGEST_ADDRESS:
            connection.connect(address)
        else:
            folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
            try:
                connection.connect(f"/proc/self/fd/{folder}/{SOCKET}")
            finally:
                os.close(folder)
    except BaseException:
        connection.close()
        raise
    return connection
