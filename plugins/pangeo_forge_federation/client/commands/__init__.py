"""The commands of `forge`: a thin layer on `pangeo_forge_federation.client.Client`."""
