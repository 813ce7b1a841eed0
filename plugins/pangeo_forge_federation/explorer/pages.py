"""The explorer's own pages: a table with one entry per page, and the handler that all of them share."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from datasette import NotFound, Response
from datasette.utils import tilde_decode

from pangeo_forge_federation.explorer import records
from pangeo_forge_federation.explorer.bakery_day import day_of_bakery
from pangeo_forge_federation.explorer.home import home
from pangeo_forge_federation.explorer.links import Links
from pangeo_forge_federation.explorer.queries import read
from pangeo_forge_federation.explorer.search import search
from pangeo_forge_federation.explorer.snapshots import snapshots
from pangeo_forge_federation.explorer.statistics import statistics
from pangeo_forge_federation.explorer.token_use import token_use
from pangeo_forge_federation.values.numbers import read_id
from pangeo_forge_federation.web.addresses import with_groups

PageData = dict[str, Any]

# path parameters that are integers; all others are strings
INTEGERS = ("recipe_run_id", "dataset_id")


@dataclass(frozen=True)
class Page:
    """A page that Datasette does not have, or whose version in Datasette would count all rows first."""

    # names in braces are parameters of `data`, named as in the paths of endpoints
    path: str
    template: str
    # returns the template variable `page`, given `Queries` and the parameters; None for 404
    data: Callable[..., PageData | None] | None = None
    # query string parameters that are also passed to `data`, empty if a request does not have them
    parameters: tuple[str, ...] = ()
    # returns more data, which does not come from the registry's database
    more_data: Callable[[Any, PageData], Awaitable[PageData]] | None = None
    # returns the URL to redirect to, if any, given the query string and the path parameters
    redirect: Callable[[Mapping[str, str], Links, Mapping[str, Any]], str | None] | None = None

    @property
    def route(self) -> str:
        """Return the regular expression of its URL."""
        # keys have no comma or dot, which `tilde_encode` escapes: paths that do are left to Datasette
        return f"^{with_groups(self.path, '[^/,.]+')}$"

    async def respond(self, datasette: Any, request: Any) -> Response:
        """Return the page.

        Raises:
            NotFound: if there is no such record.
            Forbidden: if the visitor has no access.
        """
        await datasette.ensure_permissions(request.actor, ["view-instance"])
        values = {name: _parse(name, tilde_decode(text)) for name, text in request.url_vars.items()}
        if self.redirect and (address := self.redirect(request.args, Links(datasette.urls), values)):
            return Response.redirect(address)
        values |= {name: request.args.get(name) or "" for name in self.parameters}
        page: PageData | None = {}
        if self.data:
            data = self.data
            page = await read(datasette, lambda queries: data(queries, **values))
        if page is None:
            *_, table, key = request.path.split("/")
            raise NotFound(f"There is no row in {table} with the id {tilde_decode(key)}")
        if self.more_data:
            page |= await self.more_data(datasette, page)
        context = {"page": page, "metadata": datasette.metadata()}
        return Response.html(await datasette.render_template(self.template, context, request=request))


# to add a page, add an entry here and its template
PAGES = (
    Page("/", "index.html", home),
    Page("/federation/feedstocks/{feedstock_id}", "feedstock.html", records.feedstock),
    Page("/federation/recipe_runs/{recipe_run_id}", "recipe_run.html", records.recipe_run),
    Page("/federation/datasets/{dataset_id}", "dataset.html", records.dataset),
    Page(
        "/federation/bakeries/{bakery_id}",
        "bakery.html",
        records.bakery,
        more_data=token_use,
        redirect=day_of_bakery,
    ),
    Page("/federation/maintainers/{github}", "maintainer.html", records.maintainer),
    Page("/-/search", "search.html", search, parameters=("q",)),
    Page("/-/statistics", "statistics.html", statistics),
    Page("/-/snapshots", "snapshots.html", more_data=snapshots),
)


def _parse(name: str, text: str) -> str | int:
    """Return the value of a path parameter.

    Raises:
        NotFound: if it has to be an id and is not a number that the registry could have assigned.
    """
    if name not in INTEGERS:
        return text
    number = read_id(text)
    if number is None:
        raise NotFound(f"There is no record with the id {text[:100]}")
    return number
