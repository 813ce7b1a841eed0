"""Queries as CSV: in place of Datasette's, which is cut at 1,000 rows. Tables keep Datasette's, which streams."""

import re

from datasette import hookimpl
from pangeo_forge_federation.explorer.query_csv import answer_canned_query, answer_sql
from pangeo_forge_federation.storage.database import FEDERATION


@hookimpl
def register_routes(datasette):
    names = "|".join(map(re.escape, datasette.metadata("queries", database=FEDERATION, fallback=False) or {}))
    return [
        (rf"^/{FEDERATION}\.csv$", answer_sql),
        (rf"^/{FEDERATION}/(?P<query>{names})\.csv$", answer_canned_query),
    ]
