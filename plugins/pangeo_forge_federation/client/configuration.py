"""Which registry, with which token: options, else the environment, else the file that `forge login` writes.

A token in that file belongs to its URL and is sent nowhere else. The file is the user's alone (mode 0600).
"""

import contextlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from pangeo_forge_federation.client.errors import BadConfiguration
from pangeo_forge_federation.version import PACKAGE

DEFAULT_URL = "https://api.pangeo-forge.org"

# what a header may hold of a token; a line end in it would be another header
_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Configuration:
    """Which registry, and as whom."""

    url: str
    # never in what is printed of this
    token: str | None = field(default=None, repr=False)


def configuration_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Where `forge login` keeps URL and token: `FEDERATION_CONFIG`, else the platform's place for such files."""
    named = environ.get("FEDERATION_CONFIG")
    return Path(named) if named else platformdirs.user_config_path(PACKAGE) / "config.json"


def spool_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where runs are kept that could not be sent: `FEDERATION_SPOOL`, else the platform's place for such a state."""
    named = environ.get("FEDERATION_SPOOL")
    return Path(named) if named else platformdirs.user_state_path(PACKAGE) / "spool"


def read_configuration(
    url: str | None = None, token: str | None = None, environ: Mapping[str, str] = os.environ
) -> Configuration:
    """The URL and the token to use. Raises BadConfiguration."""
    kept = _read_file(configuration_file(environ))
    url = clean_url(url or environ.get("FEDERATION_URL", "").strip() or kept.get("url") or DEFAULT_URL)
    token = token or environ.get("FEDERATION_TOKEN", "")
    if not token.strip():
        token = kept.get("tokens", {}).get(url, "")
    return Configuration(url, clean_token(token))


def clean_token(text: str) -> str | None:
    """A token without the blanks and line ends around it, which files and secrets have; None where nothing is left.

    Raises BadConfiguration, without showing it, where it has any inside.
    """
    token = text.strip("\ufeff \t\r\n\v\f")
    if not token:
        return None
    if not _TOKEN.fullmatch(token):
        raise BadConfiguration(
            "the token holds a blank, a line end or another character that no token has: copy it again, all of it in "
            "one line"
        )
    return token


def clean_url(text: str) -> str:
    """A registry's URL without a slash at its end. Raises BadConfiguration."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise BadConfiguration("the registry's URL must be like https://api.pangeo-forge.org")
    if "@" in parts.netloc:
        raise BadConfiguration("the registry's URL holds a user or a password: leave that out")
    return url


def save_login(url: str, token: str | None, path: Path) -> None:
    """Keep this URL as the one to use, with its token; None forgets that. Raises BadConfiguration."""
    kept = _read_file(path)
    tokens = {name: value for name, value in kept.get("tokens", {}).items() if name != url}
    if token:
        tokens[url] = token
    text = json.dumps({"url": url, "tokens": tokens}, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # made with mode 0600, filled, and only then put in its place
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
    except OSError as error:
        raise BadConfiguration(f"{path} cannot be written: {error.strerror}") from None


def is_private(path: Path) -> bool:
    """Whether nobody but its owner may read a file."""
    return os.name != "posix" or not path.exists() or not stat.S_IMODE(path.stat().st_mode) & 0o077


def _read_file(path: Path) -> dict[str, Any]:
    """What the file holds; nothing where there is none. Raises BadConfiguration."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict) or not isinstance(kept.get("tokens", {}), dict):
        raise BadConfiguration(f"{path} is not what `forge login` writes: delete it and log in again")
    return kept
