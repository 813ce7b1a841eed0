"""The tables of `tokens.db`, as numbered migrations. Those that were released are never edited."""

from sqlite_utils import Database, Migrations

from pangeo_forge_federation.storage.database import execute_script

migrations = Migrations("tokens")


@migrations()
def m001_tokens(db: Database) -> None:
    """Create the tokens. One without a bakery is an administrator's. Ids are never reused, as logs contain them."""
    execute_script(
        db.conn,
        """
        create table tokens (
            id integer primary key autoincrement,
            secret_sha256 text not null check (length(secret_sha256) = 64),
            bakery_id text collate nocase,
            name text,
            created_at text not null,
            expires_at text not null,
            revoked_at text
        ) strict;
        """,
    )


@migrations()
def m002_audit_log(db: Database) -> None:
    """Record each write with the status of its response, and when each token was last used."""
    execute_script(
        db.conn,
        """
        alter table tokens add column last_used_at text;
        create table audit_log (
            id integer primary key autoincrement,
            at text not null,
            token_id integer not null,
            client text,
            method text not null,
            path text not null,
            status integer not null
        ) strict;
        create index audit_log_token_id on audit_log (token_id);
        """,
    )
