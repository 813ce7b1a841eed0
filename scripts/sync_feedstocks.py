"""Sync the feedstocks of all meta.yaml files."""

from pangeo_forge_federation.sync.command import sync_command

if __name__ == "__main__":
    sync_command(bakeries=False, feedstocks=True, help="Sync the feedstocks of all meta.yaml files.")()
