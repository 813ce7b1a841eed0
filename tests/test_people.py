import pytest
from pangeo_forge_federation.files.people import github_name, orcid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("robin-sample", "robin-sample"),
        ("@Robin-Sample", "Robin-Sample"),
        ("https://github.com/robin-sample/", "robin-sample"),
        ("github.com/robin-sample", "robin-sample"),
        ("a" * 39, "a" * 39),
        ("a" * 40, None),
        ("robin--sample", None),
        ("-robin", None),
        ("robin_sample", None),
        ("Robin Sample", None),
        ("https://github.com/robin-sample/repository", None),
    ],
)
def test_names_on_github(text, expected):
    assert github_name(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0000-0002-1825-0097", "0000-0002-1825-0097"),
        ("https://orcid.org/0000-0002-1694-233x", "0000-0002-1694-233X"),
        ("orcid.org/0000-0002-1825-0097/", "0000-0002-1825-0097"),
        ("0000000218250097", "0000-0002-1825-0097"),
        ("0000-0002-1825-0098", None),
        ("0000-0002-1825", None),
        ("none", None),
    ],
)
def test_an_orcid_has_a_check_digit(text, expected):
    assert orcid(text) == expected
