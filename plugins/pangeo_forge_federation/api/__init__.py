"""The endpoints: routes, reads, writes, OpenAPI, feeds. May import every room but sync, explorer, server and client."""
