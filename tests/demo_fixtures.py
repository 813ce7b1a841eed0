"""Fixtures of tests that read the demo federation."""

import pytest
import pytest_asyncio
from conftest import started
from explorer_page import shared_demo


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    """The data folder of the demo, to which nobody writes: a module whose tests do has one of its own."""
    return shared_demo(tmp_path_factory)


@pytest_asyncio.fixture
async def demo(demo_folder):
    """A started Datasette over it, stopped at the end."""
    async with started(demo_folder) as made:
        yield made
