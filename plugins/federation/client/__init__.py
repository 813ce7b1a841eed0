"""The client of the registry: `Client` for programs, `forge` for terminals. It needs nothing of the server's."""

from federation.client.client import Client
from federation.client.errors import BadConfiguration, Problem, Refused, RegistryError, Unreachable
from federation.client.pages import Pages

__all__ = ["BadConfiguration", "Client", "Pages", "Problem", "Refused", "RegistryError", "Unreachable"]
