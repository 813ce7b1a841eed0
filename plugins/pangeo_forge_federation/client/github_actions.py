"""GitHub Actions: details of the job from its environment, annotations, step outputs and the job summary.

The variables are documented at https://docs.github.com/actions/reference/workflows-and-actions/variables.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

Environ = Mapping[str, str]


def is_running(environ: Environ = os.environ) -> bool:
    """Return whether this process runs in a job of GitHub Actions."""
    return environ.get("GITHUB_ACTIONS") == "true" or bool(environ.get("GITHUB_RUN_ID"))


def job_fields(recipe_id: str | None, environ: Environ = os.environ) -> dict[str, Any]:
    """Return the fields of a recipe run that follow from the job; {} outside GitHub Actions.

    The external id consists of run id, attempt and recipe, since a workflow run keeps its run id when it is re-run, and
    all jobs of a matrix share it.
    """
    if not is_running(environ):
        return {}
    run_id, attempt = environ.get("GITHUB_RUN_ID"), environ.get("GITHUB_RUN_ATTEMPT") or "1"
    repository = environ.get("GITHUB_REPOSITORY")
    pull_request = _pull_request(environ)
    fields: dict[str, Any] = {
        "feedstock_id": repository,
        # in a pull request, GITHUB_SHA is a merge commit that is on no branch
        "commit": pull_request.get("head", {}).get("sha") or environ.get("GITHUB_SHA"),
    }
    if run_id and repository:
        server = environ.get("GITHUB_SERVER_URL") or "https://github.com"
        fields["log_url"] = f"{server}/{repository}/actions/runs/{run_id}/attempts/{attempt}"
    if run_id and recipe_id:
        fields["external_id"] = f"{run_id}/{attempt}/{recipe_id}"
    if environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request"):
        # runs of pull requests must not count towards the state of the feedstock
        fields["is_test"] = True
    return {name: value for name, value in fields.items() if value}


def _pull_request(environ: Environ) -> dict[str, Any]:
    """Return the pull request from the event's payload, or {} if there is none."""
    if not environ.get("GITHUB_EVENT_NAME", "").startswith("pull_request"):
        return {}
    try:
        event = json.loads(Path(environ.get("GITHUB_EVENT_PATH", "")).read_text("utf-8"))
    except (OSError, ValueError):
        # the merge commit is used instead
        return {}
    found = event.get("pull_request") if isinstance(event, dict) else None
    return found if isinstance(found, dict) and isinstance(found.get("head"), dict) else {}


def annotation(severity: str, message: str, **place: str | int | None) -> str:
    """Return a workflow command that annotates a place in a file: `::error file=a,line=1::message`."""
    level = {"error": "error", "warning": "warning"}.get(severity, "notice")
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in place.items() if value is not None)
    return f"::{level}{' ' + properties if properties else ''}::{_data(message)}"


def write_output(values: Mapping[str, Any], environ: Environ = os.environ) -> None:
    """Write the outputs of the step. Values with a line break are left out, as they could set other outputs."""
    _append(
        environ.get("GITHUB_OUTPUT"),
        "".join(f"{name}={value}\n" for name, value in values.items() if "\n" not in str(value)),
    )


def write_summary(run: Mapping[str, Any], duration: str, url: str, environ: Environ = os.environ) -> None:
    """Add a table about the run to the job summary."""
    rows = [
        ("Recipe", _markdown(run["recipe_id"])),
        ("Status", f"**{_markdown(run['status'])}**"),
        ("Duration", duration),
        ("Commit", _markdown(run["commit"])),
        ("Record", f"[{run['id']}]({url}/recipe_runs/{run['id']})" if run.get("id") else "not yet sent"),
    ]
    rows += [
        ("Dataset", f"[{_markdown(dataset['url'])}]({quote(dataset['url'], safe=':/?&=%')})")
        for dataset in run.get("datasets") or ()
    ]
    lines = "".join(f"| {name} | {value} |\n" for name, value in rows)
    _append(environ.get("GITHUB_STEP_SUMMARY"), f"\n### Recipe run\n\n| | |\n|---|---|\n{lines}\n")


def _append(path: str | None, text: str) -> None:
    """Raises OSError."""
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _markdown(text: str) -> str:
    """Return a value for a table cell, with Markdown and HTML escaped."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_{}[]()#+!|<>~" else letter for letter in text)
    return " ".join(escaped.split())
