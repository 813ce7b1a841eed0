"""The commands of `forge`: a thin layer on `federation.client.Client`."""
