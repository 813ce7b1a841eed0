"""How far a sync is, on stderr: a bar on a terminal, one line a step elsewhere, nothing when it is to be quiet."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import click

T = TypeVar("T")


class Progress:
    """Says nothing; the base of the others."""

    def step(self, what: str, done: int, total: int | None) -> None:
        """So many of `total` are done; None where nobody knows how many there are."""

    def say(self, text: str) -> None:
        """Something that a person should know while it goes on."""

    def over(self, what: str, items: Iterable[T], total: int) -> Iterator[T]:
        """The items, while it is shown how far they are."""
        yield from items

    def close(self) -> None:
        """Nothing more comes."""


class Lines(Progress):
    """One line a step."""

    def step(self, what: str, done: int, total: int | None) -> None:
        self.say(f"{what} {done:,}" + (f" of {total:,}" if total is not None else ""))

    def say(self, text: str) -> None:
        click.echo(text, err=True)


class Bar(Progress):
    """A bar with count, rate and time left."""

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
    """What fits: nothing, a bar on a terminal, lines elsewhere."""
    if quiet:
        return Progress()
    return Bar() if sys.stderr.isatty() else Lines()
