"""Spans of time on the command line: `90`, `90s`, `10m`, `6h`, `2d`."""

import re
from typing import Any

import click

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)", re.ASCII)


class Duration(click.ParamType):
    """A span of time, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        match = _SPAN.fullmatch(value.strip().lower())
        if not match or not float(match[1]):
            self.fail(f"{value!r} is no span of time such as 90s, 10m, 6h or 2d", param, context)
        return float(match[1]) * _SECONDS[match[2] or "s"]


def in_words(seconds: float) -> str:
    """A span for people: `4 s`, `12 min 3 s`, `6 h 2 min`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
