"""Gives Datasette's read connections the same pragmas and limits as the connections of endpoints."""

from datasette import hookimpl
from pangeo_forge_federation.storage.read_connections import prepare_reader


@hookimpl
def prepare_connection(conn, database):
    # Datasette writes to its own catalogue, where rows can be of any length
    if database != "_internal":
        prepare_reader(conn)
