"""Who may do what: tokens, permissions, rate limit, audit log. May import records, storage, command_line; the command
of tokens also replication, since a token that was just revoked must be gone from the store too.
"""
