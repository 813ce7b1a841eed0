"""Replaces those of Datasette's debugging pages that would show paths of the server or data that is not public."""

import json

from datasette import NotFound, Response, hookimpl
from pangeo_forge_federation.storage.database import FEDERATION


async def databases(datasette, request):
    """Return the only public database, without its path."""
    database = datasette.databases[FEDERATION]
    shown = [{"name": FEDERATION, "size": database.size, "is_mutable": database.is_mutable, "is_memory": False}]
    if request.url_vars["format"]:
        return Response.json(shown)
    context = {"filename": "databases.json", "data_json": json.dumps(shown, indent=4)}
    return Response.html(await datasette.render_template(["show_json.html"], context, request=request))


async def threads():
    """Hide the page, because Datasette would list the paths of the files that threads and tasks run."""
    raise NotFound("There is no such page")


@hookimpl
def register_routes():
    return [
        (r"^/-/databases(\.(?P<format>json))?$", databases),
        (r"^/-/threads(\.json)?$", threads),
    ]
