"""Keyset paging: a page starts after the last row of the previous one, found by an index whatever was inserted since.

`_next` contains that row's sort value and key, with a checksum of the path, the order and the filters. It contains no
secret, so it is valid on every worker and replica and after a restart; the checksum only prevents that one list is
continued in another.

If the sort column can be null, the list has two parts, each an indexed statement: the rows with a value, then those
without. A single statement with `or` would scan.
"""

import base64
import binascii
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pangeo_forge_federation.values.json_text import dump_json

DEFAULT_SIZE = 100
MAX_SIZE = 1000
_CHECKSUM_BYTES = 9


class BadNext(ValueError):
    """A `_next` that does not belong to this list."""


@dataclass(frozen=True)
class Order:
    """The order of a list: by one column, then by its key in the same direction. Nulls come last."""

    column: str
    descending: bool
    nullable: bool
    key: tuple[str, ...]

    @property
    def tie_breakers(self) -> tuple[str, ...]:
        """The columns of the key that order rows with the same value."""
        return tuple(name for name in self.key if name != self.column)


@dataclass(frozen=True)
class Position:
    """The last row of a page: its sort value (None if among the nulls) and its key."""

    value: Any
    key: tuple


@dataclass(frozen=True)
class Page:
    """Rows of a list, each a sequence in the order of `columns`."""

    columns: list[str]
    rows: list[Sequence]
    # None on the last page
    last: Position | None


def encode_next(position: Position, identity: str) -> str:
    """Return the value of `_next`. `identity` identifies the list with its order and filters."""
    payload = dump_json([position.value, *position.key])
    return encode_of(_checksum(payload, identity) + payload)


def decode_next(text: str, identity: str, order: Order) -> Position:
    """Return the position in a `_next`. Raises `BadNext`."""
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error):
        raise BadNext from None
    checksum, payload = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
    if checksum != _checksum(payload, identity) or encode_of(raw) != text:
        raise BadNext
    value, *key = json.loads(payload)
    if len(key) != len(order.tie_breakers):
        raise BadNext
    return Position(value, tuple(key))


def encode_of(raw: bytes) -> str:
    """Return Base64 for URLs (RFC 4648, 5), without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _checksum(payload: bytes, identity: str) -> bytes:
    return hashlib.blake2b(
        payload, digest_size=_CHECKSUM_BYTES, key=hashlib.sha256(identity.encode()).digest()
    ).digest()


def read_page(
    connection: sqlite3.Connection,
    source: str,
    values: dict[str, Any],
    order: Order,
    size: int,
    after: Position | None,
) -> Page:
    """Return at most `size` rows of `source` (`select ... from ... where ...` without an order), after a position."""
    columns: list[str] = []
    rows: list[Sequence] = []
    # one row more than needed shows whether there is another page
    for statement, bound in _statements(source, order, after):
        cursor = connection.execute(statement, values | bound | {"page_size": size + 1 - len(rows)})
        columns = [column[0] for column in cursor.description]
        rows += cursor.fetchall()
        if len(rows) > size:
            break
    if len(rows) <= size:
        return Page(columns, rows, None)
    rows = rows[:size]
    last = dict(zip(columns, rows[-1], strict=True))
    return Page(columns, rows, Position(last[order.column], tuple(last[name] for name in order.tie_breakers)))


def _statements(source: str, order: Order, after: Position | None) -> Iterator[tuple[str, dict[str, Any]]]:
    direction = " desc" if order.descending else ""
    compare = "<" if order.descending else ">"
    by_value = (order.column, *order.tie_breakers)
    if after is None or after.value is not None:
        conditions, bound = [], {}
        if order.nullable:
            conditions.append(f'"{order.column}" is not null')
        if after is not None:
            conditions.append(_after(by_value, compare))
            bound = _bound(by_value, (after.value, *after.key))
        yield _select(source, conditions, by_value, direction), bound
    if order.nullable:
        conditions, bound = [f'"{order.column}" is null'], {}
        if after is not None and after.value is None:
            conditions.append(_after(order.tie_breakers, compare))
            bound = _bound(order.tie_breakers, after.key)
        yield _select(source, conditions, order.tie_breakers, direction), bound


def _select(source: str, conditions: list[str], columns: Sequence[str], direction: str) -> str:
    where = "".join(f"\nand {condition}" for condition in conditions)
    order = ", ".join(f'"{name}"{direction}' for name in columns)
    return f"{source}{where}\norder by {order}\nlimit :page_size"


def _after(columns: Sequence[str], compare: str) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    parameters = ", ".join(f":after_{index}" for index in range(len(columns)))
    return f"({names}) {compare} ({parameters})"


def _bound(columns: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return {f"after_{index}": value for index, value in zip(range(len(columns)), values, strict=True)}
