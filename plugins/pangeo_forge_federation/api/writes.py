"""Handlers of the endpoints that write. The response is sent once the write is on disk."""

import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from pangeo_forge_federation.api.reads import decode_path
from pangeo_forge_federation.api.routes import Call, Operation, refuse_parameters
from pangeo_forge_federation.problems import MAX_ERRORS, ProblemDetails, json_pointer, unauthorized
from pangeo_forge_federation.recording.datasets import create_dataset, update_dataset
from pangeo_forge_federation.recording.idempotency import Written, read_key, write_once
from pangeo_forge_federation.recording.recipe_runs import create_recipe_run, find_recipe_run, update_recipe_run
from pangeo_forge_federation.records.actor import Actor
from pangeo_forge_federation.records.bodies import Sent, create_model_of, update_model_of
from pangeo_forge_federation.records.models import Dataset, RecipeRun
from pangeo_forge_federation.records.validation import check, invalid, validate
from pangeo_forge_federation.storage.group_commit import ACKNOWLEDGED
from pangeo_forge_federation.values.json_text import dump_json
from pangeo_forge_federation.values.printable import printable
from pangeo_forge_federation.web.json_body import parse_json
from pangeo_forge_federation.web.query_strings import read_parameters
from pangeo_forge_federation.web.replies import Reply
from pangeo_forge_federation.web.request_bodies import JSON_TYPES, PATCH_TYPES, read_body

MAX_RUNS = 1000

# a tag (RFC 9110, 8.8.3), which may hold a comma, and a list of them, which may have empty members
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*"
# our own ETags; SQLite integers have up to 19 digits
_REVISION = re.compile(r'"(\d{1,18})-[0-9a-f]+(?:-gzip)?"', re.ASCII)

# kind of record: (canned query that returns it, its parameter, its path)
_RECORDS = {
    "recipe_run": ("get_recipe_run", "recipe_run_id", "/recipe_runs/{}"),
    "dataset": ("get_dataset", "dataset_id", "/datasets/{}"),
}


async def post_recipe_runs(call: Call) -> Reply:
    """POST /recipe_runs: one run, or an array of runs, of which all or none are recorded."""
    actor = require_actor(call)
    refuse_parameters(call)
    raw = await read_body(call.headers, call.receive, JSON_TYPES)
    body = parse_json(raw)
    many = isinstance(body, list)
    if many and not 1 <= len(body) <= MAX_RUNS:
        raise ProblemDetails("invalid", f"The array has {len(body)} runs, but must have 1 to {MAX_RUNS:,}.")
    runs = read_runs(body, actor) if many else [((), validate(create_model_of(RecipeRun), body))]
    home = call.services.settings.home_organisation

    def record(connection: sqlite3.Connection) -> Written:
        errors: list[Mapping[str, str]] = []
        ids = []
        for place, run in runs:
            try:
                ids.append(create_recipe_run(connection, run, actor, home, place))
            except ProblemDetails as problem:
                # the errors of all runs are reported together; any other problem ends the request
                if problem.kind != "invalid":
                    if many:
                        problem.errors = [{"detail": problem.detail, "pointer": json_pointer(place)}]
                    raise
                errors += problem.errors
        if errors:
            raise invalid(errors)
        return Written(201, "recipe_run", ids)

    return await write(call, actor, raw, record, many)


async def patch_recipe_run(call: Call) -> Reply:
    """PATCH /recipe_runs/{recipe_run_id}: a merge patch; `{}` is a heartbeat."""
    actor = require_actor(call)
    refuse_parameters(call)
    run_id = id_in_path(call, "recipe_run")
    return await _patch_run(call, actor, lambda connection: run_id)


async def patch_recipe_run_by_external_id(call: Call) -> Reply:
    """PATCH /recipe_runs?external_id=...: for jobs that know their own ID but not the registry's."""
    actor = require_actor(call)
    given: dict[str, str] = {}
    for name, value in read_parameters(call.address.query_string):
        if name not in ("external_id", "bakery_id"):
            detail = f"There is no parameter {printable(name)!r}. Available: external_id, bakery_id."
            raise ProblemDetails("bad-parameter", detail, parameter=printable(name))
        if name in given:
            raise ProblemDetails("bad-parameter", f"{name} is given twice. Give it once.", parameter=name)
        given[name] = value
    if not given.get("external_id"):
        detail = "Name the run: PATCH /recipe_runs/{id}, or /recipe_runs?external_id=..."
        raise ProblemDetails("bad-parameter", detail, parameter="external_id")
    bakery_id = given.get("bakery_id") or actor.bakery_id
    if bakery_id is None:
        detail = "An administrator's token does not belong to a bakery. Name one with bakery_id."
        raise ProblemDetails("bad-parameter", detail, parameter="bakery_id")
    actor.require(bakery_id)
    return await _patch_run(
        call, actor, lambda connection: find_recipe_run(connection, bakery_id, given["external_id"])
    )


async def _patch_run(call: Call, actor: Actor, find: Callable[[sqlite3.Connection], int]) -> Reply:
    raw = await read_body(call.headers, call.receive, PATCH_TYPES)
    patch = validate(update_model_of(RecipeRun), parse_json(raw))

    def change(connection: sqlite3.Connection) -> Written:
        # If-Match is checked here, so that a retry is first recognised by its key
        run_id = update_recipe_run(connection, find(connection), patch, actor, read_if_match(call))
        return Written(200, "recipe_run", [run_id])

    return await write(call, actor, raw, change)


async def post_dataset(call: Call) -> Reply:
    """POST /datasets: a dataset that no run made. Recording it again returns 200 and the existing dataset."""
    actor = require_actor(call)
    refuse_parameters(call)
    raw = await read_body(call.headers, call.receive, JSON_TYPES)
    dataset = validate(create_model_of(Dataset), parse_json(raw))
    home = call.services.settings.home_organisation

    def record(connection: sqlite3.Connection) -> Written:
        dataset_id, is_new = create_dataset(connection, dataset, actor, home)
        return Written(201 if is_new else 200, "dataset", [dataset_id])

    return await write(call, actor, raw, record)


async def patch_dataset(call: Call) -> Reply:
    """PATCH /datasets/{dataset_id}, by its owner or an administrator."""
    actor = require_actor(call)
    refuse_parameters(call)
    dataset_id = id_in_path(call, "dataset")
    raw = await read_body(call.headers, call.receive, PATCH_TYPES)
    patch = validate(update_model_of(Dataset), parse_json(raw))

    def change(connection: sqlite3.Connection) -> Written:
        return Written(200, "dataset", [update_dataset(connection, dataset_id, patch, actor, read_if_match(call))])

    return await write(call, actor, raw, change)


async def write(
    call: Call, actor: Actor, raw: bytes, function: Callable[[sqlite3.Connection], Written], many: bool = False
) -> Reply:
    """Return the reply to a write: the records after the commit. A retry with the same key writes nothing."""
    key = read_key(
        call.headers.get("idempotency-key"),
        actor.token_id,
        call.method,
        call.address.path,
        call.address.query_string,
        raw,
    )

    def write_and_read(connection: sqlite3.Connection) -> tuple[Written, list[dict[str, Any]]]:
        written = write_once(connection, key, function)
        query_name, parameter, _ = _RECORDS[written.kind]
        # read again, since triggers have run: this is what a GET returns after the commit
        return written, call.services.reads.records(connection, query_name, [{parameter: each} for each in written.ids])

    written, records = await call.services.writer.write(write_and_read)
    path = _RECORDS[written.kind][2]
    headers = {"Cache-Control": "no-store", ACKNOWLEDGED: call.services.settings.acknowledge}
    if not many:
        headers["Location"] = path.format(written.ids[0])
    if written.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Reply(dump_json(records if many else records[0]), written.status, headers=headers)


def read_runs(body: list[Any], actor: Actor) -> list[tuple[tuple[int, ...], Sent]]:
    """Return the runs of an array, each with its place. Raises ProblemDetails (422) with the errors of all."""
    runs: list[tuple[tuple[int, ...], Sent]] = []
    errors: list[dict[str, str]] = repeated_external_ids(body, actor)
    for index, item in enumerate(body):
        run, found = check(create_model_of(RecipeRun), item, (index,))
        runs.append(((index,), run))
        errors += found
        if len(errors) >= MAX_ERRORS:
            break
    if errors:
        raise invalid(errors)
    return runs


def repeated_external_ids(body: list[Any], actor: Actor) -> list[dict[str, str]]:
    """Return the errors of an array in which a bakery uses an external_id twice."""
    seen: dict[tuple[Any, str], int] = {}
    errors = []
    for index, item in enumerate(body):
        if not isinstance(item, dict) or not isinstance(item.get("external_id"), str):
            continue
        key = (str(item.get("bakery_id") or actor.bakery_id).lower(), item["external_id"])
        if key in seen:
            detail = f"is the same as in item {seen[key]}"
            errors.append({"detail": detail, "pointer": f"/{index}/external_id"})
        seen.setdefault(key, index)
    return errors


def require_actor(call: Call) -> Actor:
    """Return the actor of a write. Raises ProblemDetails (401) without one."""
    if call.actor is None:
        raise unauthorized("Send a token: `Authorization: Bearer pfk_...` (create one with scripts/tokens.py create).")
    return call.actor


def id_in_path(call: Call, kind: str) -> int:
    """Return the ID in a path to a record of this kind. Raises ProblemDetails (404) if it is not valid."""
    query_name, parameter, _ = _RECORDS[kind]
    query = call.services.queries[query_name]
    return decode_path(query, call.parameters, call.services.settings.home_organisation)[parameter]


def read_if_match(call: Call) -> frozenset[int] | None:
    """Return the revisions that If-Match (RFC 9110, 13.1.1) accepts: an ETag starts with the record's revision.

    Returns None without the header, or if it accepts any revision. Raises ProblemDetails (412) if none of its ETags is
    valid; weak ETags never are, since If-Match uses strong comparison.
    """
    header = call.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    header = header.strip()
    tags = re.findall(_TAG, header) if re.fullmatch(_TAGS, header) else []
    found = [_REVISION.fullmatch(tag) for tag in tags]
    revisions = frozenset(int(match[1]) for match in found if match)
    if not revisions:
        raise ProblemDetails(
            "precondition-failed", f"If-Match is {printable(header)!r}, which is not an ETag of this record."
        )
    return revisions


POST_RECIPE_RUNS = Operation(
    "create_recipe_runs",
    f"Record a recipe run, or up to {MAX_RUNS:,} of them",
    post_recipe_runs,
    "Name the feedstock by its ID or as owner/name. Either all runs of an array are recorded, or none.",
    tag="Recipe runs",
    record=RecipeRun,
    body=create_model_of(RecipeRun),
    many=True,
    statuses=(201,),
    problems=(401, 403, 409, 413, 415, 422, 429, 503),
)
PATCH_RECIPE_RUN = Operation(
    "update_recipe_run",
    "Update a recipe run",
    patch_recipe_run,
    "A merge patch: fields that are left out keep their values. `{}` is a heartbeat. A final status cannot change.",
    tag="Recipe runs",
    record=RecipeRun,
    body=update_model_of(RecipeRun),
    problems=(401, 403, 404, 409, 412, 413, 415, 422, 429, 503),
)
PATCH_RECIPE_RUN_BY_EXTERNAL_ID = Operation(
    "update_recipe_run_by_external_id",
    "Update a recipe run by its external_id",
    patch_recipe_run_by_external_id,
    "Finds the run among those of the token's bakery; administrators name a bakery with `bakery_id`.",
    tag="Recipe runs",
    record=RecipeRun,
    body=update_model_of(RecipeRun),
    query_parameters={"external_id": "The bakery's own ID of the run.", "bakery_id": "Bakery that recorded the run."},
    required_parameters=("external_id",),
    problems=(401, 403, 404, 409, 412, 413, 415, 422, 429, 503),
)
POST_DATASETS = Operation(
    "create_dataset",
    "Record a dataset that no recipe run made",
    post_dataset,
    "Returns 201 for a new URL. If the same dataset exists already, returns 200 and that dataset.",
    tag="Datasets",
    record=Dataset,
    body=create_model_of(Dataset),
    statuses=(201, 200),
    problems=(401, 403, 409, 413, 415, 422, 429, 503),
)
PATCH_DATASET = Operation(
    "update_dataset",
    "Update or retract a dataset",
    patch_dataset,
    "A merge patch, by the owner or an administrator. A `retraction_reason` retracts the dataset, null restores it.",
    tag="Datasets",
    record=Dataset,
    body=update_model_of(Dataset),
    problems=(401, 403, 404, 412, 413, 415, 422, 429, 503),
)
