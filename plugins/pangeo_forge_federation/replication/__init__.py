"""A store, read replicas and restore, by Litestream; loaded only when used. May import storage, command_line."""
