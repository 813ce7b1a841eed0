"""Each list costs the same at ten million rows as at ten: SQLite walks an index in order, and sorts nothing.

Served are: each list as it comes, each `_sort` up and down, its first page and a page after a position (of a sort
column that may be null also among the nulls), and the filters of FILTERS.

The queries without a path, which fill the explorer's pages, may sort what they found: they look it up all the same.
"""

import re
from urllib.parse import quote

import pytest
from example_paths import LISTS, SMALL, values_of
from pangeo_forge_federation.api.canned_queries import inspect
from pangeo_forge_federation.api.list_requests import read_list_request
from pangeo_forge_federation.api.paging import Position, _statements
from pangeo_forge_federation.api.reads import bind, is_merged, list_columns, list_source, quoted
from pangeo_forge_federation.settings import read_metadata
from pangeo_forge_federation.storage.database import FEDERATION, database_path
from pangeo_forge_federation.storage.read_connections import connect_reader

HOME = "pangeo-forge"
TIME = "2026-01-01T00:00:00.000000Z"
# Filters that an index serves in the list's own order, beside what is asked of every list.
FILTERS = {
    "list_recipe_runs": [
        "bakery_id=b",
        "feedstock_id=f",
        "status=failure",
        "recipe_id=r&feedstock_id=f",
        "is_stale=true",
        "bakery_id=b&status=failure",
        f"run_date__gte={TIME}",
        "run_date=2026-01",
        f"_sort=created_at&created_at__gte={TIME}",
        f"_sort=updated_at&updated_at__gte={TIME}",
        "_sort=id&id__gt=5",
    ],
    "list_bakery_recipe_runs": [f"run_date__gte={TIME}", "status=failure"],
    "list_feedstock_recipe_runs": [f"run_date__gte={TIME}", "recipe_id=r"],
    "list_datasets": ["feedstock_id=f", "bakery_id=b", f"_sort=created_at&created_at__gte={TIME}", "url=gs://a"],
    "list_feedstocks": ["id=f", "_sort=title&title=x", f"_sort=committed_at&committed_at__gte={TIME}"],
    "list_maintainers": ["github=a"],
}
PAGE_QUERIES = {
    name: query["sql"]
    for name, query in read_metadata()["databases"][FEDERATION]["queries"].items()
    if "path" not in query
}
# what grows with the federation or with time, and is read from its beginning to its end nowhere but here
GROWING = "recipe_runs|recipe_run_events|recipe_run_datasets|datasets|dataset_events|feedstocks|sync_changes|problems"
READ_WHOLE = {
    # a day's number of datasets is in no roll-up
    "datasets_over_time": {"datasets"},
    # one row a file with problems, of which there are few
    "files_with_problems": {"problems"},
    # what a wrong address may have meant is compared with all there is
    "known_ids": {"feedstocks"},
}
# Sorted all the same, a bounded number of rows: the 100 datasets of a run.
SORTED = {
    ("list_recipe_run_datasets", ""),
    ("list_recipe_run_datasets", "_sort=id"),
    ("list_recipe_run_datasets", "_sort_desc=id"),
}


def questions(query_name: str) -> list[str]:
    query = LISTS[query_name]
    sorts = [f"{name}={column}" for column in query.sorts for name in ("_sort", "_sort_desc")]
    return ["", *sorts, *FILTERS.get(query_name, [])]


@pytest.fixture
def reader(data):
    opened = connect_reader(database_path(data, FEDERATION))
    yield opened
    opened.close()


def plan(reader, statement: str, values: dict) -> list[tuple[bool, str]]:
    """(whether it belongs to the outer query, what SQLite does), line by line."""
    lines = reader.execute(f"explain query plan {statement}", values).fetchall()
    parents = {line[0]: line[1] for line in lines}
    inner = {line[0] for line in lines if re.search(r"SUBQUERY|CO-ROUTINE|MATERIALIZE", line[3])}

    def is_outer(number: int) -> bool:
        while number:
            if number in inner:
                return False
            number = parents[number]
        return True

    return [(is_outer(line[0]), line[3]) for line in lines]


@pytest.mark.parametrize(
    ("query_name", "question"), [(name, question) for name in LISTS for question in questions(name)]
)
def test_a_page_is_found_by_an_index_in_order(reader, query_name, question):
    query = inspect(LISTS[query_name], reader)
    request = read_list_request(query, query.path, quote(question, safe="=&_:/"), HOME)
    shown, places = list_columns(query, request, as_json=True)
    source = list_source(query, (*shown, *places), request.clauses.where)
    bound = bind(query, values_of(query.path, SMALL), request.parameters) | request.clauses.values
    key = tuple(1 if name == "id" else "x" for name in request.order.tie_breakers)
    positions = [None, Position(5 if request.order.column == "id" else TIME, key)]
    if request.order.nullable:
        positions.append(Position(None, key))
    for after in positions:
        for statement, more in _statements(source, request.order, after):
            steps = plan(reader, statement, bound | more | {"page_size": 101})
            outer = [step for is_outer, step in steps if is_outer]
            if (query_name, question) not in SORTED:
                assert not [step for step in outer if "TEMP B-TREE" in step], (after, outer)
            # without a sort, a scan of the outer table is one in order; filters and positions are looked up
            if question == "is_stale=true":
                # an index of nothing but the few runs that are not final
                assert "recipe_runs_unfinished" in outer[0], (after, outer)
            elif after is not None or question in FILTERS.get(query_name, ()):
                assert outer[0].startswith("SEARCH"), (after, outer)
            bare = [step for is_outer, step in steps[1:] if re.match(r"SCAN (recipe_runs|datasets|feedstocks)\b", step)]
            assert not bare, (after, bare)


@pytest.mark.parametrize("query_name", PAGE_QUERIES)
def test_what_fills_a_page_is_looked_up(reader, query_name):
    sql = PAGE_QUERIES[query_name]
    # as a page gives them; an empty text would ask for everything
    values = dict.fromkeys(re.findall(r":(\w+)", sql), "1")
    steps = [step for _, step in plan(reader, sql, values)]
    read_whole = {match[1] for step in steps if (match := re.match(rf"SCAN ({GROWING})\b", step))}
    assert read_whole == READ_WHOLE.get(query_name, set()), steps


@pytest.mark.parametrize(
    ("query_name", "column"), [(name, column) for name, query in LISTS.items() for column in query.merges]
)
def test_several_values_are_looked_up_one_by_one(reader, query_name, column):
    query = inspect(LISTS[query_name], reader)
    values = "success,failure" if column == "status" else "a,b"
    request = read_list_request(query, query.path, f"{column}__in={values}", HOME)
    assert is_merged(query, request)
    for clause in request.any_of:
        source = list_source(query, quoted((request.order.column, query.key[0])), [*request.clauses.where, clause])
        for after in (None, Position(TIME, (1,))):
            ((statement, more),) = _statements(source, request.order, after)
            steps = [
                step
                for is_outer, step in plan(reader, statement, request.clauses.values | more | {"page_size": 9})
                if is_outer
            ]
            assert re.match(rf"SEARCH recipe_runs USING (COVERING )?INDEX recipe_runs_{column} ", steps[0]), steps
            assert not [step for step in steps if "TEMP B-TREE" in step], steps


@pytest.mark.parametrize("query_name", [name for name, query in LISTS.items() if query.search])
def test_a_search_starts_from_the_words(reader, query_name):
    query = inspect(LISTS[query_name], reader)
    request = read_list_request(query, query.path, "q=ice", HOME)
    shown, places = list_columns(query, request, as_json=True)
    source = list_source(query, (*shown, *places), request.clauses.where)
    for statement, more in _statements(source, request.order, None):
        steps = plan(reader, statement, request.clauses.values | more | {"page_size": 101})
        assert any("VIRTUAL TABLE" in step for _, step in steps)
        table = query_name.removeprefix("list_")
        assert any(re.match(rf"SEARCH {table} USING", step) for is_outer, step in steps if is_outer), steps
