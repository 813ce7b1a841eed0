"""Past one machine: the databases in an object store, and read replicas that follow it. Litestream does the work."""
