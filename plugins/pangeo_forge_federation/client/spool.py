"""Runs that could not be sent, saved on disk until the next command that writes or `forge runs flush` sends them.

Each run is a file, which also contains the registry's URL, but no token. A process that works on a run locks the .lock
file next to it. The kernel releases the lock when the process ends, however it ends.
"""

import contextlib
import json
import os
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.configuration import spool_folder
from pangeo_forge_federation.client.delivery import Delivery
from pangeo_forge_federation.client.errors import Problem, Refused, RegistryError, Unreachable
from pangeo_forge_federation.client.transport import Transport

try:
    import fcntl
except ImportError:
    # Windows: two processes may send the same run, but with the same idempotency keys
    fcntl = None  # type: ignore[assignment]


class SavedDelivery:
    """A delivery on disk, which this process has locked until it releases or deletes it."""

    def __init__(self, path: Path, url: str):
        self._path = path
        self._url = url
        self._lock: int | None = None

    @classmethod
    def new(cls, url: str, folder: Path) -> "SavedDelivery":
        """Create a place for a delivery, and lock it. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        saved = cls(folder / f"{uuid.uuid4().hex}.json", url)
        saved.lock()
        return saved

    def lock(self) -> bool:
        """Lock the file. Return False if another process works on it."""
        self._lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._close()
                return False
        return True

    def save(self, delivery: Delivery) -> None:
        """Write the delivery, completely or not at all. Raises OSError."""
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".new-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"url": self._url, "delivery": delivery.to_json()}, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, self._path)

    def delete(self) -> None:
        """Delete the file, after the delivery was sent or refused for good."""
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(".lock").unlink(missing_ok=True)
        self._close()

    def release(self) -> None:
        """Release the lock, so that another process can work on the file."""
        if not self._path.exists():
            self._path.with_suffix(".lock").unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@dataclass
class Flushed:
    """How many saved runs were sent, are still saved, and were refused."""

    sent: int = 0
    kept: int = 0
    refused: int = 0


def flush(transport: Transport, say: Callable[[str], None], folder: Path | None = None) -> Flushed:
    """Send the runs that are saved for this registry, until it does not respond. Calls `say` for each that is not sent.

    Raises:
        RegistryError: The folder cannot be used.
    """
    folder = folder or spool_folder()
    try:
        return _flush(transport, say, folder)
    except OSError as error:
        raise RegistryError(f"cannot use {error.filename or folder}, where runs are saved: {error.strerror}") from None


def _flush(transport: Transport, say: Callable[[str], None], folder: Path) -> Flushed:
    client = Client(transport=transport)
    done = Flushed()
    unsent = list(_unsent(folder, transport.url))
    for index, (saved, delivery) in enumerate(unsent):
        what = f"the run of {delivery.run['recipe_id']!r} started at {delivery.run['run_date']}"
        try:
            delivery.send(client)
        except Unreachable as error:
            say(f"Not sent, and still saved: {what}: {error}")
            for other, _ in unsent[index:]:
                other.release()
            done.kept += len(unsent) - index
            return done
        except RegistryError as error:
            if isinstance(error, Problem) and not isinstance(error, Refused):
                # it would be refused again
                say(f"Refused, and deleted: {what}: {error}")
                done.refused += 1
                saved.delete()
            else:
                # it can be sent with another token, and the next runs may belong to another bakery
                say(f"Not sent, and still saved: {what}: {error}")
                done.kept += 1
                saved.release()
        else:
            done.sent += 1
            saved.delete()
    return done


def saved_for_other_urls(url: str, folder: Path | None = None) -> Counter[str]:
    """Return how many runs are saved for each URL other than this one; the registry's URL may have changed."""
    found: Counter[str] = Counter()
    for path in (folder or spool_folder()).glob("*.json"):
        # files that were sent in the meantime, or written by another version, are left out
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError):
            found[str(json.loads(path.read_text("utf-8"))["url"])] += 1
    del found[url]
    return found


def try_flush(transport: Transport, say: Callable[[str], None]) -> None:
    """Send the saved runs after another write, which has succeeded: if this fails, only print a warning."""
    folder = spool_folder()
    if folder.is_dir():
        try:
            flush(transport, say, folder)
        except RegistryError as error:
            say(f"Warning: {error}")


def _unsent(folder: Path, url: str) -> Iterator[tuple[SavedDelivery, Delivery]]:
    """Yield what is saved for this registry, oldest first, each locked."""
    for path in sorted(folder.glob("*.json"), key=_modified):
        saved = SavedDelivery(path, url)
        if not saved.lock():
            continue
        delivery = _read(path, url)
        if delivery is None:
            saved.release()
        else:
            yield saved, delivery


def _modified(path: Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    # another process has just sent it
    return 0.0


def _read(path: Path, url: str) -> Delivery | None:
    """Return the delivery in a file, or None if it is gone, for another URL, or was written by another version."""
    try:
        value = json.loads(path.read_text("utf-8"))
        return Delivery.read(value["delivery"]) if value["url"] == url else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
