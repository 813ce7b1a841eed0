"""Nothing private of the files is stored."""

import re

import yaml
from folder_sync import (
    BAKERY_DATABASE,
    FIXTURES,
    HOME,
    changes,
    counts,
    database_bytes,
    feedstock,
    rows,
)
from pangeo_forge_federation.sync.folder import fetch_folder
from pangeo_forge_federation.sync.run import run_sync
from pangeo_forge_federation.values.repositories import BAKERIES_PATH

pytest_plugins = ["folder_fixtures"]


def all_texts(connection):
    return [
        str(value)
        for (name,) in rows(connection, "select name from sqlite_master where type in ('table', 'view')")
        for row in rows(connection, f'select * from "{name}"')
        for value in row
        if value is not None
    ]


PRIVATE_KEYS = re.compile(r"private|cluster_options|storage_options|flow_storage|role|vpc|arn|security_groups|image")
PUBLIC_OPTIONS = {"anon", "requester_pays", "endpoint_url"}


def scalars(value, keys=()):
    """(keys that lead to it, scalar) of each value of a YAML file, and of each key itself."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*keys, "(a key)"), str(key)
            yield from scalars(item, (*keys, str(key)))
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item, keys)
    elif value is not None:
        yield keys, str(value)


def secrets_of(text):
    """The values in a bakeries.yaml that must not be published, but for those that stand in its public half too."""
    public, private = set(), set()
    for keys, value in scalars(yaml.load(text, yaml.BaseLoader)):
        hidden = any(PRIVATE_KEYS.search(key) for key in keys)
        if hidden and "public" in keys and "private" not in keys and keys[-1] in PUBLIC_OPTIONS:
            hidden = False
        if not (hidden and keys[-1] == "(a key)"):
            (private if hidden else public).add(value)
    return {value for value in private - public if len(value) > 4}


def assert_nothing_private(connection, files, least):
    secrets = set().union(*(secrets_of(path.read_text("utf-8")) for path in files if "bakeries" in path.name))
    assert len(secrets) >= least
    texts, stored = "\n".join(all_texts(connection)), database_bytes(connection)
    for secret in secrets:
        assert secret not in texts
        assert secret.encode() not in stored
    assert re.findall(r"[\w.+-]+@[\w-]+\.[\w.]+", texts) == []
    for path in files:
        for address in re.findall(rb"[\w.+-]+@[\w-]+\.[a-z][\w.]*", path.read_bytes()):
            assert address not in stored


def test_nothing_private_is_stored(data, connection):
    run_sync(data, fetch_folder(FIXTURES, BAKERY_DATABASE), HOME)
    files = [path for path in FIXTURES.rglob("*.y*ml") if path.is_file()]
    assert_nothing_private(connection, files, least=20)
    river = feedstock(connection, "delta-hydrology.river-discharge_feedstock")
    assert "[e-mail]" in river["description"]
    assert "[e-mail]" in river["meta"]


def test_a_change_of_what_is_private_is_told_to_nobody(connection, put, sync):
    text = (FIXTURES / BAKERY_DATABASE / BAKERIES_PATH).read_text("utf-8")
    put(BAKERY_DATABASE, text, BAKERIES_PATH)
    sync()
    put(BAKERY_DATABASE, text.replace("EXAMPLE_SECRET", "ANOTHER_SECRET"), BAKERIES_PATH)
    sync()
    assert changes(connection) == []
    assert counts(connection) == (0, 0, 0, 3)
    assert b"ANOTHER_SECRET" not in database_bytes(connection)
