"""Reads meta.yaml and bakeries.yaml: bytes in, fields and problems out, without exceptions. Imports only `values`."""
