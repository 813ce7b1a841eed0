"""Sync bakeries and feedstocks."""

from pangeo_forge_federation.sync.command import sync_command

if __name__ == "__main__":
    sync_command(bakeries=True, feedstocks=True, help="Sync bakeries and feedstocks.")()
