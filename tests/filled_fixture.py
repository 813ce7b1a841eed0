"""A fixture of tests of the tables."""

import pytest
from database_rows import insert


@pytest.fixture
def filled(connection):
    """A connection to a database that has one bakery and one feedstock."""
    insert(connection, "bakeries", id="example.bakery")
    insert(connection, "feedstocks", id="gpcp-feedstock", repository="pangeo-forge/gpcp-feedstock")
    return connection
