"""A feedstock's `meta.yaml` (ADR 2 of pangeo-forge/roadmap, and what is really found), read as it was meant."""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from federation.files.file_problems import Problem, Problems
from federation.files.meta_json import meta_json
from federation.files.meta_license import read_license
from federation.files.meta_recipes import read_recipes
from federation.files.people import github_name, orcid
from federation.files.yaml_document import Node, read_document
from federation.files.yaml_fields import (
    DESCRIPTION_BYTES,
    NAME_BYTES,
    VERSION_BYTES,
    Value,
    identifier,
    plain_text,
    short_text,
    url,
)

MOST_MAINTAINERS = 1_000
MOST_PROVIDERS = 1_000
MOST_ROLES = 20
ROLE_BYTES = 200

# STAC collection specification, provider object.
ROLES = ("licensor", "producer", "processor", "host")

_WHAT_BELONGS_HERE = "A meta.yaml is a mapping, with lines such as `title: ...` and `recipes:`; see ADR 2."
# A mapping without any of these is something else (conda-forge has a `meta.yaml` too).
_KNOWN_KEYS = frozenset(
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


@dataclass
class MetaYaml:
    """What a meta.yaml says.

    understood   False: not YAML, or something else in its place; then only `problems` is filled
    feedstock    title, description, license, license_spdx, license_url, pangeo_forge_version, bakery_id, and meta:
                 the whole file as JSON text; each a text or None
    recipes      in file order: recipe_id, object, dict_object
    maintainers  github, name, orcid
    providers    name, description, url, and roles: a list of texts
    """

    understood: bool
    feedstock: dict = field(default_factory=dict)
    recipes: list[dict] = field(default_factory=list)
    maintainers: list[dict] = field(default_factory=list)
    providers: list[dict] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def parse_meta_yaml(data: bytes) -> MetaYaml:
    """What the bytes of a meta.yaml say. Never raises; what is not understood is in `problems`."""
    document = read_document(data, _WHAT_BELONGS_HERE)
    if document.root is not None and _KNOWN_KEYS.isdisjoint(document.root.value):
        document.problems.error("", document.root, f"This mapping has no key of a meta.yaml. {_WHAT_BELONGS_HERE}")
        document.root = None
    if document.root is None:
        return MetaYaml(understood=False, problems=document.problems.listed())
    return _read(document.root, document.problems)


def _read(node: Node, problems: Problems) -> MetaYaml:
    root = Value(node, "", problems)
    _warn_of_near_misses(root)
    feedstock = _feedstock(root)
    recipes = read_recipes(root.at("recipes"))
    maintainers = _maintainers(root.at("maintainers"))
    providers = _providers(_providers_value(root))
    feedstock["meta"] = meta_json(node, problems)
    return MetaYaml(True, feedstock, recipes, maintainers, providers, problems.listed())


def _warn_of_near_misses(root: Value) -> None:
    """Any key may stand in a meta.yaml; one that is almost a known one was probably meant to be read."""
    for name, value in root.entries():
        if name not in _KNOWN_KEYS and (near := difflib.get_close_matches(name, _KNOWN_KEYS, n=1, cutoff=0.85)):
            value.warning(f"`{name}` is not read here. If `{near[0]}` is meant, write that.")


def _feedstock(root: Value) -> dict:
    title = plain_text(root.at("title"), NAME_BYTES)
    if not title and not (root.at("title").is_list or root.at("title").is_mapping):
        root.at("title").warning("The feedstock has no title, so lists show its id. Write `title: ...`.")
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
        # The second is ADR 2's own name for it.
        "pangeo_forge_version": short_text(
            root.first_of("pangeo_forge_version", "pangeo_forge_recipe_version"), VERSION_BYTES
        ),
        "bakery_id": _bakery_id(root),
    }


def _bakery_id(root: Value) -> str | None:
    """From `bakery: {id: ...}`, `bakery: ...` or ADR 2's `bakeries: [{id: ..., resources: ...}]`."""
    value = root.at("bakery")
    if value.is_null:
        value = root.at("bakeries")
    if value.is_list:
        items = list(value.items())
        if len(items) > 1:
            value.warning(
                "More than one bakery stands here; the first one is shown. Name the one that runs the recipes."
            )
        if not items:
            return None
        value = items[0]
    if value.is_null:
        return None
    if value.is_mapping:
        value = value.at("id")
    return identifier(value, "bakery")


def _maintainers(value: Value) -> list[dict]:
    people: list[dict] = []
    known: set[str] = set()
    for item in _items(value, MOST_MAINTAINERS, "people", "- github: their-name"):
        person = _person(item)
        if person is None:
            continue
        name = (person["github"] or "").lower()
        if name and name in known:
            item.warning("This person stands twice in the list and is shown once.")
            continue
        known.add(name)
        people.append(person)
    return people


def _person(item: Value) -> dict | None:
    if item.is_mapping:
        person = {
            "github": _github(item),
            "name": short_text(item.at("name")),
            "orcid": _checked(
                item.at("orcid"), orcid, "an ORCID (its check digit does not fit)", "0000-0002-1825-0097"
            ),
        }
    elif item.is_text:
        text = short_text(item)
        github = github_name(text) if text else None
        person = {"github": github, "name": None if github else text, "orcid": None}
        if text:
            item.warning("A person is a mapping. This text was read; write `- github: their-name`.")
    else:
        person = {"github": None, "name": None, "orcid": None}
    if not any(person.values()):
        item.error("Nothing here says who this is, so it was left out. Write `- github: their-name`.")
        return None
    return person


def _github(person: Value) -> str | None:
    value = person.at("github")
    if value.is_null and not person.at("github_username").is_null:
        value = person.at("github_username")
        value.warning("`github_username` was read as `github`; write it so.")
    return _checked(value, github_name, "a name that GitHub gives", "their-name")


def _checked(value: Value, normal_form: Callable[[str], str | None], what: str, example: str) -> str | None:
    text = short_text(value)
    if text is None:
        return None
    found = normal_form(text)
    if found is None:
        value.error(f"This is not {what}; it was left out. Write it like `{example}`.")
    return found


def _providers_value(root: Value) -> Value:
    nested = root.at("provenance").at("providers")
    return root.at("providers") if nested.is_null else nested


def _providers(value: Value) -> list[dict]:
    items = _items(value, MOST_PROVIDERS, "providers", "- name: Their Name")
    return [provider for item in items if (provider := _provider(item))]


def _provider(item: Value) -> dict | None:
    if item.is_text:
        item.warning("A provider is a mapping. This text was read as its name; write `- name: Their Name`.")
        name = short_text(item)
        return {"name": name, "description": None, "url": None, "roles": []} if name else None
    if not item.is_mapping:
        item.expected("a provider such as `- name: Their Name`")
        return None
    provider = {
        "name": short_text(item.at("name")),
        "description": plain_text(item.at("description"), DESCRIPTION_BYTES) or None,
        "url": url(item.at("url")),
        "roles": _roles(item.at("roles")),
    }
    if not any(provider.values()):
        item.error("Nothing here says who this is, so it was left out. Write `- name: Their Name`.")
        return None
    if provider["name"] is None and item.at("name").is_null:
        item.at("name").warning("This provider has no name. It was kept; write `name: ...`.")
    return provider


def _roles(value: Value) -> list[str]:
    if value.is_text:
        role = short_text(value, ROLE_BYTES)
        if role is None:
            return []
        value.warning(f"`roles` is a single word; write a list: `roles: [{role}]`. It was read as that list.")
        _check_role(value, role)
        return [role]
    roles = []
    for item in _items(value, MOST_ROLES, "roles", "- producer"):
        if role := short_text(item, ROLE_BYTES):
            _check_role(item, role)
            roles.append(role)
    return roles


def _check_role(value: Value, role: str) -> None:
    if role in ROLES:
        return
    meant = next((known for known in ROLES if known == role.lower()), None)
    advice = f"write `{meant}`" if meant else "STAC knows " + ", ".join(f"`{known}`" for known in ROLES)
    value.warning(f"`{role}` is no role of a provider; {advice}. It was kept as written.")


def _items(value: Value, most: int, what: str, example: str) -> Iterator[Value]:
    """The items of a list, up to a bound; what stands without a list is read as its one item, with a warning."""
    if value.is_null:
        return
    if not value.is_list:
        if value.is_mapping:
            value.warning(f"A list of {what} belongs here. This was read as its one item; write `{example}`.")
        yield value  # a single text: whoever reads the item says how to write it
        return
    for position, item in enumerate(value.items()):
        if position == most:
            value.error(f"More than {most:,} {what} stand here; those after the first {most:,} were left out.")
            return
        yield item
