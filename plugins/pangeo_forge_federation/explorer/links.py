"""Where things are: pages of records, endpoints, GitHub, and the safe form of what somebody else wrote."""

import re
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from datasette.utils import tilde_encode
from markupsafe import Markup, escape

from pangeo_forge_federation.files.people import orcid
from pangeo_forge_federation.storage.database import FEDERATION

# of one text
LINKS, LINK_CHARACTERS = 20, 500
GITHUB = "https://github.com"
_WEB = re.compile(r"https?://[^/\s]", re.IGNORECASE)
_URL_IN_TEXT = re.compile(r"https?://[^\s<>\"'`\\]+[^\s<>\"'`\\.,;:!?)\]}]", re.IGNORECASE)
# what RFC 3986 lets stand in a URL; the rest, blanks and braces for example, is percent-encoded
_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%~"


class Links:
    """The addresses of this server's pages and endpoints, under whatever prefix it is served."""

    def __init__(self, urls: Any):
        self._urls = urls

    def path(self, path: str) -> str:
        """A path of the registry, under the prefix."""
        return str(self._urls.path(path))

    def row(self, table: str, key: Any) -> str:
        """The page of the row with this key."""
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
        """The page of a table or view, with filters as Datasette has them."""
        question = f"?{urlencode(filters)}" if filters else ""
        return f"{self._urls.table(FEDERATION, name)}{question}"

    def query(self, name: str, **parameters: Any) -> str:
        """The page of a canned query with values for its parameters."""
        question = f"?{urlencode(parameters)}" if parameters else ""
        return f"{self._urls.query(FEDERATION, name)}{question}"

    def sql(self, sql: str, **parameters: Any) -> str:
        """The page of SQL of somebody's own, with values for its parameters."""
        return f"{self._urls.database(FEDERATION)}?{urlencode({'sql': sql, **parameters})}"

    def endpoint(self, *parts: Any, **parameters: Any) -> str:
        """An endpoint by the parts of its path, each percent-encoded, with its query string."""
        question = f"?{urlencode(parameters)}" if parameters else ""
        return self.path("/" + "/".join(quote(str(part), safe="") for part in parts) + question)


def web_url(url: str | None) -> str | None:
    """A URL that may be a link: http and https only, percent-encoded. None for any other."""
    if not url or not _WEB.match(url):
        return None
    return quote(url, safe=_URL_CHARACTERS)


def external(url: str | None, text: str | None = None) -> Markup:
    """A link that leaves the site, or its text alone where the URL is none that a browser should open."""
    shown = text or url or ""
    address = web_url(url)
    if address is None:
        return escape(shown)
    return Markup('<a href="{}" rel="noopener nofollow">{}</a>').format(address, shown)


def linked_text(text: str | None) -> Markup:
    """Text with the first web addresses in it as links, all else escaped. Each link is written twice."""
    text = text or ""
    parts, end = [], 0
    matches = (match for match in _URL_IN_TEXT.finditer(text) if len(match[0]) <= LINK_CHARACTERS)
    for match in islice(matches, LINKS):
        parts += [escape(text[end : match.start()]), external(match[0])]
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


def github_repository(repository: str) -> str:
    """The page of owner/name."""
    return f"{GITHUB}/{quote(repository)}"


def github_commit(repository: str, commit: str) -> str:
    """The page of a commit."""
    return f"{github_repository(repository)}/commit/{quote(commit, safe='')}"


def github_file(repository: str, commit: str | None, path: str, line: int | None = None) -> str:
    """The page of a file at a commit (None: as it is now), at a line where one is named."""
    place = f"#L{line}" if line else ""
    return f"{github_repository(repository)}/blob/{quote(commit or 'HEAD', safe='')}/{quote(path)}{place}"


def github_person(github: str) -> str:
    """The page of a person or an organisation."""
    return f"{GITHUB}/{quote(github, safe='')}"


def orcid_url(text: str | None) -> str | None:
    """The page of an ORCID iD; None for what is none, by its check digit too."""
    found = orcid(text or "")
    return f"https://orcid.org/{found}" if found else None
