"""What a body of a recipe run may hold: every fault at once, each with its place and in words of its own."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pangeo_forge_federation.problems import MAX_ERRORS, ProblemDetails, problem_body
from pangeo_forge_federation.records.bodies import create_model_of, update_model_of
from pangeo_forge_federation.records.models import Dataset, RecipeRun
from pangeo_forge_federation.records.validation import check, invalid, validate
from pangeo_forge_federation.values.statuses import STATUS_NAMES, STATUS_SYNONYMS
from post_requests import whole_body

CREATE, UPDATE = create_model_of(RecipeRun), update_model_of(RecipeRun)
RUN = {
    "recipe_id": "NASA-SMAP-SSS/JPL/8day",
    "feedstock_id": "pangeo-forge/gpcp-feedstock",
    "commit": "27b264a6",
    "status": "success",
}


def run(**changes):
    return {name: value for name, value in (RUN | changes).items() if value is not ...}


def faults(value, model=CREATE):
    """pointer: detail"""
    found, errors = check(model, value)
    assert found is None
    assert errors
    return {error["pointer"]: error["detail"] for error in errors}


def accepted(**changes):
    found, errors = check(CREATE, run(**changes))
    assert errors == []
    return found


def test_the_least_that_is_accepted():
    value = accepted()
    assert value.model_dump(exclude_unset=True) == RUN
    assert value.datasets is None


def test_all_that_is_accepted():
    whole = whole_body(
        RecipeRun, message="line one\n\tline two\r\n", is_test=True, log_url="https://logs.example/1568?a=b#c"
    )
    assert {"external_id", "datasets"} < set(whole)
    assert accepted(**whole).model_dump() == whole


@pytest.mark.parametrize("name", ["run_date", "bakery_id", "message", "completed_at", "version", "is_test", "log_url"])
def test_null_is_as_if_left_out(name):
    assert getattr(accepted(**{name: None}), name) is None


# All at once, each with its place


def test_every_fault_is_told_at_once():
    found = faults(
        {
            "recipe_id": 7,
            "commit": "",
            "status": "splendid",
            "run_date": "yesterday",
            "is_test": "no",
            "log_url": "ftp://logs.example",
            "datasets": [{"url": "gs://bucket/a.zarr"}, {"format": "zarr"}, "gs://bucket/c.zarr"],
            "colour": "blue",
        }
    )
    assert set(found) == {
        "/recipe_id",
        "/commit",
        "/status",
        "/run_date",
        "/is_test",
        "/log_url",
        "/feedstock_id",
        "/datasets/1/url",
        "/datasets/2",
        "/colour",
    }


@pytest.mark.parametrize("value", [None, 1, 1.5, True, "text", [], [RUN]])
def test_what_is_no_object(value):
    assert faults(value) == {"": "must be an object"}


@pytest.mark.parametrize("name", RUN)
def test_what_is_required(name):
    assert faults(run(**{name: ...})) == {f"/{name}": "is required"}
    assert faults(run(**{name: None}))[f"/{name}"].startswith("must be")


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        ({"recipe_id": 1}, "/recipe_id", "must be text"),
        ({"recipe_id": True}, "/recipe_id", "must be text"),
        ({"recipe_id": ["a"]}, "/recipe_id", "must be text"),
        ({"message": {"text": "a"}}, "/message", "must be text"),
        ({"run_date": 1772359200}, "/run_date", "must be text"),
        ({"is_test": 1}, "/is_test", "must be true or false"),
        ({"is_test": "true"}, "/is_test", "must be true or false"),
        ({"datasets": {}}, "/datasets", "must be a list"),
        ({"datasets": "gs://bucket/a.zarr"}, "/datasets", "must be a list"),
        ({"datasets": [None]}, "/datasets/0", "must be an object"),
        ({"datasets": [{"url": None}]}, "/datasets/0/url", "must be text"),
        ({"datasets": [{}]}, "/datasets/0/url", "is required"),
    ],
)
def test_types_are_not_guessed(changes, pointer, detail):
    assert faults(run(**changes)) == {pointer: detail}


def test_an_unknown_field_is_named_with_the_nearest_known():
    assert faults(run(recipeid="a"))["/recipeid"].startswith("is not a field here: did you mean recipe_id? there are")
    assert "did you mean log_url?" in faults(run(LOG_URL="https://logs.example"))["/LOG_URL"]
    unlike = faults(run(zzz=1))["/zzz"]
    assert "did you mean" not in unlike
    for name in CREATE.model_fields:
        assert name in unlike


def test_what_only_the_registry_sets_is_unknown():
    for name in ("id", "created_at", "updated_at", "revision", "is_stale", "datasets_count", "feedstock_title"):
        assert name not in CREATE.model_fields
        assert faults(run(**{name: 1}))[f"/{name}"].startswith("is not a field here")


def test_an_unknown_field_of_a_dataset_is_compared_with_those_of_a_dataset():
    found = faults(run(datasets=[{"url": "gs://bucket/a.zarr", "titel": "a"}]))
    assert found == {"/datasets/0/titel": "is not a field here: did you mean title? there are url, format, title"}


def test_a_key_is_escaped_in_its_pointer():
    assert set(faults(run(**{"a/b~c": 1}))) == {"/a~1b~0c"}
    assert set(faults(run(**{"": 1}))) == {"/"}


def test_a_value_in_an_array_has_its_place_there():
    with pytest.raises(ProblemDetails) as refused:
        validate(CREATE, run(status=1), (3,))
    assert [error["pointer"] for error in refused.value.errors] == ["/3/status"]


def test_the_problem_that_is_answered():
    with pytest.raises(ProblemDetails) as refused:
        validate(CREATE, run(status=..., commit=..., recipe_id=...))
    problem = refused.value
    assert (problem.status, problem.kind) == (422, "invalid")
    assert problem.detail == "/recipe_id is required, and 2 more"
    assert json.loads(problem_body(problem))["errors"] == [
        {"detail": "is required", "pointer": f"/{name}"} for name in ("recipe_id", "commit", "status")
    ]
    assert validate(CREATE, RUN).status == "success"


def test_the_problem_of_one_fault():
    assert invalid([{"detail": "must be an object", "pointer": ""}]).detail == "the body must be an object"


@pytest.mark.parametrize(
    "value",
    [run(datasets=[{}] * 100_000), {f"recipe-{number}": 1 for number in range(50_000)}],
    ids=["datasets", "unknown fields"],
)
def test_a_large_body_of_faults_gets_a_short_answer(value):
    with pytest.raises(ProblemDetails) as refused:
        validate(CREATE, value)
    assert len(refused.value.errors) == MAX_ERRORS
    assert refused.value.detail.endswith(f"and more: the first {MAX_ERRORS} are listed")
    assert len(problem_body(refused.value)) < 50_000


# Texts


@pytest.mark.parametrize(
    ("name", "limit"),
    [("recipe_id", 500), ("commit", 500), ("external_id", 500), ("version", 200), ("message", 65536)],
)
@pytest.mark.parametrize("character", ["a", "é", "€", "😀"])
def test_texts_are_bounded_in_bytes(name, limit, character):
    size = len(character.encode())
    fits = character * (limit // size) + "a" * (limit % size)
    assert getattr(accepted(**{name: fits}), name) == fits
    assert faults(run(**{name: fits + "a"})) == {
        f"/{name}": f"has {limit + 1:,} bytes in UTF-8, and at most {limit:,} are kept: shorten it"
    }


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u3000"])
@pytest.mark.parametrize("name", ["recipe_id", "feedstock_id", "commit", "external_id", "bakery_id", "log_url"])
def test_what_names_something_is_not_blank(name, blank):
    assert faults(run(**{name: blank})) == {f"/{name}": "is empty"}


def test_a_message_may_be_empty():
    assert accepted(message="").message == ""


@pytest.mark.parametrize("name", ["recipe_id", "commit", "version", "external_id", "message"])
@pytest.mark.parametrize("character", ["\x00", "\x01", "\x07", "\x08", "\x0b", "\x0c", "\x1f", "\x7f", "\x80", "\x9f"])
def test_control_characters_are_refused(name, character):
    assert faults(run(**{name: f"ab{character}c"})) == {
        f"/{name}": f"holds the control character U+{ord(character):04X} at position 2: leave it out"
    }


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[1;38;2;255;0;0mred\x1b[m", "red"),
        ("a\x1b[2K\x1b[1Gb", "ab"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://a.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b(Btext\x1b=", "text"),
        ("\x9b31mred", "red"),
        ("tab\tline\nreturn\r\n", "tab\tline\nreturn\r\n"),
        ("[31mno escape[0m", "[31mno escape[0m"),
        ("😀 é\u200b", "😀 é\u200b"),
    ],
)
def test_a_message_loses_its_terminal_codes(sent, kept):
    assert accepted(message=sent).message == kept


def test_a_message_is_measured_without_its_terminal_codes():
    assert len(accepted(message="\x1b[31m" * 30000 + "a" * 65536).message) == 65536


def test_only_a_message_may_hold_terminal_codes():
    assert "/recipe_id" in faults(run(recipe_id="\x1b[31mred"))


def test_braces_and_quotes_are_kept():
    text = '{"a": {message}} %s {0} \\u0041 \''
    assert accepted(recipe_id=text, message=text).recipe_id == text
    assert "{a}" in faults(run(**{"{a}": 1})).popitem()[0]


# Statuses


@pytest.mark.parametrize("status", STATUS_NAMES)
def test_a_status_is_itself_in_any_case(status):
    for spelling in (status, status.upper(), status.title(), f" {status}\n"):
        assert accepted(status=spelling).status == status


@pytest.mark.parametrize(("word", "status"), STATUS_SYNONYMS.items())
def test_words_of_schedulers(word, status):
    assert accepted(status=word).status == status
    assert accepted(status=word.upper()).status == status


@pytest.mark.parametrize("status", ["", " ", "splendid", "succes", "inprogress", "success failure", "null", "0"])
def test_other_words_are_refused_and_all_statuses_named(status):
    detail = faults(run(status=status))["/status"]
    assert detail == "must be queued, in_progress, success, failure, cancelled, timed_out or skipped"


@pytest.mark.parametrize("status", [1, True, ["success"], {"state": "success"}])
def test_a_status_is_text(status):
    assert "/status" in faults(run(status=status))


# Times and ids


@pytest.mark.parametrize("name", ["run_date", "completed_at"])
def test_times_are_kept_in_one_form(name):
    assert getattr(accepted(**{name: "2026-03-01t12:00:00.1234567+02:00"}), name) == "2026-03-01T10:00:00.123456Z"
    assert "RFC 3339" in faults(run(**{name: "2026-03-01"}))[f"/{name}"]
    assert "1970 to 2199" in faults(run(**{name: "1969-03-01T10:00:00Z"}))[f"/{name}"]
    assert "exists" in faults(run(**{name: "2026-02-29T10:00:00Z"}))[f"/{name}"]


# as in bakeries.yaml
@pytest.mark.parametrize("id", ["a", "_a", "-a", "A.b-c_d", "1.bakery", "devseed.bakery.gcp.us-central1", "a" * 500])
def test_ids_of_bakeries(id):
    assert accepted(bakery_id=id).bakery_id == id


@pytest.mark.parametrize(
    "id", [".", "..", ".a", "a b", "a/b", "a\\b", "a%2Fb", "a?b", "a#b", "a\n", " a", "é", "a:b", "\u0430"]
)
def test_what_is_no_id_of_a_bakery(id):
    assert "is not a bakery id" in faults(run(bakery_id=id))["/bakery_id"]


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "https://logs.example/1568?x=1&y=2#z",
        "https://Logs.Example/A",
        "https://localhost:8080/log",
        "https://[::1]:8080/log",
        "https://bücher.example/ä",
        "s3://bucket/pangeo-forge/gpcp-feedstock/gpcp.zarr",
        "gs://bucket/with blank/and {braces}/a.zarr",
        "gs://bucket/year=2020/a@b.zarr",
        "az://container/path",
        "abfs://container@account.dfs.core.windows.net/path",
        "abfss://container@account.dfs.core.windows.net/path",
        "s3://bucket/" + "a" * 4084,
    ],
)
def test_urls_are_kept_byte_for_byte(url):
    assert accepted(log_url=url).log_url == url
    assert accepted(datasets=[{"url": url}]).datasets[0].url == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("gpcp.zarr", "does not begin with one of http://, https://, s3://, gs://"),
        ("/data/gpcp.zarr", "does not begin"),
        ("//bucket/gpcp.zarr", "does not begin"),
        ("ftp://host/a", "does not begin"),
        ("file:///etc/passwd", "does not begin"),
        ("javascript:alert(1)", "does not begin"),
        ("data:text/html,<script>", "does not begin"),
        ("mailto:a@b.example", "does not begin"),
        ("https:", "does not begin"),
        ("https://", "a host or bucket must follow"),
        ("https:///path", "a host or bucket must follow"),
        ("https:path", "does not begin"),
        ("s3:///key", "a host or bucket must follow"),
        ("https://a.example/ ", "no blanks around it"),
        ("https://:8080/", "a host or bucket must follow"),
        ("https://[::1/log", "is not a URL"),
        ("https://a]b/log", "is not a URL"),
        ("https://user:secret@a.example/", "user information"),
        ("https://user@a.example/", "user information"),
        ("https://@a.example/", "user information"),
        ("https://:secret@a.example/", "user information"),
        ("s3://key:secret@bucket/a", "user information"),
        ("abfs://container:secret@account.dfs.core.windows.net/a", "user information"),
        ("s3://bucket/" + "a" * 4085, "at most 4,096"),
        ("https://a.example/\x00", "control character"),
        ("https://a.example/\x1b[31m", "control character"),
    ],
)
def test_what_is_no_url_of_a_registry(url, words):
    assert words in faults(run(log_url=url))["/log_url"]
    assert words in faults(run(datasets=[{"url": url}]))["/datasets/0/url"]


@pytest.mark.parametrize(
    "blank", [" https://a.example/", "\nhttps://a.example/", "https://a.example/\n", "\thttps://a"]
)
def test_blanks_around_a_url_are_refused(blank):
    assert "/log_url" in faults(run(log_url=blank))


def test_no_fault_repeats_a_password():
    with pytest.raises(ProblemDetails) as refused:
        validate(CREATE, run(log_url="https://user:hunter2@a.example/"))
    assert b"hunter2" not in problem_body(refused.value)


# Merge patches


def test_a_patch_requires_nothing():
    found, errors = check(UPDATE, {})
    assert (found.model_dump(exclude_unset=True), errors) == ({}, [])


def test_a_patch_knows_what_was_sent_as_null():
    found, _ = check(UPDATE, {"message": None, "status": "failed"})
    assert found.model_dump(exclude_unset=True) == {"message": None, "status": "failure"}


@pytest.mark.parametrize("name", ["recipe_id", "feedstock_id", "bakery_id", "commit", "run_date", "is_test", "id"])
def test_a_patch_cannot_change_what_a_run_is(name):
    assert faults({name: "a"}, UPDATE)[f"/{name}"].startswith("is not a field here")


def test_a_patch_of_datasets_needs_their_urls():
    assert faults({"datasets": [{"title": "a"}]}, UPDATE) == {"/datasets/0/url": "is required"}


def test_a_dataset_is_made_and_changed_with_other_fields():
    found, errors = check(create_model_of(Dataset), {"url": "gs://bucket/a.zarr"})
    assert (found.url, errors) == ("gs://bucket/a.zarr", [])
    assert "/url" in faults({"url": "gs://bucket/b.zarr"}, update_model_of(Dataset))
    assert "/retraction_reason" in faults({"retraction_reason": "a" * 2001}, update_model_of(Dataset))


# Anything


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=10,
)


@given(JSON | st.dictionaries(st.sampled_from([*CREATE.model_fields, "id", "Status"]), JSON | st.text(max_size=30)))
def test_any_value_is_accepted_or_refused_with_places(value):
    found, errors = check(CREATE, value)
    assert (found is None) == bool(errors)
    for error in errors:
        assert error["detail"]
        assert error["pointer"] == "" or error["pointer"].startswith("/")
    if errors:
        json.loads(problem_body(invalid(errors)))


@given(st.sampled_from(["recipe_id", "message", "log_url", "bakery_id", "run_date", "version"]), st.text(max_size=60))
def test_any_accepted_text_can_be_sent_again(name, text):
    found, _ = check(CREATE, run(**{name: text}))
    if found is not None:
        kept = getattr(found, name)
        assert getattr(accepted(**{name: kept}), name) == kept
