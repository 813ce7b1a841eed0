"""The registry of the Pangeo Forge federation: a room for each concern, whose `__init__.py` says what is in it.

Every room may import `values` and the single modules of this folder (settings, version, problems, request_notes,
http_session), which import `values` alone.
"""
