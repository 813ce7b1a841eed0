"""Make public snapshots and full backups of the registry, and restore a backup."""

from pangeo_forge_federation.storage.backup_command import backup_command

if __name__ == "__main__":
    backup_command()
