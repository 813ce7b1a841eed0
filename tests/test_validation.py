"""What a body of a recipe run may hold: every error at once, each with its place."""

import json
import re

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
    assert set(faults(value)) == {""}


@pytest.mark.parametrize("name", RUN)
def test_what_is_required(name):
    for changes in ({name: ...}, {name: None}):
        assert set(faults(run(**changes))) == {f"/{name}"}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"recipe_id": 1}, "/recipe_id"),
        ({"recipe_id": True}, "/recipe_id"),
        ({"recipe_id": ["a"]}, "/recipe_id"),
        ({"message": {"text": "a"}}, "/message"),
        ({"run_date": 1772359200}, "/run_date"),
        ({"is_test": 1}, "/is_test"),
        ({"is_test": "true"}, "/is_test"),
        ({"datasets": {}}, "/datasets"),
        ({"datasets": "gs://bucket/a.zarr"}, "/datasets"),
        ({"datasets": [None]}, "/datasets/0"),
        ({"datasets": [{"url": None}]}, "/datasets/0/url"),
        ({"datasets": [{}]}, "/datasets/0/url"),
    ],
)
def test_types_are_not_guessed(changes, pointer):
    assert set(faults(run(**changes))) == {pointer}


def fields_named(detail):
    """The fields that an error names, in its order."""
    return [word for word in re.findall(r"\w+", detail) if word in CREATE.model_fields]


def test_an_unknown_field_is_named_with_the_nearest_known():
    unlike = fields_named(faults(run(zzz=1))["/zzz"])
    assert unlike == list(CREATE.model_fields)
    assert fields_named(faults(run(recipeid="a"))["/recipeid"]) == ["recipe_id", *unlike]
    assert fields_named(faults(run(LOG_URL="https://logs.example"))["/LOG_URL"]) == ["log_url", *unlike]


def test_what_only_the_registry_sets_is_unknown():
    for name in ("id", "created_at", "updated_at", "revision", "is_stale", "datasets_count", "feedstock_title"):
        assert name not in CREATE.model_fields
        assert set(faults(run(**{name: 1}))) == {f"/{name}"}


def test_an_unknown_field_of_a_dataset_is_compared_with_those_of_a_dataset():
    found = faults(run(datasets=[{"url": "gs://bucket/a.zarr", "titel": "a"}]))
    assert re.findall("url|format|title|recipe_id", found["/datasets/0/titel"]) == ["title", "url", "format", "title"]


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
    assert "/recipe_id" in problem.detail
    errors = json.loads(problem_body(problem, "an-id"))["errors"]
    assert [error["pointer"] for error in errors] == ["/recipe_id", "/commit", "/status"]
    assert all(error["detail"] for error in errors)
    assert validate(CREATE, RUN).status == "success"


@pytest.mark.parametrize(
    "value",
    [run(datasets=[{}] * 100_000), {f"recipe-{number}": 1 for number in range(50_000)}],
    ids=["datasets", "unknown fields"],
)
def test_a_large_body_of_faults_gets_a_short_answer(value):
    with pytest.raises(ProblemDetails) as refused:
        validate(CREATE, value)
    assert len(refused.value.errors) == MAX_ERRORS
    assert str(MAX_ERRORS) in refused.value.detail
    assert len(problem_body(refused.value, "an-id")) < 50_000


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
    ((pointer, detail),) = faults(run(**{name: fits + "a"})).items()
    assert pointer == f"/{name}"
    assert f"{limit:,}" in detail


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u3000"])
@pytest.mark.parametrize("name", ["recipe_id", "feedstock_id", "commit", "external_id", "bakery_id", "log_url"])
def test_what_names_something_is_not_blank(name, blank):
    assert set(faults(run(**{name: blank}))) == {f"/{name}"}


def test_a_message_may_be_empty():
    assert accepted(message="").message == ""


@pytest.mark.parametrize("name", ["recipe_id", "commit", "version", "external_id", "message"])
@pytest.mark.parametrize("character", ["\x00", "\x01", "\x07", "\x08", "\x0b", "\x0c", "\x1f", "\x7f", "\x80", "\x9f"])
def test_control_characters_are_refused(name, character):
    ((pointer, detail),) = faults(run(**{name: f"ab{character}c"})).items()
    assert pointer == f"/{name}"
    assert f"U+{ord(character):04X}" in detail and "2" in detail


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
    assert set(STATUS_NAMES) <= set(re.findall(r"\w+", detail))


@pytest.mark.parametrize("status", [1, True, ["success"], {"state": "success"}])
def test_a_status_is_text(status):
    assert "/status" in faults(run(status=status))


# Times and ids


@pytest.mark.parametrize("name", ["run_date", "completed_at"])
def test_times_are_kept_in_one_form(name):
    assert getattr(accepted(**{name: "2026-03-01t12:00:00.1234567+02:00"}), name) == "2026-03-01T10:00:00.123456Z"
    for other in ("2026-03-01", "1969-03-01T10:00:00Z", "2026-02-29T10:00:00Z"):
        assert set(faults(run(**{name: other}))) == {f"/{name}"}


# as in bakeries.yaml
@pytest.mark.parametrize("id", ["a", "_a", "-a", "A.b-c_d", "1.bakery", "devseed.bakery.gcp.us-central1", "a" * 500])
def test_ids_of_bakeries(id):
    assert accepted(bakery_id=id).bakery_id == id


@pytest.mark.parametrize(
    "id", [".", "..", ".a", "a b", "a/b", "a\\b", "a%2Fb", "a?b", "a#b", "a\n", " a", "é", "a:b", "\u0430"]
)
def test_what_is_no_id_of_a_bakery(id):
    assert set(faults(run(bakery_id=id))) == {"/bakery_id"}


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
    "url",
    [
        "gpcp.zarr",
        "/data/gpcp.zarr",
        "//bucket/gpcp.zarr",
        "ftp://host/a",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,<script>",
        "mailto:a@b.example",
        "https:",
        "https://",
        "https:///path",
        "https:path",
        "s3:///key",
        "https://a.example/ ",
        "https://a.example/\n",
        " https://a.example/",
        "\nhttps://a.example/",
        "\thttps://a",
        "https://:8080/",
        "https://[::1/log",
        "https://a]b/log",
        "https://user:secret@a.example/",
        "https://user@a.example/",
        "https://@a.example/",
        "https://:secret@a.example/",
        "s3://key:secret@bucket/a",
        "abfs://container:secret@account.dfs.core.windows.net/a",
        "s3://bucket/" + "a" * 4085,
        "https://a.example/\x00",
        "https://a.example/\x1b[31m",
    ],
)
def test_what_is_no_url_of_a_registry(url):
    assert set(faults(run(log_url=url))) == {"/log_url"}
    assert set(faults(run(datasets=[{"url": url}]))) == {"/datasets/0/url"}


def test_no_fault_repeats_a_password():
    with pytest.raises(ProblemDetails) as refused:
        validate(CREATE, run(log_url="https://user:hunter2@a.example/"))
    assert b"hunter2" not in problem_body(refused.value, "an-id")


# Merge patches


def test_a_patch_requires_nothing():
    found, errors = check(UPDATE, {})
    assert (found.model_dump(exclude_unset=True), errors) == ({}, [])


def test_a_patch_knows_what_was_sent_as_null():
    found, _ = check(UPDATE, {"message": None, "status": "failed"})
    assert found.model_dump(exclude_unset=True) == {"message": None, "status": "failure"}


@pytest.mark.parametrize("name", ["recipe_id", "feedstock_id", "bakery_id", "commit", "run_date", "is_test", "id"])
def test_a_patch_cannot_change_what_a_run_is(name):
    assert set(faults({name: "a"}, UPDATE)) == {f"/{name}"}


def test_a_patch_of_datasets_needs_their_urls():
    assert set(faults({"datasets": [{"title": "a"}]}, UPDATE)) == {"/datasets/0/url"}


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
        json.loads(problem_body(invalid(errors), "an-id"))


@given(st.sampled_from(["recipe_id", "message", "log_url", "bakery_id", "run_date", "version"]), st.text(max_size=60))
def test_any_accepted_text_can_be_sent_again(name, text):
    found, _ = check(CREATE, run(**{name: text}))
    if found is not None:
        kept = getattr(found, name)
        assert getattr(accepted(**{name: kept}), name) == kept
