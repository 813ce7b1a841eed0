"""Read the `recipes` of a `meta.yaml` in all forms that are found in practice."""

from collections.abc import Iterable, Iterator

from pangeo_forge_federation.files.yaml_fields import (
    NAME_BYTES,
    Value,
    bounded,
    identifier,
    plain_text,
    short_text,
    why_no_identifier,
)

MOST_RECIPES = 10_000

# `dict_object` names a dict of recipes, whose ids are known only when the code runs.
_DICT_KEYS = ("dict_object", "dict-object")
_KEYS_OF_ONE_RECIPE = frozenset({"object", "module", "name", *_DICT_KEYS})
_EXAMPLE = "`- id: some-name` with `object: recipe:recipe` below it"

# The value that identifies the recipe, for problems, and its row.
_PlacedRow = tuple[Value, dict]


def read_recipes(value: Value) -> list[dict]:
    """Return rows of recipe_id, object and dict_object, in file order. There may be none.

    Accepts a list of mappings with `id` and `object`, with ADR 2's `id`, `module` and `name`, or with `dict_object`; a
    list of ids; a mapping of ids to objects; a mapping that is a single recipe, or only `dict_object`.
    """
    if value.is_null:
        return []
    rows: Iterable[tuple[Value, dict] | None]
    if value.is_list:
        rows = (_listed(item) for item in value.items())
    elif not value.is_mapping:
        value.expected(f"a list of recipes such as {_EXAMPLE}")
        return []
    elif any(value.has(key) for key in _DICT_KEYS) and not value.has("id"):
        rows = _of_mapping_with_dict(value)
    elif _is_one_recipe(value):
        value.warning(f"This is a single recipe instead of a list. It was accepted; write a list: {_EXAMPLE}.")
        rows = iter([_of_item(value)])
    else:
        rows = (_of_entry(key, entry) for key, entry in value.entries())
    return _first_of_each(value, rows)


def _first_of_each(value: Value, rows: Iterable[_PlacedRow | None]) -> list[dict]:
    """Return the rows without None (left out) and without repeated ids, up to the limit of recipes."""
    kept: list[dict] = []
    known: set[str] = set()
    for row in bounded(value, rows, MOST_RECIPES, "recipes"):
        if row is None:
            continue
        place, recipe = row
        if recipe["recipe_id"] in known:
            place.error("This recipe id is repeated in the file. The first one was used; give each recipe its own id.")
            continue
        if recipe["recipe_id"] is not None:
            known.add(recipe["recipe_id"])
        kept.append(recipe)
    return kept


def _is_one_recipe(value: Value) -> bool:
    """Return whether this mapping is a recipe, and not a mapping of ids (one of which is "id") to objects."""
    if not value.has("id") or value.at("id").is_mapping:
        return False
    others = value.keys() - {"id"}
    written = value.at("id").text or ""
    return bool(others & _KEYS_OF_ONE_RECIPE) or (not others and ":" not in written)


def _listed(item: Value) -> _PlacedRow | None:
    """Return the row of an item of the list; None if it is left out."""
    if item.is_mapping:
        return _of_item(item)
    if item.is_text:
        recipe_id = identifier(item, "recipe")
        if recipe_id is None:
            return None
        item.warning(f"A recipe is a mapping. This string was read as its id; write {_EXAMPLE}.")
        return item, _row(recipe_id)
    if item.is_null:
        identifier(item.at("id"), "recipe")
    else:
        item.expected(f"a recipe such as {_EXAMPLE}")
    return None


def _of_item(item: Value) -> _PlacedRow | None:
    for key in _DICT_KEYS:
        if not item.at(key).is_null:
            if not item.at("id").is_null:
                item.at("id").warning("The ids of a dictionary of recipes come from its code, so this one is not used.")
            return _of_dict(item, key)
    recipe_id = identifier(item.at("id"), "recipe")
    return None if recipe_id is None else (item.at("id"), _row(recipe_id, _object(item)))


def _of_mapping_with_dict(value: Value) -> Iterator[_PlacedRow | None]:
    """Yield the rows of `recipes: {dict_object: ...}`, in which the other keys are ids."""
    for key, entry in value.entries():
        if key not in _DICT_KEYS:
            yield _of_entry(key, entry)
        elif not entry.is_null:
            yield _of_dict(value, key)


def _of_dict(value: Value, key: str) -> _PlacedRow | None:
    entry = value.at(key)
    if key != "dict_object":
        entry.warning(f"`{key}` was read as `dict_object`. Spell it with an underscore.")
    name = _object_name(entry)
    return None if name is None else (entry, _row(dict_object=name))


def _of_entry(key: str, entry: Value) -> _PlacedRow | None:
    """Return the row of `id: object` or `id: {object: ...}`; None if it is left out."""
    if key in ("", "~", "null"):
        entry.error("This recipe has no id, so runs could not refer to it. It was ignored.")
        return None
    if reason := why_no_identifier(key, entry):
        entry.error(f"This id {reason}; the recipe was ignored.")
        return None
    return entry, _row(key, _object(entry) if entry.is_mapping else _object_name(entry))


def _object(recipe: Value) -> str | None:
    """Return `object`, or ADR 2's `module` (a file) and `name` as `module:name`."""
    if not recipe.at("object").is_null or recipe.at("module").is_null:
        return _object_name(recipe.at("object"))
    module = short_text(recipe.at("module"))
    if module is None:
        return None
    name = short_text(recipe.at("name"))
    if name is None:
        recipe.at("name").error("`module` requires `name`. The object was ignored; write `object: recipe:recipe`.")
        return None
    return _checked_object(f"{module.removesuffix('.py')}:{name}", recipe.at("name"))


def _object_name(value: Value) -> str | None:
    written = plain_text(value, NAME_BYTES)
    return _checked_object(written, value) if written else None


def _checked_object(written: str, value: Value) -> str | None:
    """Return `module:name` as written, with a problem if Python could not import it."""
    module, colon, name = written.partition(":")
    if not colon or not module.strip() or not name.strip():
        value.error(
            "This does not have the form `module:name`, so the recipe cannot run. It was kept; write "
            "for example `recipe:recipe`."
        )
    elif not name.isidentifier():
        value.warning(
            "The part after the colon is not a valid Python identifier (letters, digits and `_` only). "
            "It was kept; write the object's name as in the code, for example `recipe:recipe`."
        )
    return written


def _row(recipe_id: str | None = None, object_name: str | None = None, dict_object: str | None = None) -> dict:
    return {"recipe_id": recipe_id, "object": object_name, "dict_object": dict_object}
