"""Read the licence in a `meta.yaml`: as written, as an SPDX id, and the URL of its text."""

from typing import NamedTuple

from pangeo_forge_federation.files.licenses import WORDS_OF_STAC, nearest_spdx_id, spdx_id, spdx_id_of_url
from pangeo_forge_federation.files.yaml_fields import DESCRIPTION_BYTES, Value, is_web_address, short_text, url

_NAMES = ("name", "title", "id")
_LINKS = ("href", "url", "link")
# of a licence in a message, which is enough to recognise it
_QUOTED_CHARACTERS = 80


class License(NamedTuple):
    """The columns `license`, `license_spdx` and `license_url` of a feedstock."""

    text: str | None
    spdx: str | None
    address: str | None


def read_license(root: Value) -> License:
    """Read `provenance.license` or `license`, which may be an id, a sentence, a URL, or a mapping of name and link."""
    provenance = root.at("provenance")
    written = provenance.at("license")
    if written.is_null and not root.at("license").is_null:
        written = root.at("license")
    if written.is_mapping:
        return _of_mapping(root, written)
    text = short_text(written, DESCRIPTION_BYTES)
    if text and is_web_address(text):
        address = url(written)
        return License(text, spdx_id_of_url(text), _linked_address(root) or address)
    return License(text, _spdx_of(written, text), _linked_address(root))


def _of_mapping(root: Value, written: Value) -> License:
    written.warning(
        "`license` is a mapping here. It was accepted; prefer the licence's SPDX id, `license: CC-BY-4.0`, and the "
        "URL of its text beside it, `license_link: {url: https://...}`."
    )
    named = written.first_of(*_NAMES)
    text = short_text(named, DESCRIPTION_BYTES)
    own_address = url(written.first_of(*_LINKS))
    return License(text or own_address, _spdx_of(named, text), own_address or _linked_address(root))


def _linked_address(root: Value) -> str | None:
    """Read `license_link` (a URL, or a mapping with one), or else ADR 2's `provenance.url`."""
    provenance = root.at("provenance")
    link = provenance.at("license_link")
    if link.is_null:
        link = root.at("license_link")
    if link.is_mapping:
        link = link.first_of("url", "href", "link")
    return url(link) or url(provenance.at("url"))


def _spdx_of(value: Value, text: str | None) -> str | None:
    """Return the SPDX id; None, with a warning that suggests a similar id, if the text is not one."""
    if text is None or text.lower() in WORDS_OF_STAC:
        return None
    if known := spdx_id(text):
        return known
    nearest = nearest_spdx_id(text)
    suggestion = f"If it means `{nearest}`, write that" if nearest else "Use one from https://spdx.org/licenses/"
    value.warning(
        f"{_quoted(text)} is not an SPDX licence id, so software cannot interpret it. It was kept as text. "
        f"{suggestion}; for one that is not on that list use `proprietary`, for several `various`, and add "
        "`license_link`."
    )
    return None


def _quoted(text: str) -> str:
    """Quote a licence in a message, on one line. It is published with the feedstock, so it may be repeated."""
    line = " ".join(text.split())
    return f"`{line if len(line) <= _QUOTED_CHARACTERS else line[:_QUOTED_CHARACTERS].rstrip() + ' …'}`"
