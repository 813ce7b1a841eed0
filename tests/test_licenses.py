import pytest
from pangeo_forge_federation.files.licenses import nearest_spdx_id, spdx_id, spdx_id_of_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CC-BY-4.0", "CC-BY-4.0"),
        ("cc-by-4.0", "CC-BY-4.0"),
        ("MIT", "MIT"),
        ("GPL-3.0", "GPL-3.0-only"),
        ("CC-BY", None),
        ("CC BY", None),
        ("CC BY 4.0", None),
        ("CC0", None),
        ("Apache Version 2.0", None),
        ("MIT OR Apache-2.0", None),
        ("Classpath-exception-2.0", None),
        ("LicenseRef-scancode-public-domain", None),
        ("proprietary", None),
    ],
)
def test_one_spdx_id_or_none(text, expected):
    assert spdx_id(text) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://creativecommons.org/licenses/by/4.0", "CC-BY-4.0"),
        ("http://www.creativecommons.org/licenses/by-nc-sa/3.0/", "CC-BY-NC-SA-3.0"),
        ("https://creativecommons.org/licenses/by/4.0/legalcode", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by/3.0/de/deed.en", "CC-BY-3.0-DE"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/licenses/by/9.9/", None),
        ("https://creativecommons.org.example/licenses/by/4.0", None),
        ("https://licence.example/by/4.0", None),
    ],
)
def test_addresses_of_creative_commons(address, expected):
    assert spdx_id_of_url(address) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CC-BY", "CC-BY-4.0"),
        ("Creative Commons Attribution 4.0 (CC BY 4.0)", "CC-BY-4.0"),
        ("cc by-nc 3.0", "CC-BY-NC-3.0"),
        ("CC0", "CC0-1.0"),
        ("Apache Version 2.0", "Apache-2.0"),
        ("BSD-3-Clauses", "BSD-3-Clause"),
        ("Unknown", None),
        ("No constraints on data access or use.", None),
    ],
)
def test_what_an_author_may_have_meant(text, expected):
    assert nearest_spdx_id(text) == expected
