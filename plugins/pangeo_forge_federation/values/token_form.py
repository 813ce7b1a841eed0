"""The format of a token, `pfk_<id>_<secret>`, and the part of it that is stored."""

import hashlib
import re

# 32 random bytes; the alphabet of token_urlsafe
_TOKEN = re.compile(r"pfk_([1-9][0-9]{0,17})_([A-Za-z0-9_-]{43})", re.ASCII)


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a secret in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def stored_form(token: str) -> str | None:
    """Return a token as datasette-auth-tokens compares it, `<id>-<hash>`, or None if it is not in the format."""
    match = _TOKEN.fullmatch(token)
    return f"{match[1]}-{hash_secret(match[2])}" if match else None
