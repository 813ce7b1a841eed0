"""A TCP relay between a client and a server, that can be shut, or lose an answer once the server has given it."""

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit


class Relay:
    """Stands before a server. `lose` is how many answers to POST and PATCH are lost from now on.

    `lost` is called when one was, before the client hears of it.
    """

    def __init__(self, url: str):
        self.turn_to(url)
        self._listening: socket.socket | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.lose = 0
        self.lost: Callable[[], None] = lambda: None
        self.writes: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def turn_to(self, url: str) -> None:
        """Stand before another server."""
        self._server = ("127.0.0.1", urlsplit(url).port)

    def open(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._port))
        listening.listen()
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def shut(self) -> None:
        if self._listening:
            # wakes up the thread that accepts
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._server) as server:
            losing = False
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for each in ready:
                    data = each.recv(65536)
                    if not data:
                        return
                    if each is client:
                        if data.startswith((b"POST", b"PATCH")):
                            self.writes.append(data)
                            losing, self.lose = self.lose > 0, max(0, self.lose - 1)
                        server.sendall(data)
                    elif losing:
                        # the server has answered, so it is stored
                        self.lost()
                        return
                    else:
                        client.sendall(data)


@contextlib.contextmanager
def relay_to(url: str, is_open: bool = True) -> Iterator[Relay]:
    relay = Relay(url)
    if is_open:
        relay.open()
    try:
        yield relay
    finally:
        relay.shut()
