"""When a bakery last wrote: the one thing that a page says of tokens."""

from typing import Any

from federation.database import TOKENS


async def last_token_use(datasette: Any, bakery_id: str) -> str | None:
    """The day on which a token of a bakery was last used."""
    rows = await datasette.databases[TOKENS].execute(
        """
        select substr(max(last_used_at), 1, 10)
        from tokens
        where bakery_id = :bakery_id
        """,
        {"bakery_id": bakery_id},
    )
    return rows.single_value()
