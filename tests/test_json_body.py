import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pangeo_forge_federation.problems import MAX_ERRORS, ProblemDetails, problem_body
from pangeo_forge_federation.web.json_body import MAX_DEPTH, parse_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda children: st.lists(children) | st.dictionaries(st.text("abcé/~", max_size=3), children),
    max_leaves=20,
)
# what a fuzzer would put together
PIECES = st.lists(
    st.one_of(
        st.sampled_from(rb'{ } [ ] : , " "a" \ \u0000 \ud800 \udc00 1 - 1e9 e999 . 0 NaN -Infinity true null'.split()),
        st.sampled_from([b" ", b"\n", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xed\xa0\x80", "é😀".encode()]),
        st.sampled_from([b"9" * 30, b"[" * 150, b"]" * 150, b'{"a":' * 120]),
    ),
    max_size=30,
)


def refusal(body):
    with pytest.raises(ProblemDetails) as refused:
        parse_json(body)
    problem = refused.value
    assert (problem.kind, problem.status) == ("invalid-json", 400)
    json.loads(problem_body(problem, "an-id"))
    return problem


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b"[]", []),
        (b" \t\r\n{ } \n", {}),
        (b"null", None),
        (b'"text"', "text"),
        (b"true", True),
        (b"0", 0),
        (b"-0", 0),
        (b"1.5", 1.5),
        (b"1e3", 1000.0),
        (b"1E-400", 0.0),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b'{"a": {"b": [1, "2", null, false]}}', {"a": {"b": [1, "2", None, False]}}),
        ('{"título": "Ø 😀"}'.encode(), {"título": "Ø 😀"}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\u001b[31mred\\u001b[0m"', "\x1b[31mred\x1b[0m"),
        (b'"\\\\u0000"', "\\u0000"),
        (b'{"": 1}', {"": 1}),
        (b'{"a": {"x": 1}, "b": {"x": 1}}', {"a": {"x": 1}, "b": {"x": 1}}),
        (b'{"a": 1, "A": 2}', {"a": 1, "A": 2}),
    ],
)
def test_json_is_read(body, value):
    assert parse_json(body) == value
    assert type(parse_json(body)) is type(value)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", ""),
        (b" \n\t ", ""),
        (b"\xff", ""),
        (b'{"a": "\xc3"}', ""),
        (b'"\xed\xa0\x80"', ""),
        (b'"\xc0\xaf"', ""),
        ('{"a": 1}'.encode("utf-16"), ""),
        (b"\xef\xbb\xbf{}", ""),
        (b"{", ""),
        (b"{]", ""),
        (b"{}{}", ""),
        (b'{"a": 1,}', ""),
        (b"[1,]", ""),
        (b"{'a': 1}", ""),
        (b"{a: 1}", ""),
        (b'{"a" 1}', "line 1, column 6"),
        (b'{\n  "a": tru\n}', "line 2, column 8"),
        (b"01", ""),
        (b"+1", ""),
        (b".5", ""),
        (b"1.", ""),
        (b"0x10", ""),
        (b"1_000", ""),
        (b"True", ""),
        (b"undefined", ""),
        (b'"a', ""),
        (b'"\\x"', ""),
        (b'"\\u12"', ""),
        (b'"a\nb"', ""),
        (b'"a\0b"', ""),
        (b"// comment\n{}", ""),
        (b"recipe_id=gpcp&status=success", ""),
        (b"NaN", ""),
        (b'{"a": Infinity}', ""),
        (b"[-Infinity]", ""),
        (b"1e999", ""),
        (b"[-1e999]", ""),
        (b"9223372036854775808", ""),
        (b"-9223372036854775809", ""),
        (b"1" + b"0" * 100_000, ""),
        (b'{"a": 1, "a": 1}', '"a"'),
        (b'[{"x": {"a": 1, "b": 2, "a": 3}}]', '"a"'),
        (b'{"a": 1, "\\u0061": 2}', '"a"'),
        (b'{"\\ud800": 1, "\\ud800": 2}', ""),
    ],
)
def test_what_is_no_json_is_refused(body, named):
    assert named in refusal(body).detail


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b'"\\u0000"', [""]),
        (b'{"message": "a\\u0000b"}', ["/message"]),
        (b'[{"a": ["ok", "\\u0000"]}]', ["/0/a/1"]),
        (b'{"a/b": {"c~d": "\\u0000"}}', ["/a~1b/c~0d"]),
        (b'{"a\\u0000": 1}', [""]),
        (b'{"x": {"\\ud800": 1}}', ["/x"]),
        (b'{"message": "\\ud800"}', ["/message"]),
        (b'{"message": "\\udc00\\ud800"}', ["/message"]),
        (b'{"message": "\\ud83d"}', ["/message"]),
        (b'{"b": "\\udfff", "a": "\\u0000", "c": "fine"}', ["/a", "/b"]),
        (b'{"\\ud800": "\\u0000"}', ["", "/?"]),
    ],
)
def test_texts_that_cannot_be_kept_are_all_named(body, pointers):
    assert [error["pointer"] for error in refusal(body).errors] == pointers


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")], ids=["lists", "objects", "both"]
)
def test_nesting_has_a_bound(opening, closing):
    levels = MAX_DEPTH // (opening.count(b"[") + opening.count(b"{"))

    def nested(count, inner=b"1"):
        return opening * count + inner + closing * count

    value = parse_json(nested(levels))
    for _ in range(MAX_DEPTH):
        value = value[0] if isinstance(value, list) else value["a"]
    assert value == 1
    for body in (nested(levels, b"[]"), nested(levels + 1), nested(900), nested(100_000), opening * 170_000):
        problem = refusal(body)
        assert "deep" in str(problem.errors) + problem.detail or "not JSON" in problem.detail


def test_a_large_body_of_faults_gets_a_short_answer():
    body = b"[" + b",".join([b'"\\u0000"'] * 100_000) + b"]"
    problem = refusal(body)
    assert len(problem.errors) == MAX_ERRORS
    assert len(problem_body(problem, "an-id")) < 20_000


@given(VALUES, st.booleans())
def test_what_json_can_say_is_read_as_it_was_written(value, ascii):
    body = json.dumps(value, ensure_ascii=ascii).encode()
    assert parse_json(body) == value


@given(st.binary(max_size=200) | PIECES.map(b"".join))
@example(b'{"a": "\\ud800", "\\ud800": {"\\u0000": NaN}}')
def test_nothing_but_a_value_or_a_problem_comes_of_any_bytes(body):
    try:
        value = parse_json(body)
    except ProblemDetails as problem:
        assert problem.status == 400
        json.loads(problem_body(problem, "an-id"))
    else:
        pending = [value]
        while pending:
            item = pending.pop()
            if isinstance(item, list):
                pending += item
            elif isinstance(item, dict):
                pending += [*item, *item.values()]
            elif isinstance(item, str):
                assert "\0" not in item
                item.encode()
            elif isinstance(item, int):
                assert -(2**63) <= item < 2**63
            elif isinstance(item, float):
                assert math.isfinite(item)
