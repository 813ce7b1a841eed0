"""Read the people in a `meta.yaml`: the maintainers, and the providers of the data."""

from collections.abc import Iterator

from pangeo_forge_federation.files.people import github_name, orcid
from pangeo_forge_federation.files.yaml_composer import NULLS
from pangeo_forge_federation.files.yaml_fields import (
    DESCRIPTION_BYTES,
    Value,
    bounded,
    checked_text,
    list_items,
    plain_text,
    short_text,
    url,
)
from pangeo_forge_federation.values.redaction import redact

MOST_MAINTAINERS = 1_000
MOST_PROVIDERS = 1_000
MOST_ROLES = 20
ROLE_BYTES = 200

# These distinguish a person from a mapping of people. `email` is not published, but is not a GitHub user name either.
_KEYS_OF_A_PERSON = frozenset({"github", "github_username", "name", "orcid", "email"})

# STAC collection specification, provider object.
ROLES = ("licensor", "producer", "processor", "host")


def read_maintainers(value: Value) -> list[dict]:
    """Return rows of github, name and orcid, in file order.

    Accepts a list of people, a single person, or a mapping of GitHub user names to names or to people.
    """
    people: list[dict] = []
    known: set[str] = set()
    by_names = value.is_mapping and not _is_one_person(value)
    for item, person in _people_by_names(value) if by_names else _listed_people(value):
        name = (person["github"] or "").lower()
        if name and name in known:
            item.warning("This person is listed twice. The duplicate was ignored.")
            continue
        known.add(name)
        people.append(person)
    return people


def _is_one_person(value: Value) -> bool:
    """Return whether this mapping is a person, and not one of GitHub user names (one may be "name") to people."""
    return any(value.has(key) and _KEYS_OF_A_PERSON.isdisjoint(value.at(key).keys()) for key in _KEYS_OF_A_PERSON)


def _people_by_names(value: Value) -> Iterator[tuple[Value, dict]]:
    """Yield people from `their-name: Their Name`, `their-name: {name: ..., orcid: ...}` or just `their-name:`."""
    value.warning(
        "A list of people belongs here. This mapping was read with its keys as GitHub usernames; write "
        "`- github: their-name`, and `name:` and `orcid:` below it."
    )
    for key, entry in bounded(value, value.entries(), MOST_MAINTAINERS, "people"):
        person = _described(entry) if entry.is_mapping else {"github": None, "name": short_text(entry), "orcid": None}
        github = None if key in NULLS else github_name(redact(key))
        if github is None:
            entry.error("This key is not a valid GitHub username. It was ignored. Write `- github: their-name`.")
        elif person["github"] and person["github"].lower() != github.lower():
            entry.error("The key and `github` give this person different GitHub usernames. The key was used.")
        person["github"] = github or person["github"]
        if any(person.values()):
            yield entry, person


def _listed_people(value: Value) -> Iterator[tuple[Value, dict]]:
    for item in list_items(value, MOST_MAINTAINERS, "people", "- github: their-name"):
        if person := _person(item):
            yield item, person


def _person(item: Value) -> dict | None:
    if item.is_mapping:
        person = _described(item)
    elif item.is_text:
        text = short_text(item)
        github = github_name(text) if text else None
        person = {"github": github, "name": None if github else text, "orcid": None}
        if text:
            item.warning("A person is a mapping. This string was accepted; write `- github: their-name`.")
    else:
        person = {"github": None, "name": None, "orcid": None}
    if not any(person.values()):
        item.error("This entry does not say who it is, so it was ignored. Write `- github: their-name`.")
        return None
    return person


def _described(person: Value) -> dict:
    return {
        "github": _github(person),
        "name": short_text(person.at("name")),
        "orcid": checked_text(
            person.at("orcid"), orcid, "an ORCID iD (its check digit is wrong)", "0000-0002-1825-0097"
        ),
    }


def _github(person: Value) -> str | None:
    value = person.at("github")
    if value.is_null and not person.at("github_username").is_null:
        value = person.at("github_username")
        value.warning("`github_username` was read as `github`. Use `github`.")
    return checked_text(value, github_name, "a valid GitHub username", "their-name")


def read_providers(root: Value) -> list[dict]:
    """Return rows of name, description, url and roles, in file order, from `provenance.providers` or `providers`."""
    nested = root.at("provenance").at("providers")
    value = root.at("providers") if nested.is_null else nested
    items = list_items(value, MOST_PROVIDERS, "providers", "- name: Their Name")
    return [provider for item in items if (provider := _provider(item))]


def _provider(item: Value) -> dict | None:
    if item.is_text:
        item.warning("A provider is a mapping. This string was read as its name; write `- name: Their Name`.")
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
        item.error("This entry does not say who it is, so it was ignored. Write `- name: Their Name`.")
        return None
    if provider["name"] is None and item.at("name").is_null:
        item.at("name").warning("This provider has no name. It was kept; add `name: ...`.")
    return provider


def _roles(value: Value) -> list[str]:
    if value.is_text:
        role = short_text(value, ROLE_BYTES)
        if role is None:
            return []
        value.warning(f"`roles` must be a list: `roles: [{role}]`. It was read as that list.")
        _check_role(value, role)
        return [role]
    roles = []
    for item in list_items(value, MOST_ROLES, "roles", "- producer"):
        if role := short_text(item, ROLE_BYTES):
            _check_role(item, role)
            roles.append(role)
    return roles


def _check_role(value: Value, role: str) -> None:
    if role in ROLES:
        return
    meant = next((known for known in ROLES if known == role.lower()), None)
    advice = f"write `{meant}`" if meant else "STAC has " + ", ".join(f"`{known}`" for known in ROLES)
    value.warning(f"`{role}` is not a provider role; {advice}. It was kept as written.")
