"""Errors of Datasette's own pages: problem details for JSON, and an error page for people."""

from datasette import hookimpl
from datasette.plugins import pm
from pangeo_forge_federation.explorer.error_pages import render_json, respond_to_exception, respond_to_forbidden


@hookimpl
def startup():
    # every handle_exception hook runs, whatever the first one returns, and Datasette's own prints tracebacks
    pm.unregister(name="datasette.handle_exception")


@hookimpl(tryfirst=True)
def handle_exception(datasette, request, exception):
    async def inner():
        return await respond_to_exception(datasette, request, exception)

    return inner


@hookimpl(tryfirst=True)
def forbidden(datasette, request, message):
    async def inner():
        return await respond_to_forbidden(datasette, request, message)

    return inner


@hookimpl
def register_output_renderer():
    # replaces Datasette's renderer, which has its own format for errors of queries
    return {"extension": "json", "render": render_json}
