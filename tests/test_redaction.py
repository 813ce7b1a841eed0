"""`redact`: each kind of secret in a text is replaced, nothing else is, and the time grows with the length alone."""

import time

import pytest
from pangeo_forge_federation.files.clean_text import cut_to_bytes
from pangeo_forge_federation.values.redaction import KINDS, redact, secrets_in
from secret_samples import BODY, GITHUB_TOKEN, SAMPLES

ALL = [(kind, *sample) for kind, samples in SAMPLES.items() for sample in samples]


def test_there_is_a_sample_of_each_kind():
    assert [kind.name for kind in KINDS] == list(SAMPLES)


@pytest.mark.parametrize(("kind", "text", "redacted"), ALL)
def test_each_kind_is_replaced(kind, text, redacted):
    assert redact(text) == redacted
    assert kind in [found.name for found in secrets_in(text)]
    assert redact(redacted) == redacted
    assert not secrets_in(redacted)


def test_several_kinds_in_one_text():
    text = "\n".join(text for _, text, _ in ALL)
    assert redact(text) == "\n".join(redacted for *_, redacted in ALL)


def test_e_mail_addresses_can_be_left():
    text = f"git clone git@github.com:a/b with {GITHUB_TOKEN}"
    assert redact(text, e_mail_addresses=False) == "git clone git@github.com:a/b with [token]"
    assert [kind.name for kind in secrets_in(text, e_mail_addresses=False)] == ["a token of GitHub"]


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
        ("desk\uff20survey.example, desk&commat;survey.example", "[e-mail], [e-mail]"),
        ("desk@survey.example-based", "[e-mail]-based"),
        ("Doe (doe@survey.example1), Roe", "Doe ([e-mail]1), Roe"),
        ("https://robin@store.example/x", "https://[e-mail]/x"),
        ("git@github.com:pangeo-forge/gpcp-feedstock.git", "[e-mail]:pangeo-forge/gpcp-feedstock.git"),
        ('{"url":"https://host:8080","mail":"a@b.example"}', '{"url":"https://host:8080","mail":"[e-mail]"}'),
    ],
)
def test_addresses_are_replaced(text, published):
    assert redact(text) == published


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
        "https://host:8080/a@b",
        "http://[::1]:8001/recipe_runs?x=a:b@c",
        "s3://arn:aws:s3:us-west-2:123456789012:accesspoint/name/key@1",
        "zip://a.zip::https://host/x@1.2",
        "27b264a69bd6e1ac3d4df6a2bb9d1f1ac0a8c8f1",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "air.2m.gauss/0.0.0, .zmetadata, c/0/12/3, precip/.zarray",
        # the Global Human Settlement Layer, and other names that begin as tokens do
        "ghs_built_s_e2030_globe_r2023a_54009_100_v1_0_tiles",
        "hf_radar_totals_hourly_us_west_coast_6km_resolution",
        "pypi-agent and pypi-AgEnda",
        "xoxo-lots-of-love-from-the-data-desk",
        "AKIA, ASIA and ASIA_MONSOON_PRECIPITATION_2020",
        f"eyJ is how JSON begins in base64: eyJ{BODY}",
        "-----BEGIN PRIVATE KEY----- is the first line of one, -----END PRIVATE KEY----- its last"[:60],
        "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA\n-----END CERTIFICATE-----",
        "?sig=5&alpha=0.05",
        "?Signature=none",
        "signature = f(x), se=0.1, sp=0.9",
        "pfk_ and pfk_id",
    ],
)
def test_nothing_else_is_replaced(text):
    assert redact(text) == text


# What an attacker would repeat: beginnings of secrets that do not end, and secrets that follow one another.
UNITS = [
    *("@", "a@b.cc ", "@x.org", "a@" + "b." * 50, "%40", "&#000", "mailto:", '"@x.org'),
    *("://", "://a:", "://a:b@", ":", "%3A%2F%2F", "%3A%2F%2Fa:", "%25", "%2525", "s3://AKIA" + "A" * 16 + ":"),
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY----- a", "-----END PRIVATE KEY-----", "-----", " \n"),
    *("-----BEGIN PRIVATE KEY-----\n" + "A" * 16, "Proc-Type: ", "\\n"),
    *("sig=", "&sig=", "&sig=&se=", "sig=a ", "?X-Amz-Signature=a&", "signature", "a=", "%3D", "\\u0026", "%26"),
    *("pfk_1_", "pfk", "ghp_", "ghs_1_eyJa.", "_github_pat_", "AKIA", "AIza", "-AIza", "ya29.", "ya29.a."),
    *("xoxb-1", "-xoxb-1", "pypi-AgE", "hf_", "eyJ", "-eyJ", "_eyJ", "eyJaaaaaaaaaa.", "eyJaaaaaaaaaa..", "\\neyJ"),
]
BEGINNINGS = ("", "https://a:", "%3A%2F%2Fa:", "-----BEGIN PRIVATE KEY-----", "eyJ", "https://x?sig=", "ghs_1_eyJ")


def seconds(text):
    best = float("inf")
    for _ in range(2):
        started = time.process_time()
        redact(text)
        best = min(best, time.process_time() - started)
    return best


@pytest.mark.parametrize(
    ("beginning", "unit"),
    [*((beginning, unit) for beginning in BEGINNINGS for unit in UNITS), *(("", text) for _, text, _ in ALL)],
)
def test_the_time_grows_with_the_length(beginning, unit):
    short, long = (beginning + unit * (length // len(unit)) for length in (5_000, 40_000))
    # eight times as long: a square would take 64 times as long, and what takes less than a millisecond is noise
    assert seconds(long) < 24 * max(seconds(short), 0.001)


def test_a_cut_falls_between_characters():
    assert cut_to_bytes("éé", 3) == "é"
    assert cut_to_bytes("ab", 2) == "ab"
