"""Serves the static files of the interactive API documentation (`templates/pages/docs.html`) from their package."""

from pathlib import Path

import swagger_ui
from datasette import hookimpl
from datasette.utils.asgi import asgi_static


@hookimpl
def register_routes():
    return [(r"/-/swagger-ui/(?P<path>[^/]+)$", asgi_static(Path(swagger_ui.__file__).parent / "static"))]
