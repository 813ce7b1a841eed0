"""Restore a registry from the store to which it is replicated."""

from pangeo_forge_federation.replication.restore_command import restore_command

if __name__ == "__main__":
    restore_command(prog_name="scripts/restore.py")
