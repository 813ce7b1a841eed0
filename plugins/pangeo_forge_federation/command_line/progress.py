"""Show progress on stderr: as a bar in a terminal, else as one line per step, or not at all."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import click

T = TypeVar("T")


class Progress:
    """Shows nothing. The base class of the others."""

    def step(self, what: str, done: int, total: int | None) -> None:
        """Show that `done` of `total` are done. `total` is None if it is unknown."""

    def say(self, text: str) -> None:
        """Show a message."""

    def over(self, what: str, items: Iterable[T], total: int) -> Iterator[T]:
        """Yield the items, and show progress meanwhile."""
        yield from items

    def close(self) -> None:
        """Finish the output."""


class Lines(Progress):
    """Shows one line per step."""

    def step(self, what: str, done: int, total: int | None) -> None:
        self.say(f"{what} {done:,}" + (f" of {total:,}" if total is not None else ""))

    def say(self, text: str) -> None:
        click.echo(text, err=True)


class Bar(Progress):
    """Shows a bar with the count, the rate and the remaining time."""

    def __init__(self) -> None:
        self._what = ""
        self._bar: Any = None
        self._began = 0.0

    def step(self, what: str, done: int, total: int | None) -> None:
        if what != self._what:
            self._begin(what, total)
        if self._bar is None:
            click.echo(f"\r{what} {done:,}", err=True, nl=False)
            return
        self._bar.update(done - self._bar.pos, f"{done / max(time.monotonic() - self._began, 0.001):,.0f}/s")

    def say(self, text: str) -> None:
        self.close()
        click.echo(text, err=True)

    def over(self, what: str, items: Iterable[T], total: int) -> Iterator[T]:
        for number, item in enumerate(items, start=1):
            yield item
            self.step(what, number, total)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None
        elif self._what:
            click.echo(err=True)
        self._what = ""

    def _begin(self, what: str, total: int | None) -> None:
        self.close()
        self._what, self._began = what, time.monotonic()
        if total:
            self._bar = click.progressbar(
                length=total, label=what, file=sys.stderr, show_pos=True, item_show_func=lambda rate: rate or ""
            )


def progress_for(quiet: bool) -> Progress:
    """Return nothing to show if `quiet`, else a bar in a terminal, else lines."""
    if quiet:
        return Progress()
    return Bar() if sys.stderr.isatty() else Lines()
