"""The client of the registry, from a checkout: the same as the `forge` that the package installs."""

from pangeo_forge_federation.client.commands.root import main

if __name__ == "__main__":
    main()
