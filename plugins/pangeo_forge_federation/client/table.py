"""The cells of a table in the terminal: their text without control characters, colours and widths."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.statuses import STATUSES
from pangeo_forge_federation.values.text_rules import CONTROL, without_terminal_codes

# the smallest width to which a column is cut
_NARROWEST = 8
_COLOURS = {each.name: each.terminal_colour for each in STATUSES}


def cell(row: Mapping[str, Any], name: str, whole: bool = False) -> str:
    """Return a value as one line. Whitespace is collapsed, unless `whole` is true."""
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict):
        return ", ".join(str(each) for each in value) if _is_plain(value) else f"({len(value)})"
    text = str(value)
    if times.is_kept(text):
        # without fractions of a second
        return f"{text[:10]} {text[11:19]}"
    text = CONTROL.sub("", without_terminal_codes(text))
    if not whole:
        text = " ".join(text.split())
    return f"{text}, stale" if name == "status" and row.get("is_stale") else text


def status_style(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the arguments of `click.style` for a cell. Only statuses have colours."""
    if not name.endswith("status"):
        return {}
    colour = _COLOURS.get(str(row.get(name)))
    return {"fg": colour} if colour else {}


def width(text: str) -> int:
    """Return how many columns of a terminal a string takes up."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def fit(widths: Sequence[int], columns: int, gap: int) -> list[int]:
    """Return widths that fit into a terminal; the widest columns are cut first."""
    fitted = list(widths)
    while sum(fitted) + gap * (len(fitted) - 1) > columns and max(fitted) > _NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _is_plain(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str | int) for each in value)
