"""Error pages: turns the exceptions that Datasette raises into problems."""

import difflib
import json
import logging
import sqlite3
from typing import Any

from datasette.renderer import json_renderer
from datasette.utils.asgi import Base400, NotFound, Response
from datasette.views.base import DatasetteError

from pangeo_forge_federation.analyst_sql.bounds import cut_without_a_word
from pangeo_forge_federation.api.services import services_of
from pangeo_forge_federation.problems import KIND_OF_STATUS, KINDS, ProblemDetails
from pangeo_forge_federation.request_notes import note_of_request
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS
from pangeo_forge_federation.values.printable import printable
from pangeo_forge_federation.web.replies import finish, problem_reply

logger = logging.getLogger("federation.error_pages")

# first segments of paths that have pages and are not endpoints
_ROOTS_OF_PAGES = (FEDERATION, TOKENS, "-", "static")
# shapes of Datasette's JSON that have no `truncated`
SHAPES_WITHOUT_TRUNCATED = ("array", "arrayfirst")


async def respond_to_exception(datasette: Any, request: Any, exception: Exception) -> Response:
    """Return the response to an exception: problem details for JSON and the paths of endpoints, otherwise a page."""
    problem = problem_of(exception)
    if problem.kind == "not-found" and is_endpoint(datasette, request.path):
        detail = f"There is no endpoint at {printable(request.path)}. Encode a slash in an ID as %2F."
        problem = ProblemDetails("not-found", detail)
    elif (
        problem.kind == "not-found"
        and isinstance(exception, NotFound)
        and _first_segment(request.path) not in _ROOTS_OF_PAGES
    ):
        near = difflib.get_close_matches(_first_segment(request.path), _endpoints(datasette), n=1)
        meant = f"; did you mean /{near[0]}?" if near else ""
        problem = ProblemDetails("not-found", f"{printable(request.path)} does not exist{meant}")
        if "text/html" not in request.headers.get("accept", ""):
            # probably a program with a typo in its URL
            return _problem_response(request, problem)
    if problem.status == 500:
        # a plain traceback, without local variables, which could include a token
        logger.error("%s %s failed", request.method, request.path, exc_info=exception)
    return await _response(datasette, request, problem)


async def respond_to_forbidden(datasette: Any, request: Any, message: str) -> Response:
    """Return the response to a visitor whom Datasette denies access."""
    return await _response(datasette, request, ProblemDetails("forbidden", message))


def render_json(args: Any, data: dict[str, Any], view_name: str) -> Response:
    """Return the JSON of Datasette's own pages, as Datasette writes it.

    Raises:
        ProblemDetails: if Datasette would return an error.
    """
    error = data.get("error")
    shape = args.get("_shape", "")
    if data.get("truncated") and shape in SHAPES_WITHOUT_TRUNCATED:
        raise cut_without_a_word(len(data["rows"]), shape)
    response = json_renderer(args, data, view_name)
    # raised rather than returned: Datasette would replace the status with that of the query, which may be 200
    if error or response.status >= 400:
        raise ProblemDetails("bad-request", error or json.loads(response.body)["error"])
    return response


def _problem_response(request: Any, problem: ProblemDetails) -> Response:
    reply = finish(problem_reply(problem), request.method, {})
    return Response(reply.body, reply.status, reply.headers, reply.content_type)


async def _response(datasette: Any, request: Any, problem: ProblemDetails) -> Response:
    if wants_json(datasette, request.path):
        return _problem_response(request, problem)
    note = note_of_request()
    note.problem = problem.kind
    templates = [f"{problem.status}.html", "error.html"]
    context = {"ok": False, "error": problem.detail, "status": problem.status, "title": problem.title}
    context["request_id"] = note.request_id
    context["query"] = query_of(request)
    return Response.html(await datasette.render_template(templates, context, request=request), status=problem.status)


def query_of(request: Any) -> dict[str, Any] | None:
    """Return the ad-hoc SQL of a request and its parameters, so that visitors do not have to type it again."""
    if request.path.strip("/") != FEDERATION or "sql" not in request.args:
        return None
    given = {name: request.args[name] for name in request.args if name != "sql" and not name.startswith("_")}
    return {"sql": request.args["sql"], "parameters": given}


def problem_of(exception: Exception) -> ProblemDetails:
    """Return an exception as a problem, without details if it is unexpected."""
    if isinstance(exception, ProblemDetails):
        return exception
    if isinstance(exception, sqlite3.DataError):
        return ProblemDetails("bad-request", "This query produces a value that is too large.")
    if isinstance(exception, sqlite3.ProgrammingError) and "null character" in str(exception):
        return ProblemDetails("bad-request", "The request contains a NUL character. Remove it.")
    if getattr(exception, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH:
        return ProblemDetails("forbidden", "This query reads data that is not public.")
    status, detail = 500, "The cause is in the server's log."
    if isinstance(exception, DatasetteError):
        if exception.message_is_html:
            # Datasette uses HTML only for the message about the time limit
            return ProblemDetails("slow-query", "This query exceeds the time limit. Request less data.")
        # Datasette raises errors of the client without a status, which becomes 500
        status = 400 if exception.status == 500 else exception.status
        detail = exception.message
    elif isinstance(exception, Base400):
        status, detail = exception.status, str(exception)
    kind = KIND_OF_STATUS.get(status, "bad-request")
    return ProblemDetails(kind, detail or KINDS[kind][1])


def wants_json(datasette: Any, path: str) -> bool:
    """Return whether a path is meant for programs: one that ends in .json or .csv, or that starts like an endpoint."""
    return path.endswith((".json", ".csv")) or is_endpoint(datasette, path)


def is_endpoint(datasette: Any, path: str) -> bool:
    """Return whether the first segment of a path is that of an endpoint."""
    return _first_segment(path) in _endpoints(datasette)


def _endpoints(datasette: Any) -> set[str]:
    return {_first_segment(each) for query in services_of(datasette).queries.values() for each in query.paths}


def _first_segment(path: str) -> str:
    return path.strip("/").partition("/")[0]
