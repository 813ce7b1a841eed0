"""The end of a command's output as the message of its run, which the registry publishes."""

import os
import re
import threading
from collections import deque
from collections.abc import Mapping

from pangeo_forge_federation.values.redaction import redact
from pangeo_forge_federation.values.text_rules import CONTROL, without_terminal_codes

# in UTF-8, the registry's bound
MESSAGE_BYTES = 65_536
# of output that is kept: more than a message, as colours and progress bars are removed from it
_REMEMBERED = 4 * MESSAGE_BYTES

_SECRET_NAMES = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|PRIVATE_KEY|ACCESS_KEY|API_KEY", re.IGNORECASE)
_SHORTEST_SECRET = 8
_HIDDEN = "***"
# what a progress bar overwrote
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)")


class Tail:
    """Keeps the last bytes of an output that several threads write."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()
        self._is_cut = False

    def add(self, data: bytes) -> None:
        """Append what was written; beyond a bound the oldest pieces are dropped."""
        with self._lock:
            self._pieces.append(data)
            self._size += len(data)
            while self._size - len(self._pieces[0]) >= _REMEMBERED:
                self._size -= len(self._pieces.popleft())
                self._is_cut = True

    def read(self) -> bytes:
        """Return the bytes that are kept, from the beginning of a line if earlier ones were dropped."""
        with self._lock:
            data = b"".join(self._pieces)
            return data.partition(b"\n")[2] if self._is_cut and b"\n" in data else data


def fit_message(head: str, output: bytes, secrets: list[str]) -> str:
    """Return `head` and as much of the end of `output` as fits into a message.

    The text has no colours, control characters or lines that a progress bar overwrote. Each of `secrets` is replaced by
    `***`, and other secrets by the word for their kind.
    """
    text = without_terminal_codes(output.decode("utf-8", "replace"))
    text = _OVERWRITTEN.sub("", text.replace("\r\n", "\n").rstrip("\r"))
    text = _hide(CONTROL.sub("", text), secrets).rstrip()
    head = _hide(CONTROL.sub("", head), secrets)
    room = MESSAGE_BYTES - len(head.encode()) - len("\n\n…\n".encode())
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > room:
        end = encoded[-room:].decode("utf-8", "ignore")
        text = "…\n" + (end.partition("\n")[2] or end)
    return "\n\n".join(part for part in (head, text) if part.strip())


def secrets_of(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the values of environment variables that are secret by their names."""
    return [
        value.strip()
        for name, value in environ.items()
        if _SECRET_NAMES.search(name) and len(value.strip()) >= _SHORTEST_SECRET
    ]


def _hide(text: str, secrets: list[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return redact(text, e_mail_addresses=False)
