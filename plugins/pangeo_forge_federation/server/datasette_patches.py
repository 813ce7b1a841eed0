"""Speeds up two things that Datasette does for every request, which took a fifth of the time of a POST."""

import functools
import secrets
from typing import Any

import asgi_csrf


def patch_datasette(datasette: Any) -> None:
    """Apply both changes."""
    # merges all metadata for a few lines of configuration, which do not change after the start
    datasette.plugin_config = functools.cache(datasette.plugin_config)
    # makes a secret for each request without a cookie, even if it has no form, one character at a time
    asgi_csrf.make_secret = make_secret


def make_secret(length: int) -> str:
    """Return a random string of this length, with 6 bits per character."""
    return secrets.token_urlsafe(length)[:length]
