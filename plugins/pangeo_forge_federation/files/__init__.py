"""What the YAML files of the federation say: bytes in, fields and problems out. Nothing here fetches or saves."""
