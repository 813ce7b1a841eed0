"""`forge runs record -- COMMAND` and `forge runs flush`."""

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
from pangeo_forge_federation.client.spool import flush, kept_for_others
from pangeo_forge_federation.client.transport import Transport, new_key
from pangeo_forge_federation.command_line.duration import Duration, in_words
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.redaction import redact

HEARTBEAT_SECONDS = 600
_REQUIRED = ("recipe_id", "feedstock_id", "commit")
# what the command itself says
_OWN = ("status", "run_date", "completed_at", "message")
HELP = """Run a command and record it as a recipe run.

Its output passes through, its exit code is ours: 128 + n after signal n, 127 where there is no such command, 126 where
it cannot be executed, 124 after --timeout. The run is in_progress while it runs, and then success, failure, cancelled
(SIGINT, SIGTERM or SIGHUP to us, which are passed on) or timed_out, with the end of its output as message.

If the registry cannot be reached the command runs all the same. What was to be sent is kept on disk, and sent by the
next command that writes or by `forge runs flush`.

In GitHub Actions feedstock, commit, external id and log URL are the job's unless you say otherwise, a pull request's
run is a test, and the job's summary tells how it went."""


def record_command() -> click.Command:
    """The command `record`, whose options are the fields of a run that a POST takes."""

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
            raise click.UsageError("`runs record` needs process groups, which this system has not")
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
        _tell_github(recorder.delivery, ending, configuration)
        # a job that goes well says nothing: cron would send it by mail
        if recorder.recorded and sys.stderr.isatty():
            say(f"Recorded as {ending.status}: {configuration.url}/recipe_runs/{recorder.delivery.recipe_run_id}")
        # at once: threads that still wait for the registry are not waited for
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
            click.Option(["--timeout"], type=seconds, metavar="6h", help="End the command after so long."),
            click.Option(
                ["--heartbeat"],
                type=seconds,
                default=HEARTBEAT_SECONDS,
                metavar="10m",
                help="How often to say that it still runs.  [default: 10m]",
            ),
            click.Option(["--output/--no-output"], default=True, help="The end of its output in the public message."),
        ],
        context_settings={"token_normalize_func": api_spelling, "ignore_unknown_options": False},
    )


@click.command("flush")
@pass_session
def flush_command(session: Session) -> None:
    """Send what `runs record` could not send, and has kept on disk."""
    need_token(session)
    transport = session.transport()
    done = flush(transport, say)
    say(f"Sent {done.sent}, kept {done.kept}, refused {done.refused}.")
    for url, count in kept_for_others(transport.url).items():
        say(f"Kept for {url}: {count}. FEDERATION_URL={url} sends them there.")
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
        # stderr is closed or its reader has left, which must not end the command
        return


def _body(given: dict[str, Any]) -> dict[str, Any]:
    """The run as it begins. Raises UsageError."""
    sent = {name: value for name, value in given.items() if value is not None}
    sent = {**github_actions.job_fields(sent.get("recipe_id")), **sent}
    missing = [f"--{name.replace('_', '-')}" for name in _REQUIRED if not sent.get(name)]
    if missing:
        raise click.UsageError(f"say which run this is: {', '.join(missing)} is missing")
    return {"external_id": f"forge/{new_key()}", **sent}


def _tell_github(delivery: Delivery, ending: Ending, configuration: Configuration) -> None:
    """The summary and the outputs of the step, where this is one."""
    run = {**delivery.run, **(delivery.end or {}), "id": delivery.recipe_run_id}
    seconds = times.from_text(run["completed_at"]) - times.from_text(run["run_date"])
    try:
        github_actions.write_summary(run, in_words(seconds.total_seconds()), configuration.url)
        github_actions.write_output(
            {"recipe_run_id": run["id"] or "", "status": ending.status, "external_id": run["external_id"]}
        )
    except OSError as error:
        warn(f"the summary of the job cannot be written: {error.strerror}")
