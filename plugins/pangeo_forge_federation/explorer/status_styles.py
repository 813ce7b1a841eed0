"""The colours of statuses as a stylesheet, `static/statuses.css`, which `scripts/write-generated` writes."""

from collections.abc import Iterable

from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.values.statuses import LOOKS

STYLESHEET = ROOT / "static" / "statuses.css"


def status_styles() -> str:
    """Return the stylesheet: a custom property for each colour, and the class `status-{name}`."""
    light = [f"{_property(each.name)}: {each.colour};" for each in LOOKS]
    dark = [f"{_property(each.name)}: {each.dark_colour};" for each in LOOKS]
    classes = [f".status-{each.name} {{ color: var({_property(each.name)}); }}" for each in LOOKS]
    parts = [
        "/* The colours of statuses. Made by scripts/write-generated from the table of statuses. */",
        _root(light),
        # paper is light
        f"@media screen and (prefers-color-scheme: dark) {{\n{_root(dark, '  ')}\n}}",
        *classes,
    ]
    return "\n".join(parts) + "\n"


def _property(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _root(declarations: Iterable[str], indent: str = "") -> str:
    return "\n".join([f"{indent}:root {{", *(f"{indent}  {each}" for each in declarations), f"{indent}}}"])


if __name__ == "__main__":
    STYLESHEET.write_text(status_styles(), "utf-8")
