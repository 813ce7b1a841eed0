"""Run `forge`, the registry's client, from a checkout."""

from pangeo_forge_federation.client.commands.root import main

if __name__ == "__main__":
    main()
