"""The explorer: its pages, its cells, and the variables that Datasette's templates get in addition to their own."""

from datasette import hookimpl
from pangeo_forge_federation.explorer.cells import cell
from pangeo_forge_federation.explorer.column_descriptions import table_metadata
from pangeo_forge_federation.explorer.counted_list import counted_list
from pangeo_forge_federation.explorer.environment import prepare_environment
from pangeo_forge_federation.explorer.links import Links
from pangeo_forge_federation.explorer.pages import PAGES
from pangeo_forge_federation.explorer.variables import variables


@hookimpl
def get_metadata():
    return table_metadata()


@hookimpl
def prepare_jinja2_environment(env, datasette):
    prepare_environment(env, datasette)


@hookimpl
def extra_template_vars(template, table, columns, request, datasette):
    async def inner():
        return await variables(datasette, request, template, table, columns)

    return inner


@hookimpl
def render_cell(row, value, column, table, datasette):
    return cell(Links(datasette.urls), row, column, value, table)


@hookimpl
def register_routes():
    return [
        *((page.route, page.respond) for page in PAGES),
        # only the HTML page: Datasette treats an empty format as none
        (r"^/(?P<database>federation)/(?P<table>recipe_run_summaries)(?P<format>)$", counted_list),
    ]
