"""The page of recipe runs, without Datasette's own count: counting a million rows takes longer than everything else."""

from datasette import Response
from datasette.utils import MultiParams
from datasette.utils.asgi import Request
from datasette.views.table import TableView

from pangeo_forge_federation.explorer.tallies import covers

NO_COUNT = "_nocount"


class WithoutCount(Request):
    """A request that tells Datasette not to count rows, but has the URL without that, for the links on the page."""

    @property
    def args(self) -> MultiParams:
        arguments = super().args
        return MultiParams({name: arguments.getlist(name) for name in arguments} | {NO_COUNT: ["1"]})


async def counted_list(datasette, request) -> Response:
    """Return Datasette's page of the list. If the roll-up has the number of rows, the template gets it from there."""
    if covers(request.url_vars["table"], request.args):
        request = WithoutCount(request.scope, request.receive)
    return await TableView(datasette).dispatch_request(request)
