"""The SQLite files: schema, views, connections, group commit, backups. May import records, command_line."""
