import time

import pytest
from pangeo_forge_federation.files.clean_text import cut_to_bytes
from pangeo_forge_federation.files.redaction import redact_addresses


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("Data desk <desk@survey.example>, open", "Data desk <[e-mail]>, open"),
        ("first.last+forge@mail.survey.example.", "[e-mail]."),
        ("jösé@exämple.example", "[e-mail]"),
        ("e\u0301ve@survey.example", "[e-mail]"),
        ("a@survey.example,b@survey.example", "[e-mail],[e-mail]"),
        ("'desk@survey.example'", "'[e-mail]'"),
        ("o'hara@survey.example", "[e-mail]"),
        ('"the desk"@survey.example', "[e-mail]"),
        ("desk@[192.0.2.1]", "[e-mail]"),
        ("write to mailto:desk@survey.example?subject=Hello.", "write to [e-mail]."),
        ("desk%40survey.example, desk&#64;survey.example", "[e-mail], [e-mail]"),
        ("desk@survey.example-based", "[e-mail]-based"),
        ("Doe (doe@survey.example1), Roe", "Doe ([e-mail]1), Roe"),
        ("https://name:word@store.example/x", "https://name:[e-mail]/x"),
    ],
)
def test_addresses_are_replaced(text, published):
    assert redact_addresses(text) == published


@pytest.mark.parametrize(
    "text",
    [
        "@handle",
        "https://user@host/",
        "https://social.example/@handle/1",
        "actions/checkout@v2.1",
        "tool@1.2.3rc1",
        "doi:10.1594/PANGAEA.940149",
        "measured @ 10.5 km",
        "https://maps.example/@51.5,-0.1,7z",
    ],
)
def test_what_is_no_address_stays(text):
    assert redact_addresses(text) == text


@pytest.mark.parametrize("unit", ["@", "a@b.cc ", "@x.org", "a@" + "b." * 50, "%40", "&#000", "mailto:", '"@x.org'])
def test_the_cost_grows_with_the_length(unit):
    def cost(size):
        text, least = unit * (size // len(unit)), float("inf")
        for _ in range(3):
            began = time.process_time()
            redact_addresses(text)
            least = min(least, time.process_time() - began)
        return least

    short, long = cost(50_000), cost(400_000)
    # 64 times, were it by the square
    assert long < 24 * short


def test_a_cut_falls_between_characters():
    assert cut_to_bytes("éé", 3) == "é"
    assert cut_to_bytes("ab", 2) == "ab"
