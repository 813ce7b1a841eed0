"""Atom feeds of completed recipe runs: of the federation, a feedstock, or a bakery."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlencode
from xml.etree import ElementTree

from pangeo_forge_federation.api.routes import Call, Operation, refuse_parameters
from pangeo_forge_federation.values.plural import joined
from pangeo_forge_federation.values.statuses import BY_COLUMN, WORDS
from pangeo_forge_federation.web.replies import Reply, cacheable

ATOM = "application/atom+xml; charset=utf-8"
ENTRIES = 50
# Filtering by status would sort a million runs, so some more are read, of which most have ended.
READ = 100
_SHOWN = {each.name: each.outcome for each in BY_COLUMN if each.is_in_feeds}
_NAMESPACE = "http://www.w3.org/2005/Atom"
# characters that XML 1.0 cannot contain, even escaped
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def feed_of(query_name: str, path: str, title: str) -> Any:
    """Return the handler of a feed: the runs of an endpoint's list as Atom."""

    async def get_feed(call: Call) -> Reply:
        refuse_parameters(call)
        # with the path of the feed, so that a renamed feedstock redirects to its feed
        query = replace(call.services.queries[query_name], path=path)
        asked = {"is_test": "0", "_size": READ}
        reply = await call.read(query, replace(call.address, query_string=urlencode(asked)))
        if reply.status != 200:
            reply.headers["Location"] = reply.headers["Location"].partition("?")[0]
            return reply
        subject = ", ".join(unquote(text) for text in call.parameters.values())
        heading = f"{title} {subject}" if subject else title
        ended = [run for run in json.loads(reply.body) if run["status"] in _SHOWN][:ENTRIES]
        return cacheable(atom(heading, call.address.base, call.address.path, ended), ATOM)

    return get_feed


def atom(title: str, base: str, path: str, runs: Sequence[Mapping[str, Any]]) -> bytes:
    """Return an Atom feed (RFC 4287) of recipe runs, newest first."""
    feed = ElementTree.Element("feed", xmlns=_NAMESPACE)
    _add(feed, "id", base + path)
    _add(feed, "title", title)
    _add(feed, "updated", max((run["updated_at"] for run in runs), default="1970-01-01T00:00:00.000000Z"))
    ElementTree.SubElement(feed, "link", rel="self", href=base + path)
    ElementTree.SubElement(feed, "link", rel="alternate", href=f"{base}/")
    for run in runs:
        entry = ElementTree.SubElement(feed, "entry")
        _add(entry, "id", f"{base}/recipe_runs/{run['id']}")
        _add(entry, "title", f"{WORDS[run['status']]}: {run['recipe_id']} of {run['feedstock_id']}")
        _add(entry, "updated", run["updated_at"])
        _add(entry, "published", run["completed_at"] or run["run_date"])
        ElementTree.SubElement(entry, "link", href=f"{base}/federation/recipe_runs/{run['id']}")
        _add(ElementTree.SubElement(entry, "author"), "name", run["bakery_id"])
        ElementTree.SubElement(entry, "category", term=run["status"])
        if run["message"]:
            _add(entry, "summary", run["message"])
    ElementTree.indent(feed)
    return ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _operation(name: str, query_name: str, path: str, title: str, tag: str, problems: tuple[int, ...]) -> Operation:
    return Operation(
        name,
        title,
        feed_of(query_name, path, title),
        f"Atom: the last {ENTRIES} runs that {joined([*_SHOWN.values()], 'or')}, tests left out.",
        tag=tag,
        problems=problems,
        content_type=ATOM,
    )


FEEDS = {
    ("/feed.atom", "GET"): _operation("get_feed", "list_recipe_runs", "/feed.atom", "Recipe runs", "Feeds", ()),
    ("/feedstocks/{feedstock_id}/feed.atom", "GET"): _operation(
        "get_feedstock_feed",
        "list_feedstock_recipe_runs",
        "/feedstocks/{feedstock_id}/feed.atom",
        "Recipe runs of feedstock",
        "Feeds",
        (404,),
    ),
    ("/bakeries/{bakery_id}/feed.atom", "GET"): _operation(
        "get_bakery_feed",
        "list_bakery_recipe_runs",
        "/bakeries/{bakery_id}/feed.atom",
        "Recipe runs of bakery",
        "Feeds",
        (404,),
    ),
}
