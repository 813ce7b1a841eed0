"""The public address of a server behind a proxy, where scheme, host and path differ from those of the request.

With `FEDERATION_PUBLIC_URL`, every request is treated as one to that address, so that absolute links are correct. The
proxy may keep the path prefix or remove it. uvicorn reads `X-Forwarded-*`, from `FEDERATION_TRUSTED_PROXIES` alone.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import AnyStr
from urllib.parse import urlsplit

from pangeo_forge_federation.settings import BadSetting

Application = Callable[[dict, Callable, Callable], Awaitable[None]]


def path_prefix(public_url: str | None) -> str:
    """Return the path prefix of the registry without a trailing slash: empty, or such as `/registry`."""
    return urlsplit(public_url or "").path


def check_prefix(public_url: str | None, paths: Iterable[str]) -> None:
    """Raise `BadSetting` if the prefix is also a path of the registry, which would make requests ambiguous."""
    first = path_prefix(public_url).strip("/").partition("/")[0]
    if first and first in {path.strip("/").partition("/")[0] for path in paths}:
        raise BadSetting(f"FEDERATION_PUBLIC_URL: /{first} is a path of the registry itself: choose another prefix")


def at_public_url(application: Application, public_url: str | None) -> Application:
    """Return the application with every request treated as one to the public address."""
    if public_url is None:
        return application
    parts = urlsplit(public_url)
    prefix = parts.path
    host = (b"host", parts.netloc.encode("ascii"))

    def moved(message: dict) -> dict:
        # some of Datasette's redirects lack the prefix
        if message["type"] != "http.response.start":
            return message
        headers = [
            (name, _under(prefix, value) if name.lower() == b"location" else value)
            for name, value in message["headers"]
        ]
        return {**message, "headers": headers}

    async def at_address(scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] == "http":
            headers = [host, *(pair for pair in scope["headers"] if pair[0] != b"host")]
            scope = {**scope, "scheme": parts.scheme, "headers": headers}
            if prefix:
                scope["path"] = _without(prefix, scope["path"], "/")
                if scope.get("raw_path") is not None:
                    scope["raw_path"] = _without(prefix.encode("ascii"), scope["raw_path"], b"/")
                await application(scope, receive, lambda message: send(moved(message)))
                return
        await application(scope, receive, send)

    return at_address


def _without(prefix: AnyStr, path: AnyStr, slash: AnyStr) -> AnyStr:
    """Return a path without the prefix that it may start with."""
    if path == prefix:
        return slash
    return path[len(prefix) :] if path.startswith(prefix + slash) else path


def _under(prefix: str, location: bytes) -> bytes:
    """Return a Location header with the prefix added if it is a path without it."""
    if not location.startswith(b"/") or (location + b"/").startswith(f"{prefix}/".encode("ascii")):
        return location
    return prefix.encode("ascii") + location
