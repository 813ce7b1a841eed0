"""The client of the registry: `Client` for programs, `forge` for terminals, installed without the server.

May import files, command_line, and of records `open_snippets` alone.
"""

from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.errors import BadConfiguration, Problem, Refused, RegistryError, Unreachable
from pangeo_forge_federation.client.pages import Pages

__all__ = ["BadConfiguration", "Client", "Pages", "Problem", "Refused", "RegistryError", "Unreachable"]
