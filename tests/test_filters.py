"""Every operator on every column of every list says what the same filter says in Python, as docs/api.md has it.

The reference here is written from the documentation: it shares nothing with `filters.py` but the kinds of the columns.
"""

import calendar
import json
import re
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from conftest import started
from example_paths import DEMO, LISTS, filled
from pangeo_forge_federation.records.field_kinds import column_kinds
from pangeo_forge_federation.server.demo import ensure_demo
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, transaction

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime(2026, 3, 2, 4, 5, tzinfo=UTC)
SEA_ICE = "northern-sea-ice-feedstock"
PATHS = {name: filled(query.path, DEMO) for name, query in LISTS.items()}
# path: the columns that tell the rows of its list apart
KEYS = {PATHS[name]: query.key for name, query in LISTS.items()}
LIFTED = {
    "removed_at": "removed_at__isnull=0,1",
    "is_test": "is_test__in=0,1",
    "retracted_at": "retracted_at__isnull=0,1",
}
DEFAULTS = {
    "/bakeries": ["removed_at"],
    "/feedstocks": ["removed_at"],
    "recipes": ["removed_at"],
    "datasets": ["is_test", "retracted_at"],
}
OPERATORS = ["", "in", "not", "gt", "gte", "lt", "lte", "contains", "startswith", "endswith", "isnull"]
RANGES = {"gt", "gte", "lt", "lte"}
# operators that look for a part of a text: how Python does, and a part of a text that they find
TEXTUAL = {
    "contains": (str.__contains__, lambda text: text[2:7]),
    "startswith": (str.startswith, lambda text: text[:4]),
    "endswith": (str.endswith, lambda text: text[-4:]),
}
CASELESS = {"bakery_id", "feedstock_id", "github", "repository", "feedstock_repository", "actor_bakery_id"}
NUMERIC = {"integer": int, "number": float}
SYNONYMS = {"in_progress": "Running", "success": "SUCCEEDED", "failure": "Failed", "queued": "pending"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filters") / "demo"
    ensure_demo(folder, NOW)
    opened = connect(database_path(folder, FEDERATION))
    with transaction(opened):
        opened.execute(
            "insert into feedstock_aliases (alias, feedstock_id, created_at) values ('old-ice', ?, ?)",
            (SEA_ICE, "2026-01-01T00:00:00.000000Z"),
        )
        run = "select id, recipe_id, run_date from recipe_runs order by id limit 6"
        odd = ["100% _sure_", r"a\b%", "ÉTÉ été", 'line\r\ntwo, "three"', "", "*[x]'; drop table recipe_runs; --"]
        for (run_id, _, _), message in zip(opened.execute(run).fetchall(), odd, strict=True):
            opened.execute("update recipe_runs set message = ? where id = ?", (message, run_id))
        opened.execute("update datasets set retracted_at = '2026-02-01T00:00:00.000000Z' where id = 5")
        opened.execute("update datasets set is_test = 1 where id = 6")
    opened.close()
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(demo):
    async with started(demo) as made:
        yield made


@pytest.fixture(scope="module")
def client(served):
    return served.client


def defaults_of(path):
    return next((columns for end, columns in DEFAULTS.items() if path.endswith(end)), [])


@pytest.fixture(scope="module")
def whole(client):
    """A function that gives all rows of a list, which is read once."""
    read = {}

    async def rows_of(path):
        if path not in read:
            read[path] = await read_whole(client, path)
        return read[path]

    return rows_of


async def read_whole(client, path):
    """All rows with the defaults lifted, page by page (as NDJSON, whose messages are not cut)."""
    question = "&".join([*(LIFTED[column] for column in defaults_of(path)), "_format=ndjson", "_size=250"])
    url, rows = f"{path}?{question}", []
    while url:
        response = await client.get(url)
        assert response.status_code == 200, response.text
        rows += [json.loads(line) for line in response.text.split("\n") if line]
        url = response.links.get("next", {}).get("url", "").replace("http://localhost", "")
    return rows


def fold(text):
    return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text)


def span(text):
    """[first, last] of what a time stands for."""
    if "T" in text:
        instant = datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return instant, instant
    parts = [int(part) for part in text.split("-")]
    last = [*parts, *[12, 31][len(parts) - 1 :]]
    if len(parts) == 2:
        last[2] = calendar.monthrange(*parts)[1]
    first = [*parts, 1, 1][:3]
    end = "{:04}-{:02}-{:02}T23:59:59.999999Z".format(*last)
    return "{:04}-{:02}-{:02}T00:00:00.000000Z".format(*first), end


def keeps(value, operator, text, kind, caseless):
    """Whether a row's value stays. `text` of `in` is a list."""
    if operator == "isnull":
        return (value is None) == (text in ("1", "true"))
    if value is None:
        return False
    if operator == "in":
        return any(keeps(value, "", each, kind, caseless) for each in text)
    if operator in TEXTUAL:
        return TEXTUAL[operator][0](fold(value), fold(text))
    if kind == "boolean":
        return (value == (text in ("1", "true"))) == (operator == "")
    if kind == "time":
        first, last = span(text)
    else:
        first = last = NUMERIC[kind](text) if kind in NUMERIC else fold(text) if caseless else text
        value = fold(value) if caseless else value
    return {
        "": first <= value <= last,
        "not": not first <= value <= last,
        "gt": value > last,
        "gte": value >= first,
        "lt": value < first,
        "lte": value <= last,
    }[operator]


def samples(column, kind, rows, operator):
    """Texts to ask for, taken from what is there."""
    if operator == "isnull":
        return ["1", "false"]
    if kind == "boolean":
        return ["true", "0"]
    there = sorted({row[column] for row in rows if row[column] is not None})
    if not there:
        return {"integer": ["3"], "number": ["2.5"], "time": ["2026"], "text": ["x"]}[kind]
    middle = there[len(there) // 2]
    if kind in NUMERIC:
        return [str(middle), str(there[-1] + 1)]
    if operator in TEXTUAL:
        piece = TEXTUAL[operator][1](middle)
        return [piece.swapcase() if kind == "text" else piece]
    if kind == "time":
        return [middle, middle[:7], middle[:10]]
    return [middle, middle.swapcase()]


def key_of(path, row):
    """What tells a row from the others of its list: a value, or several."""
    key = tuple(row[name] for name in KEYS[path])
    return key if len(key) > 1 else key[0]


async def ids(client, path, question):
    response = await client.get(f"{path}?{question}&_size=max")
    assert response.status_code == 200, f"{question}: {response.text}"
    rows = response.json()
    return [key_of(path, row) for row in rows]


async def test_every_operator_is_here(served):
    said = (await served.client.get("/recipe_runs?id__is=1")).json()["detail"]
    assert re.findall(r" __(\w+)", said) == OPERATORS[1:]


@pytest.mark.parametrize(
    "query_name",
    [name if name == "list_datasets" else pytest.param(name, marks=pytest.mark.slow) for name in PATHS],
)
async def test_every_operator_on_every_column(client, whole, query_name):
    path = PATHS[query_name]
    kinds = column_kinds(LISTS[query_name].record)
    rows = await whole(path)
    assert rows, f"{path} is empty in the demo: choose other values for DEMO in tests/example_paths.py"
    for column in rows[0]:
        kind = kinds[column]
        if kind == "json":
            for operator in OPERATORS:
                response = await client.get(f"{path}?{column}{'__' * bool(operator)}{operator}=1")
                assert response.status_code == 400
                assert column in response.json()["detail"]
            continue
        caseless = column in CASELESS or (column == "id" and path in ("/bakeries", "/feedstocks"))
        for operator in OPERATORS:
            name = f"{column}__{operator}" if operator else column
            for text in samples(column, kind, rows, operator):
                if "status" in column and operator not in {*TEXTUAL, "isnull"} and fold(text) not in (text,):
                    continue  # statuses in another case have a test of their own
                if operator == "in":
                    sent, asked = (
                        json.dumps([text, "" if kind == "text" and "status" not in column else text]),
                        [text, ""],
                    )
                    asked = [text, ""] if kind == "text" and "status" not in column else [text]
                else:
                    sent, asked = text, text
                lifted = [LIFTED[each] for each in defaults_of(path) if each != column]
                question = "&".join([*lifted, urlencode({name: sent, "_col": ",".join(KEYS[path])})])
                refused = (kind in ("boolean", *NUMERIC) and operator in TEXTUAL) or (
                    kind == "boolean" and operator in RANGES
                )
                if refused:
                    response = await client.get(f"{path}?{question}")
                    assert (response.status_code, response.json()["parameter"]) == (400, name)
                    assert len(response.json()["detail"]) > len(name)
                    continue
                expected = {key_of(path, row) for row in rows if keeps(row[column], operator, asked, kind, caseless)}
                found = await ids(client, path, question)
                assert len(found) == len(set(found))
                assert set(found) == expected, (name, text)


@pytest.mark.parametrize(
    "text",
    [
        "2026", "2026-02", "2025-12", "2026-02-28", "2024-02-29",
        "2026-02-01T00:00:00Z", "2026-02-01T02:00:00+02:00", "2026-01-31T19:00:00.0-05:00",
    ],
)  # fmt: skip
async def test_times_and_their_spans(client, whole, text):
    rows = await whole("/recipe_runs")
    for column in ("run_date", "completed_at"):
        for operator in OPERATORS[:7]:
            name = f"{column}__{operator}" if operator else column
            asked = [text] if operator == "in" else text
            expected = {row["id"] for row in rows if keeps(row[column], operator, asked, "time", False)}
            assert set(await ids(client, "/recipe_runs", urlencode({name: text}))) == expected, name


@pytest.mark.parametrize(("status", "sent"), SYNONYMS.items())
async def test_statuses_in_any_case_and_by_synonym(client, whole, status, sent):
    rows = await whole("/recipe_runs")
    for text in (status, status.upper(), sent):
        same = {row["id"] for row in rows if row["status"] == status}
        assert set(await ids(client, "/recipe_runs", urlencode({"status": text}))) == same
        assert set(await ids(client, "/recipe_runs", urlencode({"status__in": text}))) == same
        assert set(await ids(client, "/recipe_runs", urlencode({"status__not": text}))) == {
            row["id"] for row in rows if row["status"] != status
        }


async def test_filters_hold_together_also_the_same_one_twice(client, whole):
    rows = await whole("/recipe_runs")
    found = await ids(client, "/recipe_runs", "status=success&is_test=0&run_date__gte=2026-01&run_date__lt=2026-02")
    assert set(found) == {
        row["id"]
        for row in rows
        if row["status"] == "success" and not row["is_test"] and row["run_date"][:7] == "2026-01"
    }
    assert found
    assert await ids(client, "/recipe_runs", "status=success&status=failure") == []
    twice = await ids(client, "/recipe_runs", "feedstock_id__contains=sea&feedstock_id__contains=ice")
    assert set(twice) == {row["id"] for row in rows if "sea" in row["feedstock_id"] and "ice" in row["feedstock_id"]}
    assert await ids(client, PATHS["list_bakery_recipe_runs"], "bakery_id=another") == []


@pytest.mark.parametrize(
    "piece", ["%", "_", "\\", "% _", "_sure", "b%", "É", "é", "été", "ÉTÉ", "*", "[x]", "'", "\r\n", '"']
)
@pytest.mark.parametrize("operator", TEXTUAL)
async def test_there_are_no_wildcards(client, whole, operator, piece):
    rows = await whole("/recipe_runs")
    expected = {row["id"] for row in rows if keeps(row["message"], operator, piece, "text", False)}
    assert set(await ids(client, "/recipe_runs", urlencode({f"message__{operator}": piece}))) == expected
    if operator == "contains":
        assert expected


@pytest.mark.parametrize(
    "name", [SEA_ICE.upper(), f"pangeo-forge/{SEA_ICE}", "old-ice", "OLD-ICE", "Pangeo-Forge/old-ice"]
)
@pytest.mark.parametrize("operator", ["", "__in"])
async def test_a_feedstock_by_any_of_its_names(client, whole, name, operator):
    same = await ids(client, "/recipe_runs", f"feedstock_id={SEA_ICE}")
    assert same
    assert await ids(client, "/recipe_runs", f"feedstock_id{operator}={name}") == same
    assert await ids(client, "/feedstocks", f"id{operator}={name}") == [SEA_ICE]
    others = await ids(client, "/recipe_runs", f"feedstock_id__not={name}")
    assert set(others).isdisjoint(same)
    assert len(others) + len(same) == len(await whole("/recipe_runs"))


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("statsu=success", ["statsu", "status", "run_date"]),
        ("status__is=success", ["status__is", "__startswith"]),
        ("run_dat__gte=2026", ["run_dat__gte", "run_date"]),
        ("_offset=3", ["_offset", "_size"]),
        ("run_date=2026-02-01T00:00:00+02:00", ["run_date", "%2B"]),
        ("run_date=2026-02-30", ["run_date"]),
        ("run_date__gte=1969", ["run_date__gte", "1970"]),
        ("run_date=yesterday", ["run_date"]),
        ("id=abc", ["id"]),
        ("id=1.5", ["id"]),
        ("id=9223372036854775808", ["id"]),
        ("id__gt=" + "9" * 5000, ["id__gt"]),
        ("id=%D9%A3", ["id"]),
        ("is_test=yes", ["is_test", "true", "false", "1", "0"]),
        ("is_test__isnull=2", ["is_test__isnull", "true", "false", "1", "0"]),
        ("status=great", ["status", "timed_out"]),
        ("recipe_id__in=" + ",".join(map(str, range(501))), ["recipe_id__in", "501", "500"]),
        ("recipe_id__in=%5B%22tas", ["recipe_id__in"]),
        ("recipe_id__in=%5B%5B1%5D%5D", ["recipe_id__in"]),
        ("recipe_id__in=" + "[" * 3000, ["recipe_id__in"]),
        ("status__in=%5B%5B%22success%22%5D%5D", ["status__in"]),
        ("recipe_id=a%00b", ["recipe_id"]),
        ("recipe_id=a%1Bb", ["recipe_id"]),
        ("recipe_id=%FF", []),
        ("&".join(["id=1"] * 201), ["200"]),
    ],
)
async def test_what_cannot_be_read_is_400_that_names_it(client, question, named):
    response = await client.get(f"/recipe_runs?{question}")
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    for each in named:
        assert each in response.json()["detail"]


@pytest.mark.parametrize(
    "text",
    ["' or 1=1 --", '" or ""="', "x'); drop table recipe_runs; --", ":filter_0", "?", "null", "ä" * 5000, "x" * 10_000],
)
@pytest.mark.parametrize("operator", ["", "__in", "__gt", "__contains"])
async def test_hostile_values_are_values(client, whole, text, operator):
    rows = await whole("/recipe_runs")
    sent = json.dumps([text]) if operator == "__in" else text
    asked = [text] if operator == "__in" else text
    expected = {row["id"] for row in rows if keeps(row["recipe_id"], operator[2:], asked, "text", False)}
    assert set(await ids(client, "/recipe_runs", urlencode({f"recipe_id{operator}": sent}))) == expected


@pytest.mark.parametrize("escape", ["\\ud800", "a\\u0000b"])
@pytest.mark.parametrize("column", ["recipe_id", "feedstock_id", "status"])
async def test_an_escape_in_a_json_list_is_no_way_around(client, column, escape):
    response = await client.get(f"/recipe_runs?{column}__in=" + quote(f'["{escape}"]'))
    assert response.status_code == 400
    assert response.json()["parameter"] == f"{column}__in"


@pytest.mark.parametrize("text", ["_" * 30_000, "a" * 45_000])
async def test_a_very_long_text_is_refused_or_in_nothing(client, text):
    for operator in TEXTUAL:
        response = await client.get(f"/recipe_runs?{urlencode({f'recipe_id__{operator}': text})}")
        assert response.status_code in (200, 400, 414)
        if response.status_code == 200:
            assert response.json() == []


@pytest.mark.parametrize("digits", ["9" * 19, "1" * 5000])
async def test_a_huge_number_in_the_path_is_404(client, digits):
    assert (await client.get(f"/recipe_runs/{digits}")).status_code == 404


async def test_many_values_and_many_filters(client, whole):
    rows = await whole("/recipe_runs")
    wanted = ",".join(map(str, range(1, 501)))
    assert set(await ids(client, "/recipe_runs", f"id__in={wanted}")) == {row["id"] for row in rows if row["id"] <= 500}
    names = ",".join([SEA_ICE, *(f"none-{number}" for number in range(499))])
    question = f"feedstock_id__in={names}&" + "&".join(["id__gt=0"] * 190)
    assert set(await ids(client, "/recipe_runs", question)) == {
        row["id"] for row in rows if row["feedstock_id"] == SEA_ICE
    }
    assert await ids(client, "/recipe_runs", "recipe_id__in=") == []
    assert await ids(client, "/recipe_runs", "recipe_id__in=[]") == []


async def test_values_with_commas(demo, send_to_demo):
    await send_to_demo("tas,daily", "tas", "daily")
    client = send_to_demo.client
    for sent, expected in {'["tas,daily"]': ["tas,daily"], "tas,daily": ["daily", "tas"]}.items():
        response = await client.get("/recipe_runs?" + urlencode({"recipe_id__in": sent}))
        assert sorted(row["recipe_id"] for row in response.json()) == expected


@pytest.fixture
def send_to_demo(demo, client):
    """A function that records runs of recipes, which are gone after the test."""
    opened = connect(database_path(demo, FEDERATION))

    async def send(*recipes):
        with transaction(opened):
            for recipe in recipes:
                opened.execute(
                    """insert into recipe_runs
                    (recipe_id, run_date, bakery_id, feedstock_id, "commit", status, created_at, updated_at, version)
                    select ?, run_date, bakery_id, feedstock_id, 'c', 'success', created_at, updated_at, 'commas-' || ?
                    from recipe_runs where id = 1""",
                    (recipe, recipe),
                )

    send.client = client
    yield send
    with transaction(opened):
        opened.execute("delete from recipe_runs where version like 'commas-%'")
    opened.close()


async def test_naming_a_default_s_column_with_any_operator_lifts_it(client, whole):
    shown = await ids(client, "/datasets", "_col=id")
    assert not {5, 6} & set(shown)
    rows = await whole("/datasets")
    assert {5, 6} <= {row["id"] for row in rows}
    for question in ("is_test__in=0,1", "is_test__isnull=0"):
        assert 6 in await ids(client, "/datasets", question)
        assert 5 not in await ids(client, "/datasets", question)
    assert 6 in await ids(client, "/datasets", "is_test=1")
    for question in ("retracted_at__isnull=0", "retracted_at=2026-02-01", "retracted_at__startswith=2026"):
        assert await ids(client, "/datasets", question) == [5]
    assert set(await ids(client, "/datasets", "retracted_at__isnull=0,1")) == {*shown, 5}
