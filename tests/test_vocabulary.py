"""Templates and SQL compare with statuses that exist."""

import re

import pytest
from pangeo_forge_federation.settings import ROOT, read_metadata
from pangeo_forge_federation.storage.views import VIEWS
from pangeo_forge_federation.values.statuses import STALE, STATUS_NAMES

TEMPLATES = sorted(ROOT.glob("templates/**/*.html"))
# `status in ("queued", "in_progress")`, `run.status != "success"`, `+status = 'queued'`
COMPARED = re.compile(r"""\bstatus (?:==|!=|=|<>|in|not in) (\([^)]*\)|["'][a-z_ ]+["'])""")
WORD = re.compile(r"""["']([a-z_ ]+)["']""")


def statuses_compared(text):
    return {word for place in COMPARED.findall(text) for word in WORD.findall(place)}


def sql_of_queries():
    return [query["sql"] for query in read_metadata()["databases"]["federation"]["queries"].values()]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_compares_with_statuses_that_there_are(template):
    assert statuses_compared(template.read_text("utf-8")) <= {*STATUS_NAMES, STALE}


def test_sql_compares_with_statuses_that_there_are():
    found = set().union(*map(statuses_compared, [*VIEWS.values(), *sql_of_queries()]))
    assert found and found <= set(STATUS_NAMES)
