"""`forge runs watch ID`: wait until a recipe run has ended."""

import sys
import time
from datetime import UTC, datetime

import click

from pangeo_forge_federation.client.commands.session import Session, pass_session, say
from pangeo_forge_federation.client.endpoints import records
from pangeo_forge_federation.client.errors import FAILED
from pangeo_forge_federation.client.output import JSON, TABLE, has_colours, write_record
from pangeo_forge_federation.client.records import RecipeRun
from pangeo_forge_federation.client.table import status_style
from pangeo_forge_federation.command_line.duration import Duration, in_words
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.plural import joined
from pangeo_forge_federation.values.statuses import STATUSES

INTERVAL_SECONDS = 10
# final status -> exit code
_EXIT_CODES = {each.name: each.exit_code for each in STATUSES if each.is_final}
_FINE = joined([name for name, code in _EXIT_CODES.items() if code == 0], "or")


@click.command(
    "watch",
    help="Wait until a recipe run has ended, and print it.\n\n"
    f"The exit code is 0 if its final status is {_FINE}, and 1 for any other status or after --timeout.",
)
@click.argument("recipe_run_id", type=int)
@click.option(
    "--interval",
    type=Duration(bare=True),
    default=INTERVAL_SECONDS,
    metavar="10s",
    help="How often to check.  [default: 10s]",
)
@click.option("--timeout", type=Duration(bare=True), metavar="6h", help="Give up after this time.")
@click.option("--json", "form", flag_value=JSON, help="Output the run as JSON at the end.")
@pass_session
def watch_command(
    session: Session, recipe_run_id: int, interval: float, timeout: float | None, form: str | None
) -> None:
    client = session.client
    until = time.monotonic() + timeout if timeout else None
    live = sys.stderr.isatty()
    printed = ""
    while True:
        run = client.recipe_run(recipe_run_id)
        state = _state(run)
        if live:
            # overwrite the previous line
            click.echo(f"\r\x1b[2K{_line(run)}", err=True, nl=False)
        elif state != printed:
            say(state)
        printed = state
        if run["status"] in _EXIT_CODES:
            break
        if until is not None and time.monotonic() + interval > until:
            if live:
                say("")
            say(f"Error: recipe run {run['id']} is still {run['status']} after --timeout")
            raise SystemExit(FAILED)
        time.sleep(interval)
    if live:
        say("")
    write_record(run, records()["RecipeRun"], form or TABLE)
    if exit_code := _EXIT_CODES[run["status"]]:
        raise SystemExit(exit_code)


def _state(run: RecipeRun) -> str:
    stale = " (stale: it has not been updated for a long time)" if run["is_stale"] else ""
    return f"recipe run {run['id']} of {run['recipe_id']} is {run['status']}{stale}"


def _line(run: RecipeRun) -> str:
    end = times.from_text(run["completed_at"]) if run["completed_at"] else datetime.now(UTC)
    seconds = (end - times.from_text(run["run_date"])).total_seconds()
    state = _state(run)
    if has_colours():
        state = state.replace(run["status"], click.style(run["status"], **status_style(run, "status")))
    return f"{state} · {in_words(max(0, seconds))}"
