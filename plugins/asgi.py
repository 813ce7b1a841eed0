"""The one `asgi_wrapper`: files of this folder load in directory order, so that several would nest by chance."""

from functools import partial

from datasette import hookimpl
from pangeo_forge_federation.web.compression import compress_pages
from pangeo_forge_federation.web.request_checks import guard
from pangeo_forge_federation.web.public_url import at_public_url
from pangeo_forge_federation.server.registry import close_databases, registry_of
from pangeo_forge_federation.web.access_log import watch
from pangeo_forge_federation.api.routes import elsewhere


@hookimpl
def asgi_wrapper(datasette):
    registry = registry_of(datasette)
    read_only = None
    if registry.is_replica:
        read_only = f"a read replica knows no tokens: {elsewhere('send this', registry.settings.primary_url)}"

    def wrap(application):
        guarded = guard(application, registry.start, partial(close_databases, datasette), registry.sql_turns, read_only)
        hot = registry.hot_reads.around(compress_pages(guarded))
        return watch(at_public_url(hot, registry.settings.public_url), registry.metrics)

    return wrap
