"""Fixtures of tests of the roll-ups."""

import random

import pytest
from database_rows import insert
from pangeo_forge_federation.storage.database import transaction
from roll_up_rows import ALPHA, BETA, EAST, GAMMA, STATUSES, WEST, add_dataset, add_run, link, time


@pytest.fixture
def parents(connection):
    """A connection to a database with three feedstocks and two bakeries."""
    for feedstock in (ALPHA, BETA, GAMMA):
        insert(connection, "feedstocks", id=feedstock, repository=f"pangeo-forge/{feedstock}")
    for bakery in (EAST, WEST):
        insert(connection, "bakeries", id=bakery)
    return connection


@pytest.fixture
def peopled(parents):
    """The same with runs, datasets, links and maintainers of each sort."""
    random_ = random.Random(8)
    with transaction(parents):
        for day in range(90):
            add_run(
                parents,
                day % 30,
                feedstock_id=random_.choice([ALPHA, BETA]),
                bakery_id=random_.choice([EAST, WEST]),
                recipe_id=random_.choice(["daily", "Daily", "monthly"]),
                status=random_.choice(STATUSES),
                is_test=int(random_.random() < 0.3),
            )
        for number in range(12):
            dataset = add_dataset(
                parents,
                feedstock_id=random_.choice([ALPHA, BETA, None]),
                bakery_id=random_.choice([EAST, WEST]),
                is_test=number % 2,
                retracted_at=random_.choice([None, None, time(1)]),
            )
            for run in random_.sample(range(1, 91), 20):
                link(parents, run, dataset)
        for feedstock, people in ((ALPHA, ["robin-sample", "Sam-Example"]), (BETA, ["ROBIN-sample", None])):
            for position, github in enumerate(people):
                insert(parents, "maintainers", feedstock_id=feedstock, position=position, github=github)
            for position, removed_at in enumerate([None, time(1), None]):
                recipe = {"recipe_id": f"recipe-{position}", "position": position, "removed_at": removed_at}
                insert(parents, "recipes", feedstock_id=feedstock, **recipe)
        insert(parents, "feedstocks", id="removed-feedstock", repository="home/removed-feedstock", removed_at=time(1))
    return parents
