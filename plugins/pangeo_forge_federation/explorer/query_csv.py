"""Queries as CSV: ad-hoc SQL and canned queries."""

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from datasette.utils import InvalidSql, derive_named_parameters, path_with_format, validate_sql_select
from datasette.views.database import MagicParameters

from pangeo_forge_federation.analyst_sql.csv_downloads import Parts, read_csv, send_parts
from pangeo_forge_federation.analyst_sql.turns import END_TURN
from pangeo_forge_federation.api.formats import Csv
from pangeo_forge_federation.api.routes import Call, respond
from pangeo_forge_federation.api.services import services_of
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.storage.database import FEDERATION
from pangeo_forge_federation.web.replies import Reply

# limit on sending a response, which allows 140 kB/s for the largest one
SEND_SECONDS = 120

logger = logging.getLogger("federation.sql_csv")

Send = Callable[[dict], Awaitable[None]]


async def respond_to_sql(datasette: Any, request: Any, send: Send) -> None:
    """Respond to GET /federation.csv?sql=..."""

    async def get(call: Call) -> Reply:
        await call.services.permissions.require_sql(call.visitor)
        sql = request.args.get("sql")
        if not sql:
            raise ProblemDetails("bad-parameter", "The query is missing. Send it as ?sql=select ...", parameter="sql")
        try:
            validate_sql_select(sql)
        except InvalidSql as error:
            raise ProblemDetails("bad-request", str(error)) from None
        return await _reply(datasette, request, sql, await _parameters(datasette, request, sql), FEDERATION)

    await _respond(datasette, request, send, get)


async def respond_to_canned_query(datasette: Any, request: Any, send: Send) -> None:
    """Respond to GET /federation/<canned query>.csv"""

    async def get(call: Call) -> Reply:
        name = request.url_vars["query"]
        await call.services.permissions.require(call.visitor, name)
        query = await datasette.get_canned_query(FEDERATION, name, request.actor)
        parameters = await _parameters(datasette, request, query["sql"], query.get("params"))
        return await _reply(datasette, request, query["sql"], MagicParameters(parameters, request, datasette), name)

    await _respond(datasette, request, send, get)


async def _respond(datasette: Any, request: Any, send: Send, get: Callable[[Call], Awaitable[Reply]]) -> None:
    services = services_of(datasette)
    async with services.csv_downloads.turn():
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await respond({"GET": get}, services, request, send)
        except TimeoutError:
            # the server closes the connection, so that the client sees that the response is incomplete
            logger.warning("%s could not be sent within %s s and was aborted", request.path, SEND_SECONDS)


async def _parameters(datasette: Any, request: Any, sql: str, names: Sequence[str] | None = None) -> dict[str, str]:
    """Return the named parameters as Datasette does: those that are missing are empty."""
    given = {name: request.args.get(name) for name in request.args if name not in ("sql", "_shape")}
    names = names or await derive_named_parameters(datasette.get_database(FEDERATION), sql)
    return {name: "" for name in names if not name.startswith("_")} | given


async def _reply(datasette: Any, request: Any, sql: str, parameters: Mapping[str, Any], name: str) -> Reply:
    read = partial(
        read_csv,
        sql=sql,
        parameters=parameters,
        time_limit=datasette.setting("sql_time_limit_ms"),
        with_header=request.args.get("_header") != "off",
        blob_url=partial(_blob_url, datasette, request),
    )
    parts = await _run_in_turn(datasette, request, read)
    headers = {}
    # a browser displays plain text, and downloads CSV
    content_type = "text/plain; charset=utf-8"
    if request.args.get("_dl"):
        content_type = Csv.content_type
        headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return Reply(content_type=content_type, headers=headers, parts=send_parts(parts))


async def _run_in_turn(datasette: Any, request: Any, read: Callable[[sqlite3.Connection], Parts]) -> Parts:
    """Return the result of `read`, run in the turn of the request or in a new one, which ends before sending starts.

    Raises:
        ProblemDetails: if the query fails.
    """
    database = datasette.get_database(FEDERATION)
    end_turn = request.scope.get(END_TURN)
    try:
        if end_turn is None:
            async with services_of(datasette).sql_turns.turn():
                return await database.execute_fn(read)
        return await database.execute_fn(read)
    except (sqlite3.DatabaseError, sqlite3.Warning) as error:
        raise ProblemDetails("bad-request", str(error)) from None
    finally:
        if end_turn is not None:
            end_turn()


def _blob_url(datasette: Any, request: Any, column: str, blob: bytes) -> str:
    """Return the URL at which Datasette serves the bytes of a cell."""
    parameters = {"_blob_column": column, "_blob_hash": hashlib.sha256(blob).hexdigest()}
    path = path_with_format(request=request, format="blob", extra_qs=parameters, replace_format="csv")
    return datasette.absolute_url(request, datasette.urls.path(path))
