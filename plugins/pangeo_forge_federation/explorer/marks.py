"""The marks of status: a small drawing before the word, so that colour never stands alone."""

from markupsafe import Markup

from pangeo_forge_federation.values.statuses import PROBLEM, STALE, WORDS, shown_status

_STROKE = 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
_TRIANGLE = f'<path {_STROKE} d="M8 2.5 14 13.25H2zM8 6.75v2.75M8 11.4v.1"/>'
# drawings of 16 by 16 units
DRAWINGS = {
    "success": '<path fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" '
    'stroke-linejoin="round" d="m3 8.5 3.25 3.5L13 4.5"/>',
    "failure": '<path fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" d="m4 4 8 8m0-8-8 8"/>',
    "in_progress": f'<circle cx="8" cy="8" r="5.75" {_STROKE}/>'
    '<path fill="currentColor" d="M8 2.5a5.5 5.5 0 0 1 0 11z"/>',
    "queued": f'<circle cx="8" cy="8" r="5.75" {_STROKE} stroke-dasharray="1.6 2.9"/>',
    "timed_out": f'<circle cx="8" cy="8" r="5.75" {_STROKE}/><path {_STROKE} d="M8 5v3.25l2 1.25"/>',
    "cancelled": '<rect x="3.25" y="3.25" width="9.5" height="9.5" rx="1" fill="currentColor"/>',
    "skipped": '<path fill="currentColor" d="m2.5 4 5 4-5 4zm5.5 0 5 4-5 4z"/>',
    STALE: _TRIANGLE,
    PROBLEM: _TRIANGLE,
}


def mark_drawings() -> Markup:
    """All drawings, once at the top of a page: a list of hundred runs would repeat them hundred times."""
    return Markup('<svg class="drawings" aria-hidden="true">{}</svg>').format(
        Markup("").join(
            Markup('<symbol id="mark-{}" viewBox="0 0 16 16">{}</symbol>').format(name, Markup(drawing))
            for name, drawing in DRAWINGS.items()
        )
    )


def mark(name: str) -> Markup:
    """The drawing alone."""
    if name not in DRAWINGS:
        raise KeyError(name)
    return Markup('<svg class="mark" aria-hidden="true"><use href="#mark-{}"/></svg>').format(name)


def status_mark(status: str | None, is_stale: bool = False, word: str | None = None) -> Markup:
    """Drawing and word. Nothing for no status."""
    if not status:
        return Markup("")
    name = shown_status(status, bool(is_stale))
    # a status that this version does not know has a word and no drawing
    drawing = mark(name) if name in DRAWINGS else ""
    return Markup('<span class="status status-{}">{}{}</span>').format(
        name if name in DRAWINGS else "queued", drawing, word or WORDS.get(name, name)
    )
