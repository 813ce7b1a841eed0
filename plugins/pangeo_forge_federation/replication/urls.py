"""Where a registry is replicated to: one URL, beneath which each database has a path of its own."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

# what stands behind the scheme of each kind of store
FORMS = {
    "file": "file:///absolute/folder",
    "s3": "s3://bucket/path?endpoint=https://host&region=name",
    "gs": "gs://bucket/path",
    "abs": "abs://account@container/path",
    "sftp": "sftp://user@host/path",
}
# A parameter of a URL whose name holds one of these would put a secret into command lines and logs.
SECRET_WORDS = ("secret", "key", "password", "token", "sig", "credential")


class ReplicationError(Exception):
    """What keeps a registry from being replicated, followed or restored: one line that says what to do."""


@dataclass(frozen=True)
class StoreUrl:
    """A checked URL of a store. It holds no secret and may be printed."""

    text: str

    @property
    def scheme(self) -> str:
        """One of `FORMS`."""
        return urlsplit(self.text).scheme

    def of(self, database: str) -> str:
        """Where one database lies."""
        parts = urlsplit(self.text)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{database}"))

    @property
    def folder(self) -> Path | None:
        """The folder of a `file:` store."""
        return Path(urlsplit(self.text).path) if self.scheme == "file" else None


def read_url(text: str) -> StoreUrl:
    """A URL from a command line. Raises ReplicationError, which never repeats what may be a secret."""
    try:
        parts = urlsplit(text)
        password = parts.password
        parameters = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        raise ReplicationError("the URL of the store cannot be read") from None
    if password is not None:
        raise ReplicationError("the URL of the store holds a password: give secrets in the environment")
    for name, _ in parameters:
        if any(word in name.lower() for word in SECRET_WORDS):
            raise ReplicationError(f"the URL of the store holds {name}=: give secrets in the environment")
    if parts.scheme not in FORMS:
        raise ReplicationError(f"{text!r} is not the URL of a store: there are {', '.join(FORMS.values())}")
    has_place = parts.path.startswith("/") and not parts.netloc if parts.scheme == "file" else bool(parts.netloc)
    if not has_place or any(ord(letter) < 33 for letter in text):
        raise ReplicationError(f"{text!r} is not the URL of a store: write {FORMS[parts.scheme]}")
    return StoreUrl(text)
