"""When a bakery last wrote: the one thing that a page says of tokens."""

from typing import Any

from pangeo_forge_federation.storage.database import TOKENS


async def token_use(datasette: Any, page: dict[str, Any]) -> dict[str, Any]:
    """The day on which a token of a page's bakery was last used."""
    rows = await datasette.databases[TOKENS].execute(
        """
        select substr(max(last_used_at), 1, 10)
        from tokens
        where bakery_id = :bakery_id
        """,
        {"bakery_id": page["bakery"]["id"]},
    )
    return {"token_used_on": rows.single_value()}
