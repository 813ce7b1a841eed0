"""The registry's URL and the token: from options, the environment, or the file that `forge login` writes.

A token in that file belongs to one URL and is never sent to another. Only its owner can read the file (mode 0600).
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

# printable ASCII without spaces; a line break would begin another header
_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Configuration:
    """The registry's URL and a token.

    Attributes:
        url: Without a slash at its end.
        token: None if there is none.
    """

    url: str
    # never printed
    token: str | None = field(default=None, repr=False)


def configuration_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the file that `forge login` writes: `FEDERATION_CONFIG`, or one in the user's configuration folder."""
    path = environ.get("FEDERATION_CONFIG")
    return Path(path) if path else platformdirs.user_config_path(PACKAGE) / "config.json"


def spool_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for runs that could not be sent: `FEDERATION_SPOOL`, or one in the user's state folder."""
    path = environ.get("FEDERATION_SPOOL")
    return Path(path) if path else platformdirs.user_state_path(PACKAGE) / "spool"


def read_configuration(
    url: str | None = None, token: str | None = None, environ: Mapping[str, str] = os.environ
) -> Configuration:
    """Return the URL and the token to use: those given, else the environment's, else those of the file.

    Raises:
        BadConfiguration: The URL, the token or the file is not valid.
    """
    saved = _read_file(configuration_file(environ))
    url = clean_url(url or environ.get("FEDERATION_URL", "").strip() or saved.get("url") or DEFAULT_URL)
    token = token or environ.get("FEDERATION_TOKEN", "")
    if not token.strip():
        token = saved.get("tokens", {}).get(url, "")
    return Configuration(url, clean_token(token))


def clean_token(text: str) -> str | None:
    """Return a token without the whitespace around it, which files and secrets often have, or None if it is empty.

    Raises:
        BadConfiguration: The token contains a character that no token has. The message does not repeat the token.
    """
    token = text.strip("\ufeff \t\r\n\v\f")
    if not token:
        return None
    if not _TOKEN.fullmatch(token):
        raise BadConfiguration(
            "the token contains a space, a line break or another character that is not allowed in tokens. Copy it "
            "again, as one line."
        )
    return token


def clean_url(text: str) -> str:
    """Return a registry's URL without a slash at its end.

    Raises:
        BadConfiguration: It is not an HTTP URL, or it has a query string, a fragment, a user name or a password.
    """
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise BadConfiguration("the registry's URL is not valid. It must look like https://api.pangeo-forge.org.")
    if "@" in parts.netloc:
        raise BadConfiguration("the registry's URL contains a user name or a password. Remove it, and use a token.")
    return url


def save_login(url: str, token: str | None, path: Path) -> None:
    """Save a URL as the default registry, with its token. If the token is None, the URL's token is removed.

    Raises:
        BadConfiguration: The file cannot be read or written.
    """
    saved = _read_file(path)
    tokens = {name: value for name, value in saved.get("tokens", {}).items() if name != url}
    if token:
        tokens[url] = token
    text = json.dumps({"url": url, "tokens": tokens}, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # created with mode 0600, and moved into place once it is complete
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
        raise BadConfiguration(f"cannot write {path}: {error.strerror}") from None


def is_private(path: Path) -> bool:
    """Return whether only its owner can read a file."""
    return os.name != "posix" or not path.exists() or not stat.S_IMODE(path.stat().st_mode) & 0o077


def _read_file(path: Path) -> dict[str, Any]:
    """Return what the file contains, or {} if it does not exist. Raises BadConfiguration."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise BadConfiguration(f"cannot read {path}: {reason}") from None
    try:
        saved = json.loads(text)
    except (ValueError, RecursionError):
        saved = None
    if not isinstance(saved, dict) or not isinstance(saved.get("tokens", {}), dict):
        raise BadConfiguration(f"{path} is damaged. Delete it, and run `forge login` again.")
    return saved
