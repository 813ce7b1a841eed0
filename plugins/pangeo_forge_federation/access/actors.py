"""Actors of this registry, made from those of Datasette."""

from collections.abc import Mapping
from typing import Any

from pangeo_forge_federation.records.actor import Actor


def actor_of(actor: Mapping[str, Any] | None) -> Actor | None:
    """Return the actor of a token; None without one, and for Datasette's own actors, which have no token."""
    if actor is None or "token_id" not in actor:
        return None
    return Actor(actor["token_id"], actor["bakery_id"])
