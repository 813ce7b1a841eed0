"""The list of recipe runs, without a count of Datasette's own: to count a million rows takes longer than all else."""

from datasette import Response
from datasette.utils import MultiParams
from datasette.utils.asgi import Request
from datasette.views.table import TableView

from pangeo_forge_federation.explorer.tallies import asked_for

NO_COUNT = "_nocount"


class WithoutCount(Request):
    """A request of which Datasette is told not to count, while its address stays what links on the page repeat."""

    @property
    def args(self) -> MultiParams:
        asked = super().args
        return MultiParams({name: asked.getlist(name) for name in asked} | {NO_COUNT: ["1"]})


async def counted_list(datasette, request) -> Response:
    """Datasette's page of the list. Where the roll-up knows how many rows there are, the template has it from there."""
    if asked_for(request.url_vars["table"], request.args):
        request = WithoutCount(request.scope, request.receive)
    return await TableView(datasette).dispatch_request(request)
