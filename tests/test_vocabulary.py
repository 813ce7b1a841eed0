"""Statuses, fields and kinds of problems have one name each, in tables, JSON, code, pages and docs."""

import re

import pytest
from pangeo_forge_federation.client import delivery, github_actions, import_mapping, import_runs
from pangeo_forge_federation.client.commands import record, writing
from pangeo_forge_federation.client.output import COLUMNS
from pangeo_forge_federation.explorer.lists import LISTS
from pangeo_forge_federation.problems import KIND_OF_STATUS, KINDS
from pangeo_forge_federation.records.models import RECORDS, RecipeRun
from pangeo_forge_federation.settings import ROOT, read_metadata
from pangeo_forge_federation.storage.views import SELECTS, VIEWS
from pangeo_forge_federation.values.statuses import STALE, STATUS_NAMES

SOURCES = sorted(ROOT.glob("plugins/**/*.py"))
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


def test_what_the_client_names_are_fields():
    run = set(RecipeRun.model_fields)
    assert {*delivery._OURS, *import_runs._COMPARED, *record._REQUIRED, *record._OWN, *writing._SHORT} <= run
    assert set(import_mapping._ORCHESTRATOR_FIELDS.values()) <= run
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_REPOSITORY": "a/b", "GITHUB_SHA": "c"}
    assert {"feedstock_id", "commit", "log_url", "external_id"} == set(github_actions.job_fields("r", environ)) <= run
    for name, columns in COLUMNS.items():
        assert set(columns) <= set(RECORDS[name].model_fields), name


def test_what_the_lists_of_the_explorer_show_are_fields_of_what_the_endpoint_answers():
    queries = read_metadata()["databases"]["federation"]["queries"]
    for table, shown in LISTS.items():
        assert table in SELECTS or table == "problems"
        assert set(shown.columns) <= set(RECORDS[queries[shown.query]["fields"]].model_fields), table


def test_every_problem_that_the_code_raises_is_a_kind_and_every_kind_is_raised():
    text = "\n".join(path.read_text("utf-8") for path in SOURCES)
    raised = set(re.findall(r'ProblemDetails\(\s*"([a-z-]+)"', text))
    asked = set(re.findall(r'problem\.kind (?:==|!=) "([a-z-]+)"', text))
    assert asked <= raised | set(KIND_OF_STATUS.values()) == set(KINDS)
