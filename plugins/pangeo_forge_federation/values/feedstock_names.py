"""Convert between the name of a repository on GitHub and the id of a feedstock.

According to ADR 2, the id "must match feedstock repo name". For repositories outside the home organisation, and names
with a dot, the id is `owner.name`. As owners have no dots in their names, no two repositories have the same id.
"""

import re

# Also in the OpenAPI document.
FEEDSTOCK_NAME_PATTERN = r"^([A-Za-z0-9][A-Za-z0-9-]{0,38}[/.][A-Za-z0-9._-]{1,100}|[A-Za-z0-9_-]{1,100})$"
_OWNER = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})"
_NAME = r"[A-Za-z0-9._-]{1,100}"
_REPOSITORY = re.compile(rf"({_OWNER})/({_NAME})", re.ASCII)
_PREFIXED = re.compile(rf"({_OWNER})\.({_NAME})", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


def feedstock_id(repository: str, home: str) -> str:
    """Return the feedstock id of a repository, which is given as owner/name."""
    owner, name = repository.split("/")
    return name if owner.lower() == home.lower() and "." not in name else f"{owner}.{name}"


def parse_feedstock_name(text: str, home: str) -> tuple[str, str]:
    """Return the id and the repository of a feedstock, which is given by its id or as owner/name.

    Raises:
        ValueError: It is neither. The message continues a sentence that begins with the field's name.
    """
    if match := _REPOSITORY.fullmatch(text):
        repository = text
    elif match := _PREFIXED.fullmatch(text):
        repository = f"{match[1]}/{match[2]}"
    elif _PLAIN.fullmatch(text):
        repository = f"{home}/{text}"
    else:
        raise ValueError("is neither a feedstock's id nor owner/name of a repository on GitHub")
    if repository.split("/")[1] in (".", ".."):
        raise ValueError("is not the name of a repository on GitHub")
    return feedstock_id(repository, home), repository
