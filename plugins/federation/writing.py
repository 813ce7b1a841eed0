"""Handlers of the endpoints that write: who may, what the body says, and the answer once it is on disk."""

import sqlite3
from typing import Any

from federation.errors import ProblemDetails, unauthorized
from federation.fields import RecipeRun, create_model_of
from federation.json_body import parse_json
from federation.replies import Reply
from federation.routes import Call, Operation, refuse_parameters
from federation.rows import dump_json
from federation.runs import Actor, create_recipe_run
from federation.validation import check, invalid

MAX_BODY_BYTES = 1024 * 1024
MAX_RUNS = 1000


async def post_recipe_runs(call: Call) -> Reply:
    """POST /recipe_runs: one run, or an array of them of which all or none are recorded."""
    actor = require_actor(call)
    refuse_parameters(call)
    body = parse_json(await read_body(call, ("application/json",)))
    many = isinstance(body, list)
    if many and not 1 <= len(body) <= MAX_RUNS:
        raise ProblemDetails("invalid", f"the array holds {len(body)} runs, and takes 1 to {MAX_RUNS}")
    model = create_model_of(RecipeRun)
    places: list[tuple[int, ...]] = [(index,) for index in range(len(body))] if many else [()]
    checked = [check(model, item, place) for item, place in zip(body if many else [body], places, strict=True)]
    errors = [error for _, faults in checked for error in faults]
    if many:
        errors += repeated_external_ids(body, actor)
    if errors:
        raise invalid(errors)
    runs = [run for run, _ in checked]
    home = call.registry.settings.home_organisation

    def record(connection: sqlite3.Connection) -> list[int]:
        faults: list[dict[str, str]] = []
        ids = []
        for run, place in zip(runs, places, strict=True):
            try:
                ids.append(create_recipe_run(connection, run, actor, home, place))
            except ProblemDetails as problem:
                # the faults of all runs are told at once; anything else ends the request
                if problem.kind != "invalid":
                    raise
                faults += problem.errors
        if faults:
            raise invalid(faults)
        return ids

    ids = await call.registry.writer.write(record)
    # read after the commit: the triggers have run, and it is what a GET answers
    records = await call.registry.reading.records("get_recipe_run", [{"recipe_run_id": run_id} for run_id in ids])
    headers = {"Cache-Control": "no-store"}
    if not many:
        headers["Location"] = f"/recipe_runs/{ids[0]}"
    return Reply(dump_json(records if many else records[0]), 201, headers=headers)


def require_actor(call: Call) -> Actor:
    """Who writes. Raises ProblemDetails (401)."""
    if call.actor is None:
        raise unauthorized("send a token: `Authorization: Bearer pfk_...` (scripts/tokens.py create makes one)")
    return call.actor


async def read_body(call: Call, media_types: tuple[str, ...]) -> bytes:
    """The body. Raises ProblemDetails: 415 for another type or encoding, 413 beyond 1 MiB, 400 when it breaks off."""
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in media_types:
        detail = f"the Content-Type is {media_type or 'missing'}: send {' or '.join(media_types)}"
        raise ProblemDetails("unsupported-media-type", detail)
    encoding = call.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise ProblemDetails("unsupported-media-type", f"the body is encoded as {encoding[:100]}: send it as it is")
    too_large = ProblemDetails("too-large", f"the body is larger than {MAX_BODY_BYTES:,} bytes: send it in parts")
    announced = call.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    while True:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            raise ProblemDetails("bad-request", "the body broke off")
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise too_large
        if not message.get("more_body", False):
            return bytes(body)


def repeated_external_ids(body: list[Any], actor: Actor) -> list[dict[str, str]]:
    """Faults of an array in which one bakery uses an external id twice."""
    seen: dict[tuple[Any, str], int] = {}
    errors = []
    for index, item in enumerate(body):
        if not isinstance(item, dict) or not isinstance(item.get("external_id"), str):
            continue
        key = (str(item.get("bakery_id") or actor.bakery_id).lower(), item["external_id"])
        if key in seen:
            detail = f"is that of item {seen[key]} already"
            errors.append({"detail": detail, "pointer": f"/{index}/external_id"})
        seen.setdefault(key, index)
    return errors


POST_RECIPE_RUNS = Operation(
    "create_recipe_runs",
    "Record a recipe run, or up to 1,000 of them",
    post_recipe_runs,
    "A feedstock may be named by its id or as owner/name. Of an array all runs are recorded, or none.",
    tag="Recipe runs",
    record=RecipeRun,
    body=create_model_of(RecipeRun),
    status=201,
    problems=(401, 403, 409, 413, 415, 422, 503),
)
