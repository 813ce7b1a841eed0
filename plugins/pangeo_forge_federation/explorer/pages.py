"""The explorer's own pages: a line of a table each, and the one handler that answers for all of them."""

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

Found = dict[str, Any]

# parameters of paths that are numbers; all others are text
INTEGERS = ("recipe_run_id", "dataset_id")


@dataclass(frozen=True)
class Page:
    """A page with an address of its own, at which Datasette has none, or one that counts all there is first."""

    # what stands in braces is a parameter of `data`, by the name that it has in the endpoints' paths
    path: str
    template: str
    # what the template finds in `page`: of `Queries` and the parameters by name; None is 404
    data: Callable[..., Found | None] | None = None
    # names in the query string that are parameters of `data` too, empty where a request has them not
    parameters: tuple[str, ...] = ()
    # what is not in the registry's database, added to what was found
    besides: Callable[[Any, Found], Awaitable[Found]] | None = None
    # where a request is sent instead, by its query string and the parameters of the path
    redirect: Callable[[Mapping[str, str], Links, Mapping[str, Any]], str | None] | None = None

    @property
    def route(self) -> str:
        """The regular expression of its address."""
        # a key has neither comma nor dot, which `tilde_encode` writes otherwise: what has is for Datasette
        return f"^{with_groups(self.path, '[^/,.]+')}$"

    async def answer(self, datasette: Any, request: Any) -> Response:
        """The page. Raises NotFound, Forbidden."""
        await datasette.ensure_permissions(request.actor, ["view-instance"])
        values = {name: _read(name, tilde_decode(text)) for name, text in request.url_vars.items()}
        if self.redirect and (address := self.redirect(request.args, Links(datasette.urls), values)):
            return Response.redirect(address)
        values |= {name: request.args.get(name) or "" for name in self.parameters}
        page: Found | None = {}
        if self.data:
            data = self.data
            page = await read(datasette, lambda queries: data(queries, **values))
        if page is None:
            *_, table, key = request.path.split("/")
            raise NotFound(f"There is nothing in {table} with the id {tilde_decode(key)}")
        if self.besides:
            page |= await self.besides(datasette, page)
        context = {"page": page, "metadata": datasette.metadata()}
        return Response.html(await datasette.render_template(self.template, context, request=request))


# a page is a line here and its template
PAGES = (
    Page("/", "index.html", home),
    Page("/federation/feedstocks/{feedstock_id}", "feedstock.html", records.feedstock),
    Page("/federation/recipe_runs/{recipe_run_id}", "recipe_run.html", records.recipe_run),
    Page("/federation/datasets/{dataset_id}", "dataset.html", records.dataset),
    Page(
        "/federation/bakeries/{bakery_id}",
        "bakery.html",
        records.bakery,
        besides=token_use,
        redirect=day_of_bakery,
    ),
    Page("/federation/maintainers/{github}", "maintainer.html", records.maintainer),
    Page("/-/search", "search.html", search, parameters=("q",)),
    Page("/-/statistics", "statistics.html", statistics),
    Page("/-/snapshots", "snapshots.html", besides=snapshots),
)


def _read(name: str, text: str) -> str | int:
    """A parameter of a path; a number as the registry writes it. Raises NotFound."""
    if name not in INTEGERS:
        return text
    number = read_id(text)
    if number is None:
        raise NotFound(f"There is no record with the id {text[:100]}")
    return number
