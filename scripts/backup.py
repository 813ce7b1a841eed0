"""Make a public snapshot of the registry, or a backup of everything, and restore one."""

from pangeo_forge_federation.storage.backup_command import backup_command

if __name__ == "__main__":
    backup_command()
