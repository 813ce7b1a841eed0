"""Large files of meta.yaml cost little time and memory, and are read in full."""

import pytest
from costs import peak_bytes, relative_cost
from meta_reading import TITLE, read
from pangeo_forge_federation.files.meta_yaml import parse_meta_yaml

MEBIBYTE = 1_048_576
LARGE = {
    "9,500 recipes": b"recipes:\n"
    + b"".join(b"- {id: model-%d.r1i1p1f1.Amon.tas.gn, object: 'recipe:r%d'}\n" % (n, n) for n in range(9_500)),
    "bad recipes": b"recipes: [" + b"aaaaa," * 160_000 + b"]",
    "empty recipes": b"recipes:\n" + b"- \n" * 199_000,
    "turned ids": b"recipes:\n" + "- id: a\u202ea\n".encode() * 65_000,
    "addresses": b"description: '" + b"a@b.cc " * 149_000 + b"'",
    "at signs": b"description: '" + b"@" * 1_000_000 + b"'",
    "controls": b'description: "' + b"\\a" * 500_000 + b'"',
    "controls below long keys": b"".join(b" " * n + b"k" * 400 + b":\n" for n in range(97))
    + b" " * 97
    + b"["
    + b'"\\a",' * 25_000
    + b"]",
    "a long licence": b"license: '" + b"cc by " * 170_000 + b"'",
    "a long address": b"license_link: 'http://" + b"a." * 500_000 + b"'",
    "a long ORCID": b"maintainers: [{orcid: '" + b"0" * 1_000_000 + b"'}]",
    "people by name": b"maintainers:\n" + b"".join(b" robin-%d: Robin\n" % n for n in range(50_000)),
    "providers": b"provenance: {providers: [" + b"{url: www.x.yy}," * 60_000 + b"]}",
    "flat below deep": b"recipes: " + b"[" * 98 + b"a," * 190_000 + b"]" * 98,
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE.keys())
def test_a_byte_of_a_large_file_costs_about_as_much_as_one_of_an_ordinary_file(text):
    data = TITLE.encode() + text
    assert len(data) <= MEBIBYTE
    parsed = parse_meta_yaml(data)  # also builds the index of licences, once in a process
    assert len(parsed.problems) <= 200
    # up to 9 was measured; what grows with the square of a thousand times the length is far beyond
    assert relative_cost(parse_meta_yaml, data, enough=40) < 40


@pytest.mark.parametrize("name", ["bad recipes", "turned ids", "addresses"])
def test_a_large_file_costs_less_than_100_megabytes(name):
    assert (
        0
        < peak_bytes("pangeo_forge_federation.files.meta_yaml.parse_meta_yaml", TITLE.encode() + LARGE[name])
        < 100_000_000
    )


def test_thousands_of_recipes_are_read_in_full():
    parsed, problems = read(LARGE["9,500 recipes"].decode())
    assert len(parsed.recipes) == 9_500
    assert parsed.recipes[-1]["object"] == "recipe:r9499"
    assert problems == [("", "warning")]
