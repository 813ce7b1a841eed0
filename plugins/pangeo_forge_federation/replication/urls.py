"""Parse the URL of a store, below which each database has its own path."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

# the form of the URL for each scheme
FORMS = {
    "file": "file:///absolute/folder",
    "s3": "s3://bucket/path?endpoint=https://host&region=name",
    "gs": "gs://bucket/path",
    "abs": "abs://account@container/path",
    "sftp": "sftp://user@host/path",
}
# Parameters with these words in their names would put a secret into command lines and logs.
SECRET_WORDS = ("secret", "key", "password", "token", "sig", "credential")


class ReplicationError(Exception):
    """An error of replicating, following or restoring a registry, with a one-line message."""


@dataclass(frozen=True)
class StoreUrl:
    """A validated URL of a store. It contains no secret and may be printed."""

    text: str

    @property
    def scheme(self) -> str:
        """One of `FORMS`."""
        return urlsplit(self.text).scheme

    def of(self, database: str) -> str:
        """Return the URL of one database."""
        parts = urlsplit(self.text)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{database}"))

    @property
    def folder(self) -> Path | None:
        """The folder of a `file:` store; None for any other."""
        return Path(urlsplit(self.text).path) if self.scheme == "file" else None


def read_url(text: str) -> StoreUrl:
    """Parse a URL from a command line. Raises ReplicationError, whose message never contains a secret."""
    try:
        parts = urlsplit(text)
        password = parts.password
        parameters = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        raise ReplicationError("the URL of the store cannot be read") from None
    if password is not None:
        raise ReplicationError("the URL of the store contains a password: pass secrets in the environment")
    for name, _ in parameters:
        if any(word in name.lower() for word in SECRET_WORDS):
            raise ReplicationError(f"the URL of the store contains {name}=: pass secrets in the environment")
    if parts.scheme not in FORMS:
        raise ReplicationError(f"{text!r} is not the URL of a store. Use one of {', '.join(FORMS.values())}")
    has_place = parts.path.startswith("/") and not parts.netloc if parts.scheme == "file" else bool(parts.netloc)
    if not has_place or any(ord(letter) < 33 for letter in text):
        raise ReplicationError(f"{text!r} is not the URL of a store. Use {FORMS[parts.scheme]}")
    return StoreUrl(text)
