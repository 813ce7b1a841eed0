"""The one `asgi_wrapper`: files of this folder load in directory order, so that several would nest by chance."""

from datasette import hookimpl
from federation.guard import guard
from federation.registry import registry_of
from federation.routes import elsewhere


@hookimpl
def asgi_wrapper(datasette):
    registry = registry_of(datasette)
    read_only = None
    if registry.is_replica:
        read_only = f"a read replica knows no tokens: {elsewhere('send this', registry.settings.primary_url)}"
    return lambda application: guard(application, registry.start, registry.close, registry.sql_turns, read_only)
