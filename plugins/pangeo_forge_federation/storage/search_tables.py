"""The full-text indexes of feedstocks and datasets, and the triggers that keep them up to date.

A feedstock gets a number of its own in `feedstock_documents`, because its rowid may change with `vacuum`.
"""

TABLES_AND_TRIGGERS = """
create table feedstock_documents (
    id integer primary key autoincrement,
    feedstock_id text not null unique collate nocase
) strict;
create virtual table feedstocks_fts using fts5 (
    feedstock_id, title, description, tokenize = "unicode61 remove_diacritics 2"
);
create trigger feedstocks_fts_insert after insert on feedstocks
begin
    insert into feedstock_documents (feedstock_id)
    values (new.id);
    insert into feedstocks_fts (rowid, feedstock_id, title, description)
    select id, new.id, new.title, new.description
    from feedstock_documents
    where feedstock_id = new.id;
end;
create trigger feedstocks_fts_update after update of id, title, description on feedstocks
begin
    update feedstock_documents
    set feedstock_id = new.id
    where feedstock_id = old.id;
    update feedstocks_fts
    set feedstock_id = new.id, title = new.title, description = new.description
    where rowid = (select id from feedstock_documents where feedstock_id = new.id);
end;
create trigger feedstocks_fts_delete after delete on feedstocks
begin
    delete from feedstocks_fts
    where rowid = (select id from feedstock_documents where feedstock_id = old.id);
    delete from feedstock_documents
    where feedstock_id = old.id;
end;

create virtual table datasets_fts using fts5 (
    url, title, description,
    content = "datasets", content_rowid = "id", tokenize = "unicode61 remove_diacritics 2"
);
create trigger datasets_fts_insert after insert on datasets
begin
    insert into datasets_fts (rowid, url, title, description)
    values (new.id, new.url, new.title, new.description);
end;
create trigger datasets_fts_update after update of url, title, description on datasets
begin
    insert into datasets_fts (datasets_fts, rowid, url, title, description)
    values ('delete', old.id, old.url, old.title, old.description);
    insert into datasets_fts (rowid, url, title, description)
    values (new.id, new.url, new.title, new.description);
end;
create trigger datasets_fts_delete after delete on datasets
begin
    insert into datasets_fts (datasets_fts, rowid, url, title, description)
    values ('delete', old.id, old.url, old.title, old.description);
end;
"""
