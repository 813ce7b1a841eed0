"""Durations: as options (`90s`, `10m`, `6h`, `2d`), and in text for people."""

import re

import click

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smhd]?)", re.ASCII)


class Duration(click.ParamType):
    """An option with a duration, converted to seconds. With `bare`, a number without a unit is in seconds."""

    name = "duration"

    def __init__(self, bare: bool = False):
        self._bare = bare

    def convert(
        self, value: str | int | float, param: click.Parameter | None, context: click.Context | None
    ) -> int | float:
        """Return the seconds, as an int if possible. Raises BadParameter."""
        # a default value
        if not isinstance(value, str):
            return value
        match = _SPAN.fullmatch(value.strip().lower())
        if not match or not float(match[1]) or not (match[2] or self._bare):
            self.fail(f"{value!r} is not a duration such as 30s, 15m, 6h or 1d", param, context)
        seconds = float(match[1]) * _SECONDS[match[2] or "s"]
        return int(seconds) if seconds.is_integer() else seconds


def in_words(seconds: float) -> str:
    """Return a duration for people: `4 s`, `12 min 3 s`, `6 h 2 min`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
