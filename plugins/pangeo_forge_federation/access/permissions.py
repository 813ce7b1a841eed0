"""Who may see what, according to Datasette's permissions, which also apply to the endpoints as its canned queries."""

from collections.abc import Iterable, Mapping
from typing import Any

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.storage.database import FEDERATION


class Permissions:
    """The permissions of one Datasette."""

    def __init__(self, datasette: Any):
        self._datasette = datasette

    async def require(self, actor: Mapping[str, Any] | None, query_name: str) -> None:
        """Raise ProblemDetails (403) unless `actor` (Datasette's) may see this endpoint."""
        if not await self._allowed(actor, [("view-query", (FEDERATION, query_name))]):
            raise ProblemDetails("forbidden", "This endpoint is not public.")

    async def require_sql(self, actor: Mapping[str, Any] | None) -> None:
        """Raise ProblemDetails (403) unless `actor` (Datasette's) may run SQL."""
        if not await self._allowed(actor, [("execute-sql", FEDERATION)]):
            raise ProblemDetails("forbidden", "Running SQL is not allowed here.")

    async def is_public(self, query_names: Iterable[str]) -> bool:
        """Return whether everybody may see these endpoints and all tables."""
        tables = await self._datasette.get_database(FEDERATION).table_names()
        views = await self._datasette.get_database(FEDERATION).view_names()
        return await self._allowed(
            None,
            [
                *(("view-query", (FEDERATION, name)) for name in query_names),
                *(("view-table", (FEDERATION, name)) for name in (*tables, *views)),
            ],
        )

    async def _allowed(self, actor: Mapping[str, Any] | None, more: list[tuple[str, Any]]) -> bool:
        for action, resource in [("view-instance", None), ("view-database", FEDERATION), *more]:
            if not await self._datasette.permission_allowed(actor, action, resource, default=True):
                return False
        return True
