"""Fixtures of tests that sync from a folder."""

import pytest
from folder_sync import BAKERY_DATABASE, HOME, META
from pangeo_forge_federation.recording.recipe_runs import create_recipe_run
from pangeo_forge_federation.records.actor import Actor
from pangeo_forge_federation.records.bodies import create_model_of
from pangeo_forge_federation.records.models import RecipeRun
from pangeo_forge_federation.storage.database import transaction
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.run import run_sync


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture
def put(folder):
    """A function that writes a file of a repository, by default its meta.yaml."""

    def write(repository, content=META, path="feedstock/meta.yaml"):
        file = folder / repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


@pytest.fixture
def sync(data, folder):
    """A function that syncs the folder."""

    def run(*arguments, dry_run=False, **options):
        return run_sync(data, fetch_folder(folder, BAKERY_DATABASE, *arguments, **options), HOME, dry_run)

    return run


@pytest.fixture
def record_run(connection):
    """A function that records a recipe run as a POST would."""

    def record(feedstock_id, recipe_id="daily", bakery_id="north.bakery"):
        body = {"recipe_id": recipe_id, "feedstock_id": feedstock_id, "commit": "0f2c9a7d", "status": "success"}
        with transaction(connection):
            return create_recipe_run(
                connection, create_model_of(RecipeRun)(**body), Actor(token_id=1, bakery_id=bakery_id), HOME
            )

    return record
