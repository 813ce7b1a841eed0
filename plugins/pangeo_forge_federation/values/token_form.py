"""The form of a token, `pfk_<id>_<secret>`, and what is stored of it."""

import hashlib
import re

# 32 random bytes; the alphabet of token_urlsafe
_TOKEN = re.compile(r"pfk_([1-9][0-9]{0,17})_([A-Za-z0-9_-]{43})", re.ASCII)


def hash_secret(secret: str) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def stored_form(token: str) -> str | None:
    """A sent token as datasette-auth-tokens compares it, `<id>-<hash>`; None for what is no token at all."""
    match = _TOKEN.fullmatch(token)
    return f"{match[1]}-{hash_secret(match[2])}" if match else None
