"""Reads meta.yaml and bakeries.yaml: bytes in, fields and problems out; never raises. Imports no other room."""
