"""Errors of Datasette's own pages go the registry's way: one body for JSON, one page for people."""

from datasette import hookimpl
from datasette.plugins import pm
from pangeo_forge_federation.explorer.error_pages import answer_exception, answer_forbidden, render_json


@hookimpl
def startup():
    # all handle_exception hooks run, whatever the first answers, and Datasette's prints to the event loop's log
    pm.unregister(name="datasette.handle_exception")


@hookimpl(tryfirst=True)
def handle_exception(datasette, request, exception):
    async def inner():
        return await answer_exception(datasette, request, exception)

    return inner


@hookimpl(tryfirst=True)
def forbidden(datasette, request, message):
    async def inner():
        return await answer_forbidden(datasette, request, message)

    return inner


@hookimpl
def register_output_renderer():
    # in place of Datasette's: the errors of a query's JSON have a body of their own there
    return {"extension": "json", "render": render_json}
