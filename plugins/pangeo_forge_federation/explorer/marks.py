"""The marks of status: a small drawing before the word, so that colour never stands alone."""

from markupsafe import Markup

from pangeo_forge_federation.values.statuses import DRAWINGS, LOOKS, WORDS, shown_status

_OVER_BAR = {each.name: each.over_bar for each in LOOKS}


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


def over_bar(status: str, x: float, y: float, size: float) -> Markup:
    """The mark above a bar of a chart: `x` is the bar's middle, `y` its top, `size` half the mark's width."""
    element = _OVER_BAR.get(status, "")
    # what is filled in are numbers
    return Markup(element.format(x=x, size=size, left=x - size, wide=2 * size, middle=y - 2 * size, top=y - 3 * size))
