"""Both databases are made, migrated and attached before the first request."""

from datasette import hookimpl
from federation.registry import open_databases


@hookimpl
def startup(datasette):
    open_databases(datasette)
