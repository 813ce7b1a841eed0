"""Creates, migrates and attaches both databases before the first request."""

from datasette import hookimpl
from pangeo_forge_federation.services import open_databases


@hookimpl
def startup(datasette):
    open_databases(datasette)
