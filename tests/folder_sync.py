"""What tests of syncs from a folder share: the folder, the sync, and ways to look at what is stored."""

from pathlib import Path

from database_rows import rows
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.sync.fetched import Fetched, FetchedFile
from pangeo_forge_federation.values.repositories import META_PATHS

FIXTURES = ROOT / "tests" / "fixtures" / "federation"
BAKERY_DATABASE = "pangeo-forge/bakery-database"
HOME = "pangeo-forge"
SEA_ICE = "pangeo-forge/sea-ice-feedstock"
META = """\
title: Sea ice
description: Daily grids
pangeo_forge_version: "0.10.4"
recipes:
  - id: daily
    object: recipe:daily
  - id: monthly
    object: recipe:monthly
provenance:
  providers:
    - name: Boreal Centre
      roles: [producer]
  license: CC-BY-4.0
maintainers:
  - name: Maren Solvik
    github: maren-solvik
bakery:
  id: north.bakery
"""
BAKERIES = """\
north.bakery:
  region: gcp.europe
  description: A bakery
  targets:
    open:
      region: gcp.europe
      public: {protocol: gs, prefix: north-open, storage_options: {anon: true}}
    scratch:
      region: gcp.europe
south.bakery:
  region: aws.us
"""
RUNNER = """\
TargetStorage:
  fsspec_class: s3fs.S3FileSystem
  fsspec_args: {key: EXAMPLE_KEY_NAME}
  root_path: 'Demo/{subpath}'
"""
LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"

# What GitHub and people put in a file's place; none of it is understood.
SOMETHING_ELSE = {
    "not YAML": "title: Sea: ice\nrecipes: [\n",
    "LFS pointer": LFS_POINTER,
    "path of a link": "../shared/meta.yaml",
    "empty": "",
    "a list": "- title: Sea ice\n",
    "a mapping of something else": "package:\n  name: sea-ice\n",
    "UTF-16 without a mark": META.encode("utf-16-le"),
    "too large": META + "#" * 1024 * 1024,
}


def one(connection, sql, **bound):
    (row,) = rows(connection, sql, **bound)
    return row[0] if len(row) == 1 else row


def dump(connection):
    """Every row of every table, but for what each sync adds: that it was."""
    tables = rows(connection, "select name from sqlite_master where type = 'table' order by name")
    return {
        name: sorted(map(repr, rows(connection, f'select * from "{name}"')))
        for (name,) in tables
        if name not in ("sync_runs", "sqlite_sequence")
    }


def feedstock(connection, feedstock_id="sea-ice-feedstock"):
    """All that a feedstock's file says, with its lists."""
    found = dict(connection.execute("select * from feedstocks where id = ?", [feedstock_id]).fetchone())
    for table, order in (("maintainers", "position"), ("providers", "position"), ("recipes", "id")):
        found[table] = rows(
            connection, f"select * from {table} where feedstock_id = :id order by {order}", id=found["id"]
        )
    return found


def problems(connection, repository=SEA_ICE):
    return rows(
        connection,
        "select source_file, pointer, severity, found_at from problems where repository = :repository order by id",
        repository=repository,
    )


def changes(connection):
    """What the last sync wrote down as changed."""
    return rows(
        connection,
        """
        select coalesce(feedstock_id, bakery_id), action, field, old, new
        from sync_changes
        where sync_run_id = (select max(id) from sync_runs)
        order by id
        """,
    )


def counts(connection):
    """Added, changed, removed and unchanged, as the last sync wrote them down."""
    return one(connection, "select added, changed, removed, unchanged from sync_runs order by id desc limit 1")


def meta_file(content, path=META_PATHS[0], repository=SEA_ICE):
    return FetchedFile(repository, path, content.encode())


def fetched(moment, *files, bakeries=None, covers=lambda repository: True):
    """What a sync was told whose fetch began at that second."""
    return Fetched("test", f"2026-11-24T00:00:{moment:02}.000000Z", list(files), bakeries, covers)


def titles(connection):
    return dict(rows(connection, "select id, title from feedstocks"))


def database_bytes(connection):
    """All that was ever written to the database file, its log and free pages too."""
    path = Path(one(connection, "select file from pragma_database_list where name = 'main'"))
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))
