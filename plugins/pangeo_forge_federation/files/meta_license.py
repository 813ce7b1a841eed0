"""The licence of a `meta.yaml`: as written, as an SPDX id, and where its text is."""

from typing import NamedTuple

from pangeo_forge_federation.files.licenses import WORDS_OF_STAC, nearest_spdx_id, spdx_id, spdx_id_of_url
from pangeo_forge_federation.files.yaml_fields import DESCRIPTION_BYTES, Value, is_web_address, short_text, url

_NAMES = ("name", "title", "id")
_LINKS = ("href", "url", "link")
# of a licence in a message: enough to know it again
_QUOTED_CHARACTERS = 80


class License(NamedTuple):
    """The columns `license`, `license_spdx` and `license_url` of a feedstock."""

    text: str | None
    spdx: str | None
    address: str | None


def read_license(root: Value) -> License:
    """From `provenance.license` or `license`, each an id, a sentence, a URL, or a mapping of name and link."""
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
    """From `license_link` (an address, or a mapping with one), else ADR 2's `provenance.url`."""
    provenance = root.at("provenance")
    link = provenance.at("license_link")
    if link.is_null:
        link = root.at("license_link")
    if link.is_mapping:
        link = link.first_of("url", "href", "link")
    return url(link) or url(provenance.at("url"))


def _spdx_of(value: Value, text: str | None) -> str | None:
    """The SPDX id; for other texts a warning, which suggests one when one is near."""
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
    """A licence in a message: it is published as the feedstock's own too, so it may be repeated, on one line."""
    line = " ".join(text.split())
    return f"`{line if len(line) <= _QUOTED_CHARACTERS else line[:_QUOTED_CHARACTERS].rstrip() + ' …'}`"
