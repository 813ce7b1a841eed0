"""A meta.yaml of some lines, as tests of its parts read it."""

from pangeo_forge_federation.files.meta_yaml import parse_meta_yaml

TITLE = "title: Tides\n"


def read(text):
    parsed = parse_meta_yaml((TITLE + text).encode())
    assert parsed.understood
    return parsed, [(problem.pointer, problem.severity) for problem in parsed.problems]
