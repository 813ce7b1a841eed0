"""What the reader of meta.yaml makes of `recipes`, in all the shapes that they are found in."""

import pytest
from meta_reading import read


def recipes(text):
    parsed, problems = read(text)
    return [(row["recipe_id"], row["object"], row["dict_object"]) for row in parsed.recipes], problems


@pytest.mark.parametrize(
    "written", ["1945", "012", "1_000", "0x1F", "12:30", "2020-01-01", "3.10", "on", "no", "true", ".nan", "'null'"]
)
def test_a_recipe_id_is_as_written(written):
    assert recipes(f"recipes:\n- id: {written}\n") == ([(written.strip("'"), None, None)], [])


@pytest.mark.parametrize(
    ("text", "rows", "problems"),
    [
        ("", [], []),
        ("recipes:", [], []),
        ("recipes: []", [], []),
        ("recipes: [{id: a, object: 'recipe:a'}, {id: b}]", [("a", "recipe:a", None), ("b", None, None)], []),
        ("recipes: [{id: a, module: recipe.py, name: b}]", [("a", "recipe:b", None)], []),
        ("recipes: [{id: a, module: recipe.py}]", [("a", None, None)], [("/recipes/0/name", "error")]),
        ("recipes: {dict_object: 'recipe:all'}", [(None, None, "recipe:all")], []),
        ("recipes: {dict-object: 'recipe:all'}", [(None, None, "recipe:all")], [("/recipes/dict-object", "warning")]),
        ("recipes: [{dict_object: 'recipe:all'}]", [(None, None, "recipe:all")], []),
        (
            "recipes: [{id: a}, {dict-object: 'recipe:all'}]",
            [("a", None, None), (None, None, "recipe:all")],
            [("/recipes/1/dict-object", "warning")],
        ),
        (
            "recipes: [{id: a, dict_object: 'recipe:all'}]",
            [(None, None, "recipe:all")],
            [("/recipes/0/id", "warning")],
        ),
        (
            "recipes: {a: 'recipe:a', b: {object: 'recipe:b'}, c: }",
            [("a", "recipe:a", None), ("b", "recipe:b", None), ("c", None, None)],
            [],
        ),
        ("recipes: {id: 'recipe:a'}", [("id", "recipe:a", None)], []),
        ("recipes: {id: a, object: 'recipe:a'}", [("a", "recipe:a", None)], [("/recipes", "warning")]),
        (
            "recipes: [a, 012]",
            [("a", None, None), ("012", None, None)],
            [("/recipes/0", "warning"), ("/recipes/1", "warning")],
        ),
        ("recipes: all of them", [], [("/recipes", "error")]),
        ("recipes: [{id: ~}, {object: 'recipe:a'}, ~]", [], [(f"/recipes/{n}/id", "error") for n in range(3)]),
        ("recipes: [[a], {id: [b]}]", [], [("/recipes/0", "error"), ("/recipes/1/id", "error")]),
        (
            "recipes: [{id: a, object: 'recipe:a'}, {id: a, object: 'recipe:b'}, {id: A}]",
            [("a", "recipe:a", None), ("A", None, None)],
            [("/recipes/1/id", "error")],
        ),
        ("recipes: [{id: a, object: 'recipe:A-b'}]", [("a", "recipe:A-b", None)], [("/recipes/0/object", "warning")]),
        ("recipes: [{id: a, object: recipe}]", [("a", "recipe", None)], [("/recipes/0/object", "error")]),
        ("recipes: [{id: a, object: [b]}]", [("a", None, None)], [("/recipes/0/object", "error")]),
    ],
)
def test_recipes_in_all_their_shapes(text, rows, problems):
    assert recipes(text) == (rows, problems)


@pytest.mark.parametrize(
    "written",
    [
        "''",
        "'  '",
        "' a'",
        "'a '",
        "/a",
        "a/",
        "../a",
        "a/../b",
        "a/.",
        "'a\\b'",
        '"a\\nb"',
        '"a\\0b"',
        '"a\\u202eb"',
        '"a\\u2066b"',
        '"a\\u200bb"',
        "x" * 501,
        "desk@survey.example",
    ],
)
def test_ids_that_are_not_safe_in_a_path_are_left_out(written):
    rows, problems = recipes(f"recipes: [{{id: {written}}}, {{id: good}}]")
    assert rows == [("good", None, None)]
    assert ("/recipes/0/id", "error") in problems


@pytest.mark.parametrize("written", ["a..b", "5-DAY FIELD", "a//b", "<b>a</b>", "{x}", "x" * 500, "é", "recipe@v1.2"])
def test_odd_ids_are_kept(written):
    assert recipes(f"recipes: [{{id: '{written}'}}]") == ([(written, None, None)], [])
