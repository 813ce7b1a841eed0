"""Addresses of pages, endpoints and GitHub, and links in text that others wrote, made safe."""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from datasette.utils import tilde_encode
from markupsafe import Markup, escape

from pangeo_forge_federation.api.formats import FORMATS, Json
from pangeo_forge_federation.files.people import orcid
from pangeo_forge_federation.storage.database import FEDERATION

LINKED_FORMATS = [form for form in FORMATS.values() if form.link_text]
# Limits of the links in one text, and of the length of each
LINKS, LINK_CHARACTERS = 20, 500
GITHUB = "https://github.com"
_WEB = re.compile(r"https?://[^/\s]", re.IGNORECASE)
_URL_IN_TEXT = re.compile(r"https?://[^\s<>\"'`\\]+[^\s<>\"'`\\.,;:!?)\]}]", re.IGNORECASE)
# The characters that RFC 3986 allows in a URL; the rest, such as spaces and braces, is percent-encoded.
_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%~"


class Links:
    """The addresses of this server's pages and endpoints, with its path prefix."""

    def __init__(self, urls: Any):
        self._urls = urls

    def path(self, path: str) -> str:
        """Return a path of the registry with the prefix."""
        return str(self._urls.path(path))

    def row(self, table: str, key: Any) -> str:
        """Return the page of the row with this key."""
        return str(self._urls.row(FEDERATION, table, tilde_encode(str(key))))

    def feedstock(self, feedstock_id: str) -> str:
        return self.row("feedstocks", feedstock_id)

    def recipe_run(self, recipe_run_id: int) -> str:
        return self.row("recipe_runs", recipe_run_id)

    def dataset(self, dataset_id: int) -> str:
        return self.row("datasets", dataset_id)

    def bakery(self, bakery_id: str) -> str:
        return self.row("bakeries", bakery_id)

    def maintainer(self, github: str) -> str:
        return self.row("maintainers", github)

    def problem(self, problem_id: int) -> str:
        return self.row("problems", problem_id)

    def table(self, name: str, **filters: Any) -> str:
        """Return the page of a table or view, with Datasette's filters."""
        query_string = f"?{urlencode(filters)}" if filters else ""
        return f"{self._urls.table(FEDERATION, name)}{query_string}"

    def query(self, name: str, **parameters: Any) -> str:
        """Return the page of a canned query, with values of its parameters."""
        query_string = f"?{urlencode(parameters)}" if parameters else ""
        return f"{self._urls.query(FEDERATION, name)}{query_string}"

    def sql(self, sql: str, **parameters: Any) -> str:
        """Return the SQL page with this query and values of its parameters."""
        return f"{self._urls.database(FEDERATION)}?{urlencode({'sql': sql, **parameters})}"

    def endpoint(self, *parts: Any, **parameters: Any) -> str:
        """Return an endpoint, from the parts of its path, which are percent-encoded here, and its query string."""
        query_string = f"?{urlencode(parameters)}" if parameters else ""
        return self.path("/" + "/".join(quote(str(part), safe="") for part in parts) + query_string)

    def formats(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
        """Return the addresses of a list in the formats that pages link to, by the text of the link."""
        addresses = {}
        for form in LINKED_FORMATS:
            given = [*parameters] if form is Json else [*parameters, ("_format", form.name)]
            addresses[form.link_text] = self.path(path) + (f"?{urlencode(given)}" if given else "")
        return addresses

    def downloads(self, *parts: Any) -> dict[str, str]:
        """Return the addresses of a whole list in the formats that pages link to, by the text of the link."""
        whole = [form for form in LINKED_FORMATS if form.default_size is None]
        return {form.link_text: self.endpoint(*parts, _format=form.name) for form in whole}


def web_url(url: str | None) -> str | None:
    """Return an http or https URL, percent-encoded; None for any other, which must not become a link."""
    if not url or not _WEB.match(url):
        return None
    return quote(url, safe=_URL_CHARACTERS)


def external(url: str | None, text: str | None = None) -> Markup:
    """Return a link to another site, or only its text if `web_url` refuses the URL."""
    shown = text or url or ""
    address = web_url(url)
    if address is None:
        return escape(shown)
    return Markup('<a href="{}" rel="noopener nofollow">{}</a>').format(address, shown)


def linked_text(text: str | None) -> Markup:
    """Return escaped text in which the first web addresses are links.

    They are limited because the HTML of a link holds its address twice.
    """
    text = text or ""
    parts, end = [], 0
    matches = (match for match in _URL_IN_TEXT.finditer(text) if len(match[0]) <= LINK_CHARACTERS)
    for match in islice(matches, LINKS):
        parts += [escape(text[end : match.start()]), external(match[0])]
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


def github_repository(repository: str) -> str:
    """Return the page of owner/name."""
    return f"{GITHUB}/{quote(repository)}"


def github_commit(repository: str, commit: str) -> str:
    """Return the page of a commit."""
    return f"{github_repository(repository)}/commit/{quote(commit, safe='')}"


def github_file(repository: str, commit: str | None, path: str, line: int | None = None) -> str:
    """Return the page of a file at a commit (None: the current version), at a line if one is given."""
    place = f"#L{line}" if line else ""
    return f"{github_repository(repository)}/blob/{quote(commit or 'HEAD', safe='')}/{quote(path)}{place}"


def github_person(github: str) -> str:
    """Return the page of a person or an organisation."""
    return f"{GITHUB}/{quote(github, safe='')}"


def orcid_url(text: str | None) -> str | None:
    """Return the page of an ORCID iD; None if it is not valid, including its check digit."""
    found = orcid(text or "")
    return f"https://orcid.org/{found}" if found else None
