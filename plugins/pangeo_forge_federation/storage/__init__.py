"""The SQLite files: schema, views, connections, group commit, backups. May import records and command_line."""
