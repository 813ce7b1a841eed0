"""Statuses, fields and kinds of problems have one name each, in tables, JSON, code, pages and docs."""

import re

import pytest
from pangeo_forge_federation.api import badge, feeds
from pangeo_forge_federation.client import import_mapping
from pangeo_forge_federation.client.commands import watch
from pangeo_forge_federation.client.endpoints import records
from pangeo_forge_federation.client.table import _COLOURS
from pangeo_forge_federation.explorer import marks, stacks, strip, success_rate
from pangeo_forge_federation.records.field_kinds import column_choices
from pangeo_forge_federation.records.models import RecipeRun
from pangeo_forge_federation.settings import ROOT, read_metadata
from pangeo_forge_federation.storage.schema import STATUSES as STATUSES_OF_SCHEMA
from pangeo_forge_federation.storage.views import VIEWS
from pangeo_forge_federation.values.statuses import FINAL_STATUSES, STATUS_SYNONYMS, UNFINISHED_STATUSES

STATUSES = (*UNFINISHED_STATUSES, *FINAL_STATUSES)
SOURCES = sorted(ROOT.glob("plugins/**/*.py"))
TEMPLATES = sorted(ROOT.glob("templates/**/*.html"))
# `status in ("queued", "in_progress")`, `run.status != "success"`, `+status = 'queued'`
COMPARED = re.compile(r"""\bstatus (?:==|!=|=|<>|in|not in) (\([^)]*\)|["'][a-z_ ]+["'])""")
WORD = re.compile(r"""["']([a-z_ ]+)["']""")


def statuses_compared(text):
    return {word for place in COMPARED.findall(text) for word in WORD.findall(place)}


def sql_of_queries():
    return [query["sql"] for query in read_metadata()["databases"]["federation"]["queries"].values()]


def test_every_place_that_lists_the_statuses_lists_them_all():
    for listed in (
        WORD.findall(STATUSES_OF_SCHEMA),
        column_choices(RecipeRun, "status"),
        records()["RecipeRun"]["status"].choices,
        strip.WORST,
        stacks.ORDER,
    ):
        assert sorted(listed) == sorted(STATUSES)
    for shown in (marks.WORDS, badge.COLOURS):
        assert set(shown) == {*STATUSES, marks.STALE}
    assert set(marks.DRAWINGS) == {*STATUSES, marks.STALE, marks.PROBLEM}


def test_every_place_that_lists_some_statuses_knows_them():
    for listed in (success_rate.FINISHED, feeds.ENDED, watch._FINE):
        assert set(listed) <= set(FINAL_STATUSES)
    for listed in (_COLOURS, STATUS_SYNONYMS.values(), import_mapping._CONCLUSIONS.values()):
        assert set(listed) <= set(STATUSES)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_compares_with_statuses_that_there_are(template):
    assert statuses_compared(template.read_text("utf-8")) <= {*STATUSES, marks.STALE}


def test_sql_compares_with_statuses_that_there_are():
    found = set().union(*map(statuses_compared, [*VIEWS.values(), *sql_of_queries()]))
    assert found and found <= set(STATUSES)


def test_pages_and_docs_have_each_status():
    style, docs = ((ROOT / name).read_text("utf-8") for name in ("static/explorer.css", "docs/api.md"))
    for status in STATUSES:
        assert f".status-{status}" in style and f"`{status}`" in docs, status
