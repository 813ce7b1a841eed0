"""The badge of a feedstock, which shows the status of its latest recipe run, for READMEs."""

import json
from dataclasses import replace

from markupsafe import Markup

from pangeo_forge_federation.api.routes import Call, Operation, refuse_parameters
from pangeo_forge_federation.values.statuses import LOOKS, WORDS, shown_status
from pangeo_forge_federation.web.replies import Reply, cacheable

SVG = "image/svg+xml; charset=utf-8"
PATH = "/feedstocks/{feedstock_id}/badge.svg"
LABEL = "pangeo forge"
# the light theme's, whose contrast with white suffices
COLOURS = {each.name: each.colour for each in LOOKS}
NO_RUN = ("no run yet", "#56687a")
# of 11 pixels, on average
CHARACTER_WIDTH = 6.4
PADDING = 12


async def get_badge(call: Call) -> Reply:
    """GET /feedstocks/{feedstock_id}/badge.svg."""
    refuse_parameters(call)
    # with the path of the badge, so that a renamed feedstock redirects to its badge
    query = replace(call.services.queries["get_feedstock"], path=PATH)
    reply = await call.read(query)
    if reply.status != 200:
        return reply
    feedstock = json.loads(reply.body)
    status = feedstock["latest_recipe_run_status"]
    if status is None:
        return cacheable(badge(*NO_RUN), SVG)
    shown = shown_status(status, feedstock["latest_recipe_run_is_stale"])
    return cacheable(badge(WORDS[shown], COLOURS[shown]), SVG)


def badge(word: str, colour: str) -> bytes:
    """Return the image. `textLength` keeps the words inside their boxes with any font."""
    left, right = (round(len(text) * CHARACTER_WIDTH) + PADDING for text in (LABEL, word))
    return (
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" '
            'aria-label="{label}: {word}">'
            "<title>{label}: {word}</title>"
            '<clipPath id="round"><rect width="{width}" height="20" rx="4"/></clipPath>'
            '<g clip-path="url(#round)"><path fill="#2f414b" d="M0 0h{left}v20H0z"/>'
            '<path fill="{colour}" d="M{left} 0h{right}v20H{left}z"/></g>'
            '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
            '<text x="6" y="14" textLength="{left_text}">{label}</text>'
            '<text x="{word_x}" y="14" textLength="{right_text}">{word}</text></g></svg>\n'
        )
        .format(
            width=left + right,
            label=LABEL,
            word=word,
            colour=colour,
            left=left,
            right=right,
            left_text=left - PADDING,
            right_text=right - PADDING,
            word_x=left + PADDING // 2,
        )
        .encode()
    )


GET_BADGE = Operation(
    "get_feedstock_badge",
    "Badge of a feedstock",
    get_badge,
    "The status of the latest recipe run that is not a test, as an SVG image.",
    tag="Feeds",
    problems=(404,),
    content_type=SVG,
)
