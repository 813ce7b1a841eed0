"""Where the world sees this server: behind a proxy, under another host, scheme and path than a request says.

With `FEDERATION_PUBLIC_URL` each request is taken as one to that address, whatever host the proxy asked for, so that
all absolute links, the registry's and Datasette's, are right; its path, if it has one, may come with the request or be
taken off by the proxy. `X-Forwarded-*` is read by uvicorn, from the proxies of `FEDERATION_TRUSTED_PROXIES` alone.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import AnyStr
from urllib.parse import urlsplit

from pangeo_forge_federation.settings import BadSetting

Application = Callable[[dict, Callable, Callable], Awaitable[None]]


def path_prefix(public_url: str | None) -> str:
    """The path under which the registry is seen, without a slash at its end: empty, or `/registry`."""
    return urlsplit(public_url or "").path


def check_prefix(public_url: str | None, paths: Iterable[str]) -> None:
    """Raises `BadSetting` for a prefix that is also a path here: which of both a request means could not be told."""
    first = path_prefix(public_url).strip("/").partition("/")[0]
    if first and first in {path.strip("/").partition("/")[0] for path in paths}:
        raise BadSetting(f"FEDERATION_PUBLIC_URL: /{first} is a path of the registry itself: take another prefix")


def at_public_url(application: Application, public_url: str | None) -> Application:
    """The application, to which each request is one to the public address."""
    if public_url is None:
        return application
    parts = urlsplit(public_url)
    prefix = parts.path
    host = (b"host", parts.netloc.encode("ascii"))

    def moved(message: dict) -> dict:
        # some redirects of Datasette's know nothing of the prefix
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
    """A path that may begin with the prefix, without it."""
    if path == prefix:
        return slash
    return path[len(prefix) :] if path.startswith(prefix + slash) else path


def _under(prefix: str, location: bytes) -> bytes:
    """A Location that may be a path without the prefix, with it."""
    if not location.startswith(b"/") or (location + b"/").startswith(f"{prefix}/".encode("ascii")):
        return location
    return prefix.encode("ascii") + location
