"""HTTP over ASGI, whatever is served: log, checks, bodies, replies, compression. Imports no other room."""
