"""The only `asgi_wrapper`. Plugin files load in directory order, so several would be nested in an arbitrary order."""

from functools import partial

from datasette import hookimpl
from pangeo_forge_federation.analyst_sql.turns import take_turns
from pangeo_forge_federation.api.routes import primary_hint
from pangeo_forge_federation.services import close_databases, ensure_services
from pangeo_forge_federation.web.access_log import log_access
from pangeo_forge_federation.web.compression import compress_pages
from pangeo_forge_federation.web.public_url import at_public_url
from pangeo_forge_federation.web.request_checks import check_requests


@hookimpl
def asgi_wrapper(datasette):
    services = ensure_services(datasette)
    read_only = None
    if services.is_replica:
        read_only = f"a read replica has no tokens: {primary_hint('send this', services.settings.primary_url)}"

    def wrap(application):
        in_turn = take_turns(application, services.sql_turns)
        checked = check_requests(in_turn, services.start, partial(close_databases, datasette), read_only)
        cached = services.response_cache.around(compress_pages(checked))
        return log_access(at_public_url(cached, services.settings.public_url), services.metrics)

    return wrap
