"""Litestream's control socket: have it replicate what is committed, and wait until that is in the store."""

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

# An address of a socket holds about a hundred bytes.
LONGEST_ADDRESS = 100


@dataclass(frozen=True)
class Synced:
    """The last transaction that was read from a database, and the last that is in the store."""

    transaction: int
    replicated: int


def replicate_now(data: Path, name: str, seconds: float) -> Synced:
    """Return once every commit that was made before this call is in the store. Raises ReplicationError.

    Litestream does not keep a time limit while its store does not answer: this one, in seconds for all of it, is ours.
    """
    until = time.monotonic() + seconds
    try:
        synced = _sync(data, name, until)
        # while others write, it may have read further than it has sent
        aim = synced.transaction
        while synced.replicated < aim:
            synced = _sync(data, name, until)
    except TimeoutError:
        raise ReplicationError(f"the store did not take {name}.db within {seconds:g} seconds") from None
    except OSError as error:
        raise ReplicationError(f"Litestream does not answer: {error.strerror or error}") from None
    return Synced(max(aim, synced.transaction), synced.replicated)


def _sync(data: Path, name: str, until: float) -> Synced:
    seconds = _left(until)
    body = json.dumps({"path": str(database_path(data, name)), "wait": True, "timeout": max(1, int(seconds))}).encode()
    # HTTP/1.0, so that the end of the answer is the end of the connection
    head = f"POST /sync HTTP/1.0\r\nHost: litestream\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with contextlib.closing(_connect(data, seconds)) as connection:
        connection.sendall(head + body)
        answer = b""
        while part := connection.recv(65536):
            answer += part
            connection.settimeout(_left(until))
    return _read_answer(answer)


def _left(until: float) -> float:
    """The seconds that are left. Raises TimeoutError."""
    if (seconds := until - time.monotonic()) <= 0:
        raise TimeoutError
    return seconds


def answers(data: Path) -> bool:
    """Whether Litestream listens."""
    try:
        _connect(data, 1).close()
    except OSError:
        return False
    return True


def _read_answer(answer: bytes) -> Synced:
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        status = int(head.split(b" ", 2)[1])
        said = json.loads(body)
    except (ValueError, IndexError):
        raise ReplicationError("Litestream broke off its answer") from None
    if status != http.client.OK:
        raise ReplicationError(str(said.get("error", "Litestream refused")))
    return Synced(said["txid"], said["replicated_txid"])


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
