"""The registry's client, which can be installed without the server: `Client` for programs, `forge` for the terminal.

May import files, command_line and, from records, only `open_snippets`.
"""

from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.errors import BadConfiguration, Problem, Refused, RegistryError, Unreachable
from pangeo_forge_federation.client.pages import Pages

__all__ = ["BadConfiguration", "Client", "Pages", "Problem", "Refused", "RegistryError", "Unreachable"]
