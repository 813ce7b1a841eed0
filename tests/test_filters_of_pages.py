"""Datasette's own filters on the explorer's tables: those that it does not understand are named."""

import re

from datasette.filters import Filters
from explorer_page import check_page
from pangeo_forge_federation.api.filters import OPERATORS

pytest_plugins = ["demo_fixtures"]

NOTICE = '<div class="notice">'


def suggestions(page):
    """Where the notice of a page leads."""
    notice = page.partition(NOTICE)[2].partition("</div>")[0]
    return re.findall(r'<a href="/federation/recipe_run_summaries([^"]*)">', notice)


async def test_a_filter_by_a_column_that_is_not_there_is_named(demo):
    """SQLite takes the column for a text, and finds no row."""
    for question, meant in {
        "sta_tus=failure": "?status=failure",
        "sta_tus__contains=fail&_col=id": "?_col=id&status__contains=fail",
        "zzzzzzzz=1": None,
    }.items():
        page = (await demo.client.get(f"/federation/recipe_run_summaries?{question}")).text
        check_page(page)
        assert page.count(NOTICE) == 1, question
        assert [link.replace("&amp;", "&") for link in suggestions(page)] == ([meant] if meant else [])
    for question in (
        "status=failure",
        "STATUS=failure&_col=id",
        "status__notblank=1",
        "_where=1&_col=id&status=failure",
    ):
        page = (await demo.client.get(f"/federation/recipe_run_summaries?{question}")).text
        assert NOTICE not in page, question


async def test_a_filter_by_an_operator_that_is_none_is_named(demo):
    """Datasette leaves it out without a word."""
    for question, meant in {"message__contain=x": "?message__contains=x", "message__nonsense=x": None}.items():
        page = (await demo.client.get(f"/federation/recipe_run_summaries?{question}")).text
        check_page(page)
        assert page.count(NOTICE) == 1, question
        assert suggestions(page) == ([meant] if meant else [])
    page = (
        await demo.client.get("/federation/recipe_run_summaries?message__contains=x&status__in=success,failure")
    ).text
    assert NOTICE not in page


def test_an_operator_of_the_endpoints_is_one_of_the_pages():
    """A page leads to the same rows as JSON, with the same filters."""
    assert set(OPERATORS) - {""} <= {key for key, _, _ in Filters([]).lookups()}
