"""URLs of pages, endpoints and GitHub, and safe links to URLs that others have written."""

import re
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from datasette.utils import tilde_encode
from markupsafe import Markup, escape

from pangeo_forge_federation.files.people import orcid
from pangeo_forge_federation.storage.database import FEDERATION

# the most links in one string, and the longest URL that becomes a link
LINKS, LINK_CHARACTERS = 20, 500
GITHUB = "https://github.com"
_WEB = re.compile(r"https?://[^/\s]", re.IGNORECASE)
_URL_IN_TEXT = re.compile(r"https?://[^\s<>\"'`\\]+[^\s<>\"'`\\.,;:!?)\]}]", re.IGNORECASE)
# the characters that RFC 3986 allows in a URL; all others, such as spaces and braces, are percent-encoded
_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%~"


class Links:
    """The URLs of this server's pages and endpoints, including the prefix that it is served under."""

    def __init__(self, urls: Any):
        self._urls = urls

    def path(self, path: str) -> str:
        """Return a path of the registry, with the prefix."""
        return str(self._urls.path(path))

    def row(self, table: str, key: Any) -> str:
        """Return the page of a row, by its key."""
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
        """Return the page of a table or view, with filters in Datasette's form."""
        query_string = f"?{urlencode(filters)}" if filters else ""
        return f"{self._urls.table(FEDERATION, name)}{query_string}"

    def query(self, name: str, **parameters: Any) -> str:
        """Return the page of a canned query, with values for its parameters."""
        query_string = f"?{urlencode(parameters)}" if parameters else ""
        return f"{self._urls.query(FEDERATION, name)}{query_string}"

    def sql(self, sql: str, **parameters: Any) -> str:
        """Return the page of an ad-hoc SQL query, with values for its parameters."""
        return f"{self._urls.database(FEDERATION)}?{urlencode({'sql': sql, **parameters})}"

    def endpoint(self, *parts: Any, **parameters: Any) -> str:
        """Return the URL of an endpoint: the segments of its path, percent-encoded, and its query string."""
        query_string = f"?{urlencode(parameters)}" if parameters else ""
        return self.path("/" + "/".join(quote(str(part), safe="") for part in parts) + query_string)


def web_url(url: str | None) -> str | None:
    """Return a URL that is safe to link to, percent-encoded. None unless it is http or https."""
    if not url or not _WEB.match(url):
        return None
    return quote(url, safe=_URL_CHARACTERS)


def external(url: str | None, text: str | None = None) -> Markup:
    """Return a link to another site, or only its text if the URL is not safe to link to."""
    shown = text or url or ""
    address = web_url(url)
    if address is None:
        return escape(shown)
    return Markup('<a href="{}" rel="noopener nofollow">{}</a>').format(address, shown)


def linked_text(text: str | None) -> Markup:
    """Return text as HTML in which the first URLs are links. Everything else is escaped."""
    text = text or ""
    parts, end = [], 0
    matches = (match for match in _URL_IN_TEXT.finditer(text) if len(match[0]) <= LINK_CHARACTERS)
    for match in islice(matches, LINKS):
        parts += [escape(text[end : match.start()]), external(match[0])]
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


def github_repository(repository: str) -> str:
    """Return the page of a repository, `owner/name`."""
    return f"{GITHUB}/{quote(repository)}"


def github_commit(repository: str, commit: str) -> str:
    """Return the page of a commit."""
    return f"{github_repository(repository)}/commit/{quote(commit, safe='')}"


def github_file(repository: str, commit: str | None, path: str, line: int | None = None) -> str:
    """Return the page of a file at a commit (None for the latest), optionally at a line."""
    place = f"#L{line}" if line else ""
    return f"{github_repository(repository)}/blob/{quote(commit or 'HEAD', safe='')}/{quote(path)}{place}"


def github_person(github: str) -> str:
    """Return the page of a person or an organisation."""
    return f"{GITHUB}/{quote(github, safe='')}"


def orcid_url(text: str | None) -> str | None:
    """Return the page of an ORCID iD. None if it is not valid, including its check digit."""
    found = orcid(text or "")
    return f"https://orcid.org/{found}" if found else None
