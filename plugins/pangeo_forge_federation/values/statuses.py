"""The statuses of a recipe run, in one table: everything that lists statuses, or treats them differently, follows it.

To add a status, add an entry to `STATUSES`, a migration that calls `status_conditions.renew`, and run
`scripts/write-generated`.
"""

from dataclasses import dataclass

_STROKE = 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
_TRIANGLE = f'<path {_STROKE} d="M8 2.5 14 13.25H2zM8 6.75v2.75M8 11.4v.1"/>'


@dataclass(frozen=True, kw_only=True)
class Look:
    """How pages show something: a word with a drawing before it, in a colour.

    Attributes:
        name: Part of the CSS class `status-{name}`.
        word: What people read.
        drawing: SVG elements in a square of 16 units, so that the colour never stands alone.
        over_bar: SVG element above a bar of a chart; `marks.over_bar` fills in the coordinates. Without one, the bar
            has no mark: that is for what needs no attention.
        colour: Colour of the word in the light theme. White on it, and it on white, has a contrast of 4.5:1.
        dark_colour: The same in the dark theme.
    """

    name: str
    word: str
    drawing: str
    over_bar: str = ""
    colour: str
    dark_colour: str


@dataclass(frozen=True, kw_only=True)
class Status(Look):
    """A status of a recipe run.

    Attributes:
        meaning: What it says of a run, for the docs.
        is_final: Whether a run keeps it.
        severity: Charts show the worst status of a day, and stack the worst on top. With room for others between.
        column: Its place among the columns and legends of pages, the lowest first. With room for others between.
        is_rated: Whether success rates count the run as finished; it then needs an `outcome`.
        needs_attention: Whether a feedstock whose latest run has it is listed as in need of attention.
        is_in_feeds: Whether Atom feeds show the run; it then needs an `outcome`.
        outcome: What such a run did, as in "runs that timed out".
        exit_code: What `forge runs watch` exits with when the run has it at the end.
        terminal_colour: A colour that `click.style` takes; None for the terminal's own.
        synonyms: Words of schedulers for it, in lower case, which are read in its place.
        conclusions: Conclusions of GitHub Actions that are imported as it; one of the same name is understood anyway.
    """

    meaning: str
    is_final: bool
    severity: int
    column: int
    is_rated: bool = False
    needs_attention: bool = False
    is_in_feeds: bool = False
    outcome: str = ""
    exit_code: int = 0
    terminal_colour: str | None = None
    synonyms: tuple[str, ...] = ()
    conclusions: tuple[str, ...] = ()


# In the order of enumerations: of OpenAPI, check constraints, messages, tables in docs.
STATUSES = (
    Status(
        name="queued",
        word="queued",
        meaning="waiting to start",
        is_final=False,
        severity=30,
        column=40,
        colour="#56687a",
        dark_colour="#93a7b2",
        terminal_colour="yellow",
        synonyms=("pending", "waiting", "requested", "scheduled"),
        drawing=f'<circle cx="8" cy="8" r="5.75" {_STROKE} stroke-dasharray="1.6 2.9"/>',
    ),
    Status(
        name="in_progress",
        word="running",
        meaning="running",
        is_final=False,
        severity=40,
        column=30,
        colour="#1c5fc4",
        dark_colour="#7cb7ff",
        terminal_colour="yellow",
        synonyms=("running", "started", "in progress", "in-progress"),
        drawing=f'<circle cx="8" cy="8" r="5.75" {_STROKE}/><path fill="currentColor" d="M8 2.5a5.5 5.5 0 0 1 0 11z"/>',
    ),
    Status(
        name="success",
        word="success",
        meaning="completed successfully",
        outcome="succeeded",
        is_final=True,
        severity=10,
        column=10,
        is_rated=True,
        is_in_feeds=True,
        colour="#006a5b",
        dark_colour="#45cdb0",
        terminal_colour="green",
        synonyms=("succeeded", "successful", "completed"),
        drawing='<path fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" '
        'stroke-linejoin="round" d="m3 8.5 3.25 3.5L13 4.5"/>',
    ),
    Status(
        name="failure",
        word="failure",
        meaning="failed",
        outcome="failed",
        is_final=True,
        severity=70,
        column=20,
        is_rated=True,
        needs_attention=True,
        is_in_feeds=True,
        exit_code=1,
        colour="#a31515",
        dark_colour="#ff8d78",
        terminal_colour="red",
        synonyms=("failed", "error", "crashed"),
        conclusions=("action_required", "startup_failure"),
        drawing='<path fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" '
        'd="m4 4 8 8m0-8-8 8"/>',
        over_bar='<path class="drawn" d="M{left} {top}l{wide} {wide}m0-{wide}l-{wide} {wide}"/>',
    ),
    Status(
        name="cancelled",
        word="cancelled",
        meaning="stopped by somebody",
        outcome="were cancelled",
        is_final=True,
        severity=50,
        column=60,
        is_rated=True,
        exit_code=1,
        colour="#8a3f9c",
        dark_colour="#e39af0",
        synonyms=("canceled",),
        drawing='<rect x="3.25" y="3.25" width="9.5" height="9.5" rx="1" fill="currentColor"/>',
        over_bar='<rect class="bar" x="{left}" y="{top}" width="{wide}" height="{wide}"/>',
    ),
    Status(
        name="timed_out",
        word="timed out",
        meaning="took too long",
        outcome="timed out",
        is_final=True,
        severity=60,
        column=50,
        is_rated=True,
        needs_attention=True,
        is_in_feeds=True,
        exit_code=1,
        colour="#a05a00",
        dark_colour="#ffc765",
        terminal_colour="red",
        synonyms=("timedout", "timed out", "timed-out", "timeout"),
        conclusions=("stale",),
        drawing=f'<circle cx="8" cy="8" r="5.75" {_STROKE}/><path {_STROKE} d="M8 5v3.25l2 1.25"/>',
        over_bar='<circle class="drawn" cx="{x}" cy="{middle}" r="{size}"/>',
    ),
    Status(
        name="skipped",
        word="skipped",
        meaning="did not run",
        is_final=True,
        severity=20,
        column=70,
        colour="#5f6f78",
        dark_colour="#8c9ca5",
        conclusions=("neutral",),
        drawing='<path fill="currentColor" d="m2.5 4 5 4-5 4zm5.5 0 5 4-5 4z"/>',
        over_bar='<path class="bar" d="M{left} {top}l{wide} {size}-{wide} {size}z"/>',
    ),
)
# No status: what pages show in place of that of a run that is not final and has not been updated for long.
STALE_LOOK = Look(
    name="stale",
    word="stale",
    colour="#7a5c00",
    dark_colour="#e3c15a",
    drawing=_TRIANGLE,
    over_bar='<path class="drawn" d="M{x} {top}l{size} {wide}h-{wide}z"/>',
)
BY_COLUMN = tuple(sorted(STATUSES, key=lambda each: each.column))
LOOKS: tuple[Look, ...] = (*BY_COLUMN, STALE_LOOK)
# Name -> what people read.
WORDS = {each.name: each.word for each in LOOKS}
STALE, PROBLEM = STALE_LOOK.name, "problem"
# A file with a problem has a drawing of its own, in the colour of one of the others.
DRAWINGS = {each.name: each.drawing for each in LOOKS} | {PROBLEM: _TRIANGLE}

STATUS_NAMES = tuple(each.name for each in STATUSES)
FINAL_STATUSES = tuple(each.name for each in STATUSES if each.is_final)
UNFINISHED_STATUSES = tuple(each.name for each in STATUSES if not each.is_final)
STATUS_SYNONYMS = {word: each.name for each in STATUSES for word in each.synonyms}
WORST_FIRST = tuple(each.name for each in sorted(STATUSES, key=lambda each: -each.severity))
RATED_STATUSES = tuple(each.name for each in STATUSES if each.is_rated)
# What should have succeeded and did not.
UNSUCCESSFUL_STATUSES = tuple(name for name in RATED_STATUSES if name != "success")


def completion_errors(completed_at: str, status: str, run_date: str | None) -> list[str]:
    """Return the errors of the end of a run, which continue a sentence starting with `completed_at`.

    Times are in the form in which they are stored.
    """
    errors = []
    if status not in FINAL_STATUSES:
        errors.append(f"is set, but {status} is not a final status: leave one of the two out")
    if run_date and completed_at < run_date:
        errors.append("is before run_date")
    return errors


def read_status(text: str) -> str:
    """Return the status for a status or a synonym in any case; any other string in lower case."""
    word = text.strip().lower()
    return STATUS_SYNONYMS.get(word, word)


def shown_status(status: str, is_stale: bool = False) -> str:
    """Return how a run is shown: stale if it has not been updated for too long, otherwise its status."""
    return STALE if is_stale else status
