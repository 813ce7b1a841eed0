"""Anonymous GETs of the endpoints, answered ahead of everything else: from a cache, or by one small indexed read.

The cache holds what the ordinary route would answer, byte for byte, until any commit by any process. How that is
known: `pragma data_version` changes on a connection that does nothing else whenever another one has committed. An
answer carries the version that was seen before its statement ran: if a commit came between, it is never served. What
depends on the clock (`is_stale`) is the reason why an answer also expires.

Whatever is not plain is left to the ordinary route: a request with a cookie or a token, a header that the guard looks
at, a database or table that is not public. The reply of the ordinary route to an anonymous GET is then kept here too.
Several that miss the same answer at once wait for the first of them.
"""

import asyncio
import re
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pangeo_forge_federation.api.canned_queries import CannedQuery
from pangeo_forge_federation.api.reads import Reads
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.request_notes import note_of_request
from pangeo_forge_federation.storage.read_connections import connect_reader
from pangeo_forge_federation.web.addresses import address_of, base_of, path_regex
from pangeo_forge_federation.web.replies import (
    GZIP_FROM_BYTES,
    Reply,
    etag_matches,
    finish,
    gzip_accepted,
    start_message,
)

Application = Callable[[dict, Callable, Callable], Awaitable[None]]
Message = dict[str, Any]

# where the ASGI scope holds a function that is given the ordinary route's reply before it is encoded
KEEP = "federation.keep"

EXPIRY_SECONDS = 60
# of all answers together, gzipped ones too
MAX_BYTES = 32 * 1024 * 1024
# one that is larger would drive too many others out
MAX_ANSWER_BYTES = MAX_BYTES // 8
# what an answer takes beside its bodies
ANSWER_OVERHEAD = 3000
# of path and query string together: who asks for more asks for it but once
MAX_KEY_BYTES = 2000
# Instructions of SQLite that a read on the event loop may take: about 2 ms. A list of 100 takes a tenth.
MAX_STEPS = 100_000
STEPS_BETWEEN_LOOKS = 5_000
# shapes of requests that turned out to take more, and paths that were looked up
REMEMBERED = 1000

_VARY = "Cookie, Authorization"
_NO_BODY: Message = {"type": "http.response.body", "body": b""}


@dataclass(frozen=True)
class Variant:
    """What is sent to those who take gzip, or to those who do not."""

    start: Message
    body: Message
    etag: str
    not_modified: Message


class Answer:
    """A reply as it is kept, with what is sent of it."""

    def __init__(self, key: tuple, reply: Reply, generation: int):
        self.key = key
        self.reply = reply
        self.generation = generation
        self.expires = time.monotonic() + EXPIRY_SECONDS
        # as the route that made it has noted it
        self.endpoint = note_of_request().endpoint
        self.plain = make_variant(reply, "")
        self.zipped: Variant | None = None

    @property
    def size(self) -> int:
        """Bytes that it takes while it is kept, about."""
        zipped = len(self.zipped.body["body"]) if self.zipped else 0
        return sum(map(len, self.key[:2])) + len(self.plain.body["body"]) + zipped + ANSWER_OVERHEAD


def make_variant(reply: Reply, accept_encoding: str) -> Variant:
    """What is sent of a reply to those whose Accept-Encoding is this."""
    headers = {"accept-encoding": accept_encoding}
    finished = finish(reply, "GET", headers)
    etag = finished.headers["ETag"]
    not_modified = finish(reply, "GET", {**headers, "if-none-match": etag})
    return Variant(
        first_message(finished),
        {"type": "http.response.body", "body": finished.body},
        etag,
        first_message(not_modified),
    )


def first_message(reply: Reply) -> Message:
    """The ASGI message that begins a reply, with `Vary` as Datasette's router completes it."""
    headers = {**reply.headers}
    vary = headers.pop("Vary", None)
    message = start_message(reply, headers)
    message["headers"].append((b"vary", f"{vary}, {_VARY}".encode("latin-1") if vary else _VARY.encode("latin-1")))
    return message


class ResponseCache:
    """The cache and what fills it, of one process. `hits`, `misses`, `entries` and `bytes` say how it does."""

    def __init__(self, path: Path, reads: Reads, public_url: str | None, is_public: Callable[[], Awaitable[bool]]):
        self.hits = 0
        # answered here, but not from the cache
        self.misses = 0
        self.bytes = 0
        self._path = path
        self._reads = reads
        self._public_url = public_url
        self._is_public = is_public
        self._public_until = 0.0
        self._public = False
        self._generation: int | None = None
        self._answers: OrderedDict[tuple, Answer] = OrderedDict()
        self._under_way: dict[tuple, asyncio.Future] = {}
        self._too_long: OrderedDict[tuple, None] = OrderedDict()
        self._connection: sqlite3.Connection | None = None
        # of the read that is under way
        self._looks_left: int | None = None
        self._routes: list[tuple[re.Pattern, CannedQuery]] = []
        self._other_routes: list[tuple[re.Pattern, None]] = []
        self._match = lru_cache(REMEMBERED)(self._find_route)

    @property
    def entries(self) -> int:
        """How many answers are kept."""
        return len(self._answers)

    def serve(self, reads: Reads) -> None:
        """Say what is answered: the canned queries, once they are known to SQLite."""
        self._reads = reads
        queries = reads.queries.values()
        self._routes = [(re.compile(path_regex(path)), query) for query in queries for path in query.paths]
        self._match.cache_clear()

    def keep_replies_of(self, paths: Iterable[str]) -> None:
        """Keep what the ordinary route answers at these paths too."""
        self._other_routes = [(re.compile(path_regex(path)), None) for path in paths]
        self._match.cache_clear()

    def around(self, application: Application) -> Application:
        """The application with this in front of it."""

        async def answer_first(scope: dict, receive: Callable, send: Callable) -> None:
            if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
                await application(scope, receive, send)
                return
            host, accept_encoding, if_none_match = b"", b"", None
            for name, value in scope["headers"]:
                if name == b"host":
                    host = value
                elif name == b"accept-encoding":
                    accept_encoding = value
                elif name == b"if-none-match":
                    if_none_match = value
                elif name in (b"cookie", b"authorization", b"x-csrftoken"):
                    await application(scope, receive, send)
                    return
            path, question = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
            key = (path, question) if self._public_url else (path, question, host, scope["scheme"])
            answer = self._current(key)
            if answer is None:
                answer = await self._miss(key, scope, host, application, receive, send)
                if answer is None:
                    return
            else:
                self.hits += 1
                note = note_of_request()
                note.endpoint, note.cache = answer.endpoint, "hit"
            await self._send(answer, scope["method"], accept_encoding, if_none_match, send)

        return answer_first

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _current(self, key: tuple) -> Answer | None:
        """The answer that still holds."""
        answer = self._answers.get(key)
        if answer is None:
            return None
        if answer.generation != self._read_generation() or answer.expires < time.monotonic():
            return None
        self._answers.move_to_end(key)
        return answer

    def _read_generation(self) -> int | None:
        """What changes with each commit; None while it cannot be told. What is older is dropped."""
        try:
            if self._connection is None:
                self._connection = connect_reader(self._path)
                # on the event loop nothing waits for a lock
                self._connection.execute("pragma busy_timeout = 0")
                self._connection.set_progress_handler(self._look, STEPS_BETWEEN_LOOKS)
            generation = self._connection.execute("pragma data_version").fetchone()[0]
        except sqlite3.Error:
            # the ordinary route says what is wrong
            return None
        if generation != self._generation:
            self._forget_all()
            self._generation = generation
        return generation

    async def _miss(
        self, key: tuple, scope: dict, host: bytes, application: Application, receive: Callable, send: Callable
    ) -> Answer | None:
        """The answer, read now or by somebody else meanwhile; None where the ordinary route has sent it."""
        found = self._match(key[0]) if len(key[0]) + len(key[1]) <= MAX_KEY_BYTES else None
        if found is None or not await self._check_public():
            await application(scope, receive, send)
            return None
        query, encoded = found
        generation = self._read_generation()
        if generation is None:
            await application(scope, receive, send)
            return None
        self.misses += 1
        note = note_of_request()
        note.cache = "miss"
        if query is not None:
            note.endpoint = query.path
        if query is not None and (reply := self._read_inline(query, encoded, key, scope["scheme"], host)):
            return self._keep(Answer(key, reply, generation))
        # who comes after a commit must not be given what was read before it
        place = (generation, key)
        if place in self._under_way:
            answer = await self._under_way[place]
            if answer is None:
                await application(scope, receive, send)
            return answer
        future = self._under_way[place] = asyncio.get_running_loop().create_future()
        kept: Answer | None = None

        def keep(reply: Reply) -> None:
            nonlocal kept
            if reply.status == 200 and reply.etag:
                kept = self._keep(Answer(key, reply, generation))
            # now: who waits must not wait for a slow reader of a long stream
            future.set_result(kept)

        try:
            await application({**scope, KEEP: keep}, receive, send)
        finally:
            del self._under_way[place]
            if not future.done():
                future.set_result(kept)
        return None

    def _read_inline(
        self, query: CannedQuery, encoded: Mapping[str, str], key: tuple, scheme: str, host: bytes
    ) -> Reply | None:
        """The reply, where that is a small and fixed amount of work, and nothing that has to be explained."""
        path, question = key[:2]
        shape = (query.name, question)
        connection = self._connection
        if shape in self._too_long or connection is None:
            return None
        try:
            base = self._public_url or base_of(scheme, host.decode("latin-1"))
            address = address_of(base, path.decode("latin-1"), question.decode("latin-1"))
            read = self._reads.bounded(query, encoded, address)
            if read is None:
                return None
            connection.execute("begin")
            self._looks_left = MAX_STEPS // STEPS_BETWEEN_LOOKS
            try:
                reply = read(connection)
            finally:
                self._looks_left = None
                connection.execute("rollback")
        except ProblemDetails:
            return None
        except sqlite3.Error as error:
            # the ordinary route has more time, and says what else it may be
            if str(error) == "interrupted":
                self._too_long[shape] = None
                if len(self._too_long) > REMEMBERED:
                    self._too_long.popitem(last=False)
            return None
        return reply if reply.etag else None

    def _look(self) -> bool:
        """Whether a read has had its steps. SQLite counts them by statement, over all of its runs, so it cannot say."""
        if self._looks_left is None:
            return False
        self._looks_left -= 1
        return self._looks_left < 0

    def _keep(self, answer: Answer) -> Answer:
        if answer.generation == self._generation and answer.size <= MAX_ANSWER_BYTES:
            if before := self._answers.pop(answer.key, None):
                self.bytes -= before.size
            self._answers[answer.key] = answer
            self.bytes += answer.size
            self._shrink()
        return answer

    def _forget_all(self) -> None:
        self._answers.clear()
        self.bytes = 0

    def _shrink(self) -> None:
        while self.bytes > MAX_BYTES:
            _, oldest = self._answers.popitem(last=False)
            self.bytes -= oldest.size

    async def _send(
        self, answer: Answer, method: str, accept_encoding: bytes, if_none_match: bytes | None, send: Callable
    ) -> None:
        variant = answer.plain
        if accept_encoding and takes_gzip(accept_encoding):
            variant = answer.zipped or self._zip(answer)
        if if_none_match is not None and etag_matches(if_none_match.decode("latin-1"), variant.etag):
            await send(variant.not_modified)
            await send(_NO_BODY)
            return
        await send(variant.start)
        await send(_NO_BODY if method == "HEAD" else variant.body)

    def _zip(self, answer: Answer) -> Variant:
        if len(answer.reply.body) < GZIP_FROM_BYTES:
            return answer.plain
        before = answer.size
        answer.zipped = make_variant(answer.reply, "gzip")
        # it may have been driven out meanwhile, or was never kept
        if self._answers.get(answer.key) is answer:
            self.bytes += answer.size - before
            self._shrink()
        return answer.zipped

    def _find_route(self, raw_path: bytes) -> tuple[CannedQuery | None, dict[str, str]] | None:
        path = raw_path.decode("latin-1")
        for pattern, query in (*self._routes, *self._other_routes):
            if match := pattern.match(path):
                return query, match.groupdict()
        return None

    async def _check_public(self) -> bool:
        """Whether everybody may see the database; asked anew from time to time."""
        if time.monotonic() >= self._public_until:
            self._public = await self._is_public()
            self._public_until = time.monotonic() + EXPIRY_SECONDS
            if not self._public:
                self._forget_all()
        return self._public


@lru_cache(REMEMBERED)
def takes_gzip(accept_encoding: bytes) -> bool:
    """`gzip_accepted` of a header's bytes, remembered."""
    return gzip_accepted(accept_encoding.decode("latin-1"))
