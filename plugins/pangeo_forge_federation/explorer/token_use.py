"""When a token of a bakery was last used: the only information about tokens that a page shows."""

from typing import Any

from pangeo_forge_federation.storage.database import TOKENS


async def token_use(datasette: Any, page: dict[str, Any]) -> dict[str, Any]:
    """Return the day on which a token of the page's bakery was last used."""
    rows = await datasette.databases[TOKENS].execute(
        """
        select substr(max(last_used_at), 1, 10)
        from tokens
        where bakery_id = :bakery_id
        """,
        {"bakery_id": page["bakery"]["id"]},
    )
    return {"token_used_on": rows.single_value()}
