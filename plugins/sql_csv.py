"""Queries as CSV. Replaces Datasette's version, which stops at 1,000 rows. Tables keep Datasette's, which streams."""

import re

from datasette import hookimpl
from pangeo_forge_federation.explorer.query_csv import respond_to_canned_query, respond_to_sql
from pangeo_forge_federation.storage.database import FEDERATION


@hookimpl
def register_routes(datasette):
    names = "|".join(map(re.escape, datasette.metadata("queries", database=FEDERATION, fallback=False) or {}))
    return [
        (rf"^/{FEDERATION}\.csv$", respond_to_sql),
        (rf"^/{FEDERATION}/(?P<query>{names})\.csv$", respond_to_canned_query),
    ]
