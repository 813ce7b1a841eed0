"""Sync the bakeries of bakeries.yaml."""

from pangeo_forge_federation.sync.command import sync_command

if __name__ == "__main__":
    sync_command(bakeries=True, feedstocks=False, help="Sync the bakeries of bakeries.yaml.")()
