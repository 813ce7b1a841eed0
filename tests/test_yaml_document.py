import pytest
from costs import peak_bytes, relative_cost
from pangeo_forge_federation.files.yaml_document import Problem, Problems, pointer_to, read_document

MEBIBYTE = 1_048_576


def read(data):
    document = read_document(data if isinstance(data, bytes) else data.encode(), "It is a mapping.")
    return document.root, document.problems.listed()


def plain(node):
    """The tree as Python's own lists, dicts and texts."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return None if node.is_null else node.value


@pytest.mark.parametrize(
    "written", ["1.10", "no", "on", "012", "2020-01-01", "12:30", "0x1F", "1_000", ".nan", "1e3", "2021-02-30", "true"]
)
def test_scalars_stay_as_written(written):
    root, problems = read(f"key: {written}")
    assert root.value["key"].value == written
    assert problems == []


@pytest.mark.parametrize("written", ["", "~", "null", "NULL", "!!null null"])
def test_nothing_is_null(written):
    root, _ = read(f"key: {written}")
    assert root.value["key"].is_null


@pytest.mark.parametrize("written", ["'null'", '"~"', "''", "!!str null", "! ~"])
def test_quoted_and_tagged_text_is_no_null(written):
    root, _ = read(f"key: {written}")
    assert not root.value["key"].is_null


def test_each_value_knows_its_place():
    root, _ = read("a: 1\nb:\n  - x\n  -   y: 'z'\n")
    last = root.value["b"].value[1].value["y"]
    assert (last.line, last.column, last.style) == (4, 10, "'")


def test_a_byte_order_mark_and_crlf_do_no_harm():
    root, problems = read(b"\xef\xbb\xbftitle: one\r\ntext: |\r\n  two\r\n  lines\r\n")
    assert plain(root) == {"title": "one", "text": "two\nlines\n"}
    assert problems == []


def test_a_repeated_key_is_a_problem_and_the_last_counts():
    root, problems = read("contact:\n  name: x\n  name: y\n")
    assert plain(root) == {"contact": {"name": "y"}}
    [problem] = problems
    assert (problem.pointer, problem.line, problem.column, problem.severity) == ("/contact/name", 3, 3, "error")


def test_pointers_escape_tilde_and_slash():
    _, [problem] = read("a/b:\n- {c~d: 1, c~d: 2}\n")
    assert problem.pointer == "/a~1b/0/c~0d"
    assert pointer_to("/x", "a/b", 3) == "/x/a~1b/3"


def test_aliases_and_merge_keys_are_honoured():
    root, problems = read(
        "base: &base {a: 1, b: 2}\nall: {<<: *base, b: 3}\nboth: {<<: [{a: 4}, *base]}\nsame: *base\n"
    )
    assert plain(root) == {
        "base": {"a": "1", "b": "2"},
        "all": {"b": "3", "a": "1"},
        "both": {"a": "4", "b": "2"},
        "same": {"a": "1", "b": "2"},
    }
    assert problems == []


@pytest.mark.parametrize(
    ("text", "pointer", "expected"),
    [
        ("a: *nothing", "/a", {"a": None}),
        ("a: &self [1, *self ]", "/a/1", {"a": ["1", None]}),
        ("a: {<<: text, b: 1}", "/a/<<", {"a": {"b": "1"}}),
        ("a: {{ name }}", "/a", {"a": {}}),
        ("a: !!binary aGVsbG8=", "/a", {"a": None}),
        ("a: !python/object:os.system x", "/a", {"a": "x"}),
        ("a: 1\n---\nb: 2", "", {"a": "1"}),
    ],
)
def test_what_is_odd_is_a_problem_at_its_place(text, pointer, expected):
    root, [problem] = read(text)
    assert plain(root) == expected
    assert problem.pointer == pointer
    assert problem.line is not None


def test_sets_become_lists():
    root, problems = read("a: !!set {x, y}")
    assert plain(root) == {"a": ["x", "y"]}
    assert problems == []


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"", None, None),
        (b"# only a comment\n", None, None),
        (b"--- ~\n", 1, 5),
        (b"- a\n- b\n", 1, 1),
        (b"just words\n", 1, 1),
        (b"../shared/meta.yaml", 1, 1),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1456\n", 1, 1),
        ("title: x\n".encode("utf-16"), 1, 1),
        ("title: x\n".encode("utf-32"), 1, 1),
        ("title: x\n".encode("utf-16-le"), 1, 2),
        (b"a: b\nc: caf\xe9\n", 2, 7),
        (b"a: b\nc: \x00\n", 2, 4),
        (b"a: b\nc: \x1b[0m\n", 2, 4),
        (b"\x89PNG\r\n\x1a\n", 1, 1),
        (b"a: " + b"x" * MEBIBYTE, None, None),
        (b"title: One: two\n", 1, 11),
        (b"list:\n  - text: >\n    not indented\n    enough:\n", 3, 5),
        (b"a:\n\tb: 1\n", 2, 1),
        (b"a: 'open\nb: c\n", 1, 4),
        (b"a: [1,\nb: c\n", 1, 4),
        (b"a: **bold**\n", 1, 5),
        (b"a: 'it's'\n", 1, 8),
        (b"%TAG !x! tag:x,2000:\n---\na: b\n", 1, 1),
        (b"a: " + b"[" * 99 + b"\n" + b"[" * 99 + b"]" * 198, 2, 1),
        (b"a:\n" + b"- " * 99 + b"[]", 2, 199),
        (b"[" * 5_000, 1, 1_001),
    ],
)
def test_files_that_cannot_be_read(data, line, column):
    root, problems = read(data)
    assert root is None
    [problem] = problems
    assert (problem.pointer, problem.severity, problem.line, problem.column) == ("", "error", line, column)
    assert problem.message.endswith("It is a mapping.")


def test_too_many_levels_are_the_same_problem_for_us_and_for_libyaml():
    messages = {read(b"[" * levels)[1][0].message for levels in (101, 1_000, 5_000, 500_000)}
    assert len(messages) == 1


def test_a_file_that_cannot_be_read_has_the_problems_above_the_error_as_well():
    root, problems = read("a: 1\na: 2\nb: !x 1\nc: [*d , {e: 1, e: 2}]\nf: g: h\nf: 2\nf: 3\n")
    assert root is None
    assert [(problem.pointer, problem.line, problem.column, problem.severity) for problem in problems] == [
        ("/a", 2, 1, "error"),
        ("/b", 3, 4, "warning"),
        ("/c/0", 4, 5, "error"),
        ("/c/1/e", 4, 17, "error"),
        ("", 5, 5, "error"),
    ]


def test_an_anchor_may_be_defined_again():
    root, problems = read("a: &x 1\nb: *x\nc: &x [2, &y 3]\nd: *x\ne: {<<: {f: *y }, g: *x }\n")
    assert plain(root) == {"a": "1", "b": "1", "c": ["2", "3"], "d": ["2", "3"], "e": {"g": ["2", "3"], "f": "3"}}
    assert problems == []


ODD = [
    "a: 1\nb: {c: [x, 'y', null, ~, 1.10]}\n",
    "a: !!str 1\nb: ! [1]\nc: !x {d: 1, d: 2}\n? [e]\n: f\n",
    "a: !!set {x, y}\nb: !!binary eA==\n<<: {a: 2, g: |\n  text\n  }\n",
    "a: {<<: [{b: 1}, 2], '<<': 3, !!merge <<: {c: 1}}\n",
    "a: >\n  folded\n  text\n\nb: {{ name }}\nc: [: , {x}]\n",
]


@pytest.mark.parametrize("text", ODD)
def test_a_possible_alias_does_not_change_how_a_file_is_read(text):
    def places(node):
        value = node.value
        if isinstance(value, dict):
            value = {key: places(child) for key, child in value.items()}
        elif isinstance(value, list):
            value = [places(child) for child in value]
        return value, node.style, node.line, node.column

    (fast, fast_problems), (close, close_problems) = read(text), read(text + "# *alias\n")
    assert (fast and places(fast), fast_problems) == (close and places(close), close_problems)


HOSTILE = {
    "deep lists": b"[" * MEBIBYTE,
    "deep blocks": b"- " * (MEBIBYTE // 2),
    "deep keys": b"? " * (MEBIBYTE // 2),
    "500,000 values": b"a: [" + b"x," * (MEBIBYTE // 2 - 4) + b"]",
    "199,000 values": b"a: [" + b"xxx," * 199_000 + b"]",
    "aliases": b"a: &a x\nb: [" + b"*a," * 349_000 + b"]",
    "alias bomb": b"a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d " % (i - 1)] * 9)) for i in range(1, 40)),
    "aliases of a long text": b"a: &a " + b"x" * 500_000 + b"\nb: [" + b"*a," * 100_000 + b"]",
    "merge chain": b"m0: &m0 {}\n"
    + b"".join(b"m%d: &m%d {<<: *m%d , k%d: v}\n" % (i, i, i - 1, i) for i in range(1, 25_000)),
    "merge list": b"m0: &m0 {"
    + b"".join(b"k%d: v," % i for i in range(9_000))
    + b"}\nm: {<<: ["
    + b"*m0 ," * 100_000
    + b"]}",
    "unknown aliases": b"a: [" + b"*b ," * 199_000 + b"]",
    "anchors": b"a:\n" + b"".join(b"- &%x\n" % i for i in range(115_000)),
    "tags": b"a:\n" + b"- !a b\n" * 145_000,
    "tag directives": b"".join(b"%%TAG !a%d! tag:x\n" % i for i in range(43_000)),
    "one long line": b"a: " + b"x" * (MEBIBYTE - 3),
    "repeated keys": b"title: a\n" * 116_000,
    "repeated keys below a long one": b"? " + b"k" * 500_000 + b"\n: {" + b"a: ," * 90_000 + b"}",
    "lists as keys": b"a: {" + b"? [] : ," * 60_000 + b"}",
    "line ends": b"\n" * MEBIBYTE,
    "documents": b"---\n" * (MEBIBYTE // 4),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_byte_of_a_hostile_file_costs_about_as_much_as_one_of_an_ordinary_file(data):
    assert len(data) <= MEBIBYTE
    # up to 11 was measured; what grows with the square of a thousand times the length is far beyond
    assert relative_cost(lambda each: read_document(each, ""), data, enough=40) < 40


@pytest.mark.parametrize("name", ["199,000 values", "anchors", "unknown aliases", "repeated keys"])
def test_a_hostile_file_costs_less_than_100_megabytes(name):
    assert 0 < peak_bytes("pangeo_forge_federation.files.yaml_document.read_document", HOSTILE[name], "") < 100_000_000


def test_problems_are_bounded_and_the_last_says_how_many_more():
    problems = Problems()
    for _ in range(1_000):
        problems.error("/a", None, "é" * 3_000)
    listed = problems.listed()
    assert len(listed) == 200
    assert len(listed[0].message.encode()) == 2_000
    assert listed[-1] == Problem("", None, None, "error", listed[-1].message)
    assert "801" in listed[-1].message


def test_problems_hold_no_address_and_no_control_character():
    problems = Problems()
    problems.warning("/desk@survey.example/\u202ex", None, "desk@survey.example \x1b stands here")
    [problem] = problems.listed()
    assert (problem.pointer, problem.message) == ("/[e-mail]/x", "[e-mail]  stands here")
