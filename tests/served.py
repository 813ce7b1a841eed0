"""A registry that a test asks in each way: its pages, its endpoints, SQL; and what stands on a page."""

import re
from urllib.parse import urlencode


class Served:
    """A registry, asked in each way."""

    def __init__(self, datasette):
        self._client = datasette.client

    async def page(self, path: str) -> str:
        response = await self._client.get(path)
        assert response.status_code == 200, (path, response.text)
        return response.text

    async def get(self, path: str):
        response = await self._client.get(path)
        assert response.status_code == 200, (path, response.text)
        return response.json()

    async def count(self, path: str, question: str = "") -> int:
        """How many an endpoint says that its list has."""
        question = "&".join(filter(None, (question, "_shape=objects&_extra=count&_size=1")))
        return (await self.get(f"{path}?{question}"))["count"]

    async def sql(self, sql: str, **parameters) -> list[dict]:
        return await self.get(f"/federation.json?{urlencode({'sql': sql, '_shape': 'array', **parameters})}")

    async def number(self, sql: str, **parameters) -> int:
        """The one number that a query gives."""
        (row,) = await self.sql(sql, **parameters)
        return next(iter(row.values()))


def numbers_of(text: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", text)]


def table_of(page: str, number: int = 0) -> list[list[str]]:
    """The cells of a page's table, counted from 0, without its heading."""
    body = page.split("<tbody>")[number + 1].partition("</tbody>")[0]
    return [
        [re.sub("<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    ]
