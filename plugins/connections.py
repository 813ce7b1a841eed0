"""Each of Datasette's reading connections gets the pragmas and limits of the endpoints' own."""

from datasette import hookimpl
from pangeo_forge_federation.storage.read_connections import prepare_reader


@hookimpl
def prepare_connection(conn, database):
    # Datasette writes to its own catalogue, with rows that are as long as they are
    if database != "_internal":
        prepare_reader(conn)
