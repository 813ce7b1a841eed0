"""Read a feedstock's `meta.yaml` (ADR 2 of pangeo-forge/roadmap), including the variants found in practice."""

import difflib
from dataclasses import dataclass, field

from pangeo_forge_federation.files.file_problems import Problem
from pangeo_forge_federation.files.meta_json import meta_json
from pangeo_forge_federation.files.meta_license import read_license
from pangeo_forge_federation.files.meta_people import read_maintainers, read_providers
from pangeo_forge_federation.files.meta_recipes import read_recipes
from pangeo_forge_federation.files.secret_problems import report_secrets
from pangeo_forge_federation.files.yaml_document import Document, read_document
from pangeo_forge_federation.files.yaml_fields import (
    DESCRIPTION_BYTES,
    NAME_BYTES,
    VERSION_BYTES,
    Value,
    identifier,
    plain_text,
    short_text,
)

_WHAT_BELONGS_HERE = "A meta.yaml is a mapping, with lines such as `title: ...` and `recipes:`; see ADR 2."
# A mapping without any of these is something else (conda-forge also has a `meta.yaml`).
KNOWN_KEYS = frozenset(
    [
        "id",
        "title",
        "description",
        "recipes",
        "provenance",
        "providers",
        "license",
        "license_link",
        "maintainers",
        "bakery",
        "bakeries",
        "pangeo_forge_version",
        "pangeo_notebook_version",
        "pangeo_forge_recipe_version",
        "pangeo_forge_metadata_spec_version",
    ]
)


@dataclass(frozen=True)
class NamedBakery:
    """The bakery that a meta.yaml names, and where. The file alone does not show whether the bakery exists."""

    id: str
    pointer: str
    line: int | None
    column: int | None


@dataclass
class MetaYaml:
    """The contents of a meta.yaml.

    understood   False if it is not YAML or not a meta.yaml; then only `problems` is filled
    feedstock    title, description, license, license_spdx, license_url, pangeo_forge_version, bakery_id, and meta:
                 the whole file as JSON; each a string or None
    recipes      in file order: recipe_id, object, dict_object
    maintainers  github, name, orcid
    providers    name, description, url, and roles: a list of strings
    bakery       that of `feedstock["bakery_id"]`, with its place
    """

    understood: bool
    feedstock: dict = field(default_factory=dict)
    recipes: list[dict] = field(default_factory=list)
    maintainers: list[dict] = field(default_factory=list)
    providers: list[dict] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    bakery: NamedBakery | None = None


def parse_meta_yaml(data: bytes) -> MetaYaml:
    """Return the contents of a meta.yaml. Never raises; anything that cannot be read is in `problems`."""
    document = read_document(data, _WHAT_BELONGS_HERE)
    if document.root is not None and KNOWN_KEYS.isdisjoint(document.root.value):
        document.problems.error(
            "", document.root, f"This mapping has none of the keys of a meta.yaml. {_WHAT_BELONGS_HERE}"
        )
        document.root = None
    if document.root is None:
        return MetaYaml(understood=False, problems=document.problems.listed())
    return _read(document)


def _read(document: Document) -> MetaYaml:
    report_secrets(document)
    root = Value(document.root, document)
    _warn_of_near_misses(root)
    feedstock = _feedstock(root)
    bakery = _bakery(root)
    feedstock["bakery_id"] = bakery and bakery.id
    recipes = read_recipes(root.at("recipes"))
    maintainers = read_maintainers(root.at("maintainers"))
    providers = read_providers(root)
    feedstock["meta"] = meta_json(document)
    return MetaYaml(True, feedstock, recipes, maintainers, providers, document.problems.listed(), bakery)


def _warn_of_near_misses(root: Value) -> None:
    """Warn of keys that closely resemble a known one. Other keys are allowed."""
    for name, value in root.entries():
        if name not in KNOWN_KEYS and (near := difflib.get_close_matches(name, KNOWN_KEYS, n=1, cutoff=0.85)):
            value.warning(f"`{name}` is not a known key. Did you mean `{near[0]}`?")


def _feedstock(root: Value) -> dict:
    title = plain_text(root.at("title"), NAME_BYTES)
    if not title and not (root.at("title").is_list or root.at("title").is_mapping):
        root.at("title").warning("The feedstock has no title, so it is listed by its id. Add `title: ...`.")
    description = plain_text(root.at("description"), DESCRIPTION_BYTES)
    provenance = root.at("provenance")
    if not provenance.is_null and not provenance.is_mapping:
        provenance.expected("a mapping with `providers:` and `license:`")
    licence = read_license(root)
    return {
        "title": title,
        "description": description,
        "license": licence.text,
        "license_spdx": licence.spdx,
        "license_url": licence.address,
        # ADR 2 uses the second name.
        "pangeo_forge_version": short_text(
            root.first_of("pangeo_forge_version", "pangeo_forge_recipe_version"), VERSION_BYTES
        ),
    }


def _bakery(root: Value) -> NamedBakery | None:
    """Read `bakery: {id: ...}`, `bakery: ...` or ADR 2's `bakeries: [{id: ..., resources: ...}]`."""
    value = root.at("bakery")
    if value.is_null:
        value = root.at("bakeries")
    if value.is_list:
        items = list(value.items())
        if len(items) > 1:
            value.warning(
                "More than one bakery is listed here; the first one is shown. Name the one that runs the recipes."
            )
        if not items:
            return None
        value = items[0]
    if value.is_null:
        return None
    if value.is_mapping:
        value = value.at("id")
    found = identifier(value, "bakery")
    if found is None or value.place is None:
        return None
    return NamedBakery(found, value.pointer, value.place.line, value.place.column)
