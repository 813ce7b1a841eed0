"""What could not be sent, on disk: a file a run, sent by the next command that writes or by `forge runs flush`.

Each belongs to the URL that it was meant for. No token is in it. Whoever works on one holds a lock on the file beside
it, which the kernel lets go of when the process ends, however it ends.
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
    # Windows: two that send the same at once send it under the same keys
    fcntl = None  # type: ignore[assignment]


class Kept:
    """A delivery on disk, locked by us until it is let go of or forgotten."""

    def __init__(self, path: Path, url: str):
        self._path = path
        self._url = url
        self._lock: int | None = None

    @classmethod
    def new(cls, url: str, folder: Path) -> "Kept":
        """A place for a delivery. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = cls(folder / f"{uuid.uuid4().hex}.json", url)
        kept.take()
        return kept

    def take(self) -> bool:
        """Lock it. False where another process works on it."""
        self._lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._close()
                return False
        return True

    def save(self, delivery: Delivery) -> None:
        """Write it, whole or not at all. Raises OSError."""
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".new-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"url": self._url, "delivery": delivery.to_json()}, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, self._path)

    def forget(self) -> None:
        """It is sent, or refused for good."""
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(".lock").unlink(missing_ok=True)
        self._close()

    def let_go(self) -> None:
        """Another process may have it."""
        if not self._path.exists():
            self._path.with_suffix(".lock").unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@dataclass
class Flushed:
    """What became of what was kept."""

    sent: int = 0
    kept: int = 0
    refused: int = 0


def flush(transport: Transport, say: Callable[[str], None], folder: Path | None = None) -> Flushed:
    """Send what is kept for this registry. It stops where nobody answers; `say` is told what was not sent.

    Raises RegistryError where the folder cannot be used.
    """
    folder = folder or spool_folder()
    try:
        return _flush(transport, say, folder)
    except OSError as error:
        raise RegistryError(f"what is kept in {folder} cannot be sent: {error.strerror}") from None


def _flush(transport: Transport, say: Callable[[str], None], folder: Path) -> Flushed:
    client = Client(transport=transport)
    done = Flushed()
    waiting = list(_waiting(folder, transport.url))
    for index, (kept, delivery) in enumerate(waiting):
        what = f"the run of {delivery.run['recipe_id']!r} of {delivery.run['run_date']}"
        try:
            delivery.send(client)
        except Unreachable as error:
            say(f"Not sent, and kept: {what}: {error}")
            for other, _ in waiting[index:]:
                other.let_go()
            done.kept += len(waiting) - index
            return done
        except RegistryError as error:
            if isinstance(error, Problem) and not isinstance(error, Refused):
                # it would be refused again
                say(f"Refused, and not kept: {what}: {error}")
                done.refused += 1
                kept.forget()
            else:
                # another token may be taken, and those after it may be another bakery's
                say(f"Not sent, and kept: {what}: {error}")
                done.kept += 1
                kept.let_go()
        else:
            done.sent += 1
            kept.forget()
    return done


def kept_for_others(url: str, folder: Path | None = None) -> Counter[str]:
    """How many runs are kept for registries at other URLs: a registry may have another one now."""
    found: Counter[str] = Counter()
    for path in (folder or spool_folder()).glob("*.json"):
        # sent meanwhile, or of another version
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError):
            found[str(json.loads(path.read_text("utf-8"))["url"])] += 1
    del found[url]
    return found


def flush_beside(transport: Transport, say: Callable[[str], None]) -> None:
    """Send what is kept, beside something else that was just sent, which this must not undo."""
    folder = spool_folder()
    if folder.is_dir():
        try:
            flush(transport, say, folder)
        except RegistryError as error:
            say(f"Warning: {error}")


def _waiting(folder: Path, url: str) -> Iterator[tuple[Kept, Delivery]]:
    """What waits for this registry, the oldest first, each locked."""
    for path in sorted(folder.glob("*.json"), key=_modified):
        kept = Kept(path, url)
        if not kept.take():
            continue
        delivery = _read(path, url)
        if delivery is None:
            kept.let_go()
        else:
            yield kept, delivery


def _modified(path: Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    # another process has just sent it
    return 0.0


def _read(path: Path, url: str) -> Delivery | None:
    """What a file holds; None where it is gone, is another registry's, or was written by another version."""
    try:
        value = json.loads(path.read_text("utf-8"))
        return Delivery.read(value["delivery"]) if value["url"] == url else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
