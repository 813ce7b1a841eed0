"""`forge runs record -- COMMAND`, and `forge runs flush` for runs that could not be sent."""

import os
import queue
import sys
from typing import Any

import click

from pangeo_forge_federation.client import github_actions
from pangeo_forge_federation.client.child import IS_POSSIBLE
from pangeo_forge_federation.client.commands.reading import api_spelling
from pangeo_forge_federation.client.commands.session import Session, pass_session, say
from pangeo_forge_federation.client.commands.writing import DATASETS, body_options, datasets_of, need_token
from pangeo_forge_federation.client.configuration import Configuration, spool_folder
from pangeo_forge_federation.client.delivery import Delivery
from pangeo_forge_federation.client.message import secrets_of
from pangeo_forge_federation.client.recorder import TIMEOUT, Recorder
from pangeo_forge_federation.client.recording import END_SECONDS, Ending, Events, Watch, record
from pangeo_forge_federation.client.spool import flush, saved_for_other_urls
from pangeo_forge_federation.client.transport import Transport, new_key
from pangeo_forge_federation.command_line.duration import Duration, in_words
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.redaction import redact

HEARTBEAT_SECONDS = 600
_REQUIRED = ("recipe_id", "feedstock_id", "commit")
# fields that follow from how the command runs
_OWN = ("status", "run_date", "completed_at", "message")
HELP = """Run a command, and record it as a recipe run.

The command's output is passed through. The recipe run is in_progress while the command runs, and then success, failure,
timed_out (after --timeout) or cancelled (after SIGINT, SIGTERM or SIGHUP, which are passed on to the command). The end
of the output becomes its message, which is public.

The exit code is that of the command: 128 + n if signal n ended it, 127 if there is no such command, and 126 if it
cannot be executed. After --timeout it is 124.

The command also runs if the registry cannot be reached. The recipe run is then saved on disk, and sent by the next
command that writes or by `forge runs flush`.

In GitHub Actions, the defaults for feedstock, commit, external id and log URL come from the job. Runs of pull requests
are test runs, and the job summary shows the result."""


def record_command() -> click.Command:
    """Create the command `record`, whose options are the fields of a new recipe run."""

    @pass_session
    def run(
        session: Session,
        command: tuple[str, ...],
        timeout: float | None,
        heartbeat: float,
        output: bool,
        dataset_urls: tuple[str, ...],
        dataset_format: str | None,
        **given: Any,
    ) -> None:
        if not IS_POSSIBLE:
            raise click.UsageError(
                "`forge runs record` needs process groups, which this operating system does not have"
            )
        body = _body(given)
        configuration = session.configuration
        events: Events = queue.SimpleQueue()
        watch = Watch(command, dict(os.environ), events, timeout)
        watch.install()
        datasets = datasets_of(dataset_urls, dataset_format)
        recorder = Recorder(
            Transport(configuration.url, configuration.token, 0.0, TIMEOUT),
            Delivery({**body, "status": "in_progress", "run_date": times.now()}),
            spool_folder(),
            heartbeat,
            events,
            warn,
        )
        secrets = [*secrets_of(), *([configuration.token] if configuration.token else [])]
        end_seconds = END_SECONDS if session.patience is None else min(END_SECONDS, session.patience)
        ending = record(watch, recorder, datasets, secrets, output, end_seconds)
        _report_to_github(recorder.delivery, ending, configuration)
        # only in a terminal, as cron would send an e-mail for every run
        if recorder.recorded and sys.stderr.isatty():
            say(f"Recorded as {ending.status}: {configuration.url}/recipe_runs/{recorder.delivery.recipe_run_id}")
        # do not wait for threads that still wait for the registry
        os._exit(ending.exit_code)

    options = [option for option in body_options("RecipeRun", "create") if option.name not in _OWN]
    seconds = Duration(bare=True)
    return click.Command(
        "record",
        callback=run,
        help=HELP,
        params=[
            click.Argument(["command"], nargs=-1, required=True, type=click.UNPROCESSED),
            *options,
            *DATASETS,
            click.Option(["--timeout"], type=seconds, metavar="6h", help="End the command after this time."),
            click.Option(
                ["--heartbeat"],
                type=seconds,
                default=HEARTBEAT_SECONDS,
                metavar="10m",
                help="How often to report that the command is still running.  [default: 10m]",
            ),
            click.Option(
                ["--output/--no-output"],
                default=True,
                help="Whether the public message includes the end of the command's output.  [default: output]",
            ),
        ],
        context_settings={"token_normalize_func": api_spelling, "ignore_unknown_options": False},
    )


@click.command("flush")
@pass_session
def flush_command(session: Session) -> None:
    """Send the recipe runs that `forge runs record` could not send and saved on disk."""
    need_token(session)
    transport = session.transport()
    done = flush(transport, say)
    say(f"{done.sent} sent, {done.kept} still saved, {done.refused} refused.")
    for url, count in saved_for_other_urls(transport.url).items():
        say(f"Saved for {url}: {count}. To send them there, set FEDERATION_URL={url}.")
    if done.kept or done.refused:
        raise SystemExit(1)


def warn(text: str) -> None:
    """Print a warning to stderr, in GitHub Actions as an annotation; stderr may be closed."""
    text = redact(text)
    line = (
        github_actions.annotation("warning", text, title="forge") if github_actions.is_running() else f"forge: {text}"
    )
    try:
        os.write(2, f"{line}\n".encode("utf-8", "replace"))
    except OSError:
        # stderr is closed or its reader has gone, which must not end the command
        return


def _body(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are known when the run starts. Raises UsageError if one is missing."""
    sent = {name: value for name, value in given.items() if value is not None}
    sent = {**github_actions.job_fields(sent.get("recipe_id")), **sent}
    missing = [f"--{name.replace('_', '-')}" for name in _REQUIRED if not sent.get(name)]
    if missing:
        raise click.UsageError(f"missing options: {', '.join(missing)}")
    return {"external_id": f"forge/{new_key()}", **sent}


def _report_to_github(delivery: Delivery, ending: Ending, configuration: Configuration) -> None:
    """Write the job summary and the outputs of the step, in GitHub Actions."""
    run = {**delivery.run, **(delivery.end or {}), "id": delivery.recipe_run_id}
    seconds = times.from_text(run["completed_at"]) - times.from_text(run["run_date"])
    try:
        github_actions.write_summary(run, in_words(seconds.total_seconds()), configuration.url)
        github_actions.write_output(
            {"recipe_run_id": run["id"] or "", "status": ending.status, "external_id": run["external_id"]}
        )
    except OSError as error:
        warn(f"cannot write the job summary: {error.strerror}")
