"""The commands of `forge`, a thin layer over `pangeo_forge_federation.client.Client`."""
