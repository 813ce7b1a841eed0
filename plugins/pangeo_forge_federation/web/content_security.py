"""What a browser may load and run on a page: nothing but this server's own files, whatever somebody stored.

The policy is that of https://www.w3.org/TR/CSP3/.
"""

POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        # Datasette's and Swagger UI's pages set styles on elements
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
_HEADER = (b"content-security-policy", POLICY.encode())


def with_policy(message: dict) -> dict:
    """An ASGI message, with the policy where it begins an HTML page."""
    if message["type"] != "http.response.start":
        return message
    headers = list(message.get("headers", ()))
    is_page = any(name.lower() == b"content-type" and value.lower().startswith(b"text/html") for name, value in headers)
    return {**message, "headers": [*headers, _HEADER]} if is_page else message
