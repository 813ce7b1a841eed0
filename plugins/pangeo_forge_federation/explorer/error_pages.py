"""Errors of pages: what Datasette raises, as the problem that it is."""

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

# what is no endpoint and has pages below it
_FIRST_OF_PAGES = (FEDERATION, TOKENS, "-", "static")
# of Datasette's JSON, those without a place for `truncated`
SHAPES_OF_ROWS_ALONE = ("array", "arrayfirst")


async def answer_exception(datasette: Any, request: Any, exception: Exception) -> Response:
    """The response to an exception below a page: problem details for JSON and the registry's paths, else a page."""
    problem = problem_of(exception)
    if problem.kind == "not-found" and is_endpoint(datasette, request.path):
        detail = f"there is no endpoint at {printable(request.path)}; a slash within an id is written %2F"
        problem = ProblemDetails("not-found", detail)
    elif (
        problem.kind == "not-found" and isinstance(exception, NotFound) and _first(request.path) not in _FIRST_OF_PAGES
    ):
        near = difflib.get_close_matches(_first(request.path), _endpoints(datasette), n=1)
        meant = f"; did you mean /{near[0]}?" if near else ""
        problem = ProblemDetails("not-found", f"there is nothing at {printable(request.path)}{meant}")
        if "text/html" not in request.headers.get("accept", ""):
            # a program that has mistyped an endpoint
            return _problem_response(request, problem)
    if problem.status == 500:
        # a traceback as text, and never with the local variables, among which a token may be
        logger.error("%s %s failed", request.method, request.path, exc_info=exception)
    return await _response(datasette, request, problem)


async def answer_forbidden(datasette: Any, request: Any, message: str) -> Response:
    """The response to whom Datasette does not let in."""
    return await _response(datasette, request, ProblemDetails("forbidden", message))


def render_json(args: Any, data: dict[str, Any], view_name: str) -> Response:
    """The JSON of Datasette's own pages as Datasette writes it. Raises ProblemDetails where that would be an error."""
    error = data.get("error")
    shape = args.get("_shape", "")
    if data.get("truncated") and shape in SHAPES_OF_ROWS_ALONE:
        raise cut_without_a_word(len(data["rows"]), shape)
    response = json_renderer(args, data, view_name)
    # raised and not answered: Datasette would put the status of the query, which may be 200, on the answer
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
    """The SQL of a request that somebody wrote, and its parameters, so that they need not write it again."""
    if request.path.strip("/") != FEDERATION or "sql" not in request.args:
        return None
    given = {name: request.args[name] for name in request.args if name != "sql" and not name.startswith("_")}
    return {"sql": request.args["sql"], "parameters": given}


def problem_of(exception: Exception) -> ProblemDetails:
    """An exception as a problem. Of what nobody expected, nothing is said."""
    if isinstance(exception, ProblemDetails):
        return exception
    if isinstance(exception, sqlite3.DataError):
        return ProblemDetails("bad-request", "a value of this query is larger than a query may make")
    if isinstance(exception, sqlite3.ProgrammingError) and "null character" in str(exception):
        return ProblemDetails("bad-request", "the request holds the character NUL: leave it out")
    if getattr(exception, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH:
        return ProblemDetails("forbidden", "this query reads what is not public")
    status, detail = 500, "the cause is in the server's log"
    if isinstance(exception, DatasetteError):
        if exception.message_is_html:
            # the one message that Datasette writes so: the time limit is over
            return ProblemDetails("slow-query", "this query takes longer than a query may: ask for less")
        # it leaves 500 where it only forgot to say that the request was wrong
        status = 400 if exception.status == 500 else exception.status
        detail = exception.message
    elif isinstance(exception, Base400):
        status, detail = exception.status, str(exception)
    kind = KIND_OF_STATUS.get(status, "bad-request")
    return ProblemDetails(kind, detail or KINDS[kind][1])


def wants_json(datasette: Any, path: str) -> bool:
    """Whether a path is a program's: it ends in .json or .csv, or its first part is that of an endpoint."""
    return path.endswith((".json", ".csv")) or is_endpoint(datasette, path)


def is_endpoint(datasette: Any, path: str) -> bool:
    """Whether the first part of a path is that of an endpoint."""
    return _first(path) in _endpoints(datasette)


def _endpoints(datasette: Any) -> set[str]:
    return {_first(each) for query in services_of(datasette).queries.values() for each in query.paths}


def _first(path: str) -> str:
    return path.strip("/").partition("/")[0]
