from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pangeo_forge_federation.values.times import EARLIEST_YEAR, LATEST_YEAR, from_text, now, parse, to_text

INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC))
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01t10:00:00z", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01 10:00:00Z", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T04:30:00-05:30", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T10:00:00+00:00", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T10:00:00-00:00", "2026-03-01T10:00:00.000000Z"),
        ("2026-03-01T23:59:00+23:59", "2026-03-01T00:00:00.000000Z"),
        ("2026-03-01T00:00:00-23:59", "2026-03-01T23:59:00.000000Z"),
        ("2026-03-01T00:30:00+01:00", "2026-02-28T23:30:00.000000Z"),
        ("2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00.000000Z"),
        ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00.000000Z"),
        ("2024-02-29T10:00:00Z", "2024-02-29T10:00:00.000000Z"),
        ("2000-02-29T10:00:00Z", "2000-02-29T10:00:00.000000Z"),
        ("2026-03-01T23:59:59Z", "2026-03-01T23:59:59.000000Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ("2199-12-31T23:59:59.999999Z", "2199-12-31T23:59:59.999999Z"),
        ("2200-01-01T00:30:00+01:00", "2199-12-31T23:30:00.000000Z"),
        ("1969-12-31T23:30:00-01:00", "1970-01-01T00:30:00.000000Z"),
    ],
)
def test_times_are_kept_in_one_form(text, kept):
    assert parse(text) == kept


@pytest.mark.parametrize(
    ("fraction", "kept"),
    [
        (".1", ".100000"),
        (".12", ".120000"),
        (".123", ".123000"),
        (".000001", ".000001"),
        (".123456", ".123456"),
        (".123456789", ".123456"),
        (".9999996", ".999999"),
        (".0000009", ".000000"),
        ("." + "9" * 1000, ".999999"),
    ],
)
def test_further_digits_are_cut_and_not_rounded(fraction, kept):
    """Rounding would move the last moment of a month into the next."""
    assert parse(f"2026-02-28T23:59:59{fraction}Z") == f"2026-02-28T23:59:59{kept}Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "yesterday",
        "2026",
        "2026-03",
        "2026-03-01",
        "1772359200",
        "1772359200.5",
        "2026-03-01T10:00:00",
        "2026-03-01T10:00:00.000",
        "2026-03-01T10:00Z",
        "2026-03-01T10Z",
        "2026-03-01T10:00:00.Z",
        "2026-03-01T10:00:00,5Z",
        "2026-03-01T10:00:00 Z",
        "2026-03-01T10:00:00+00",
        "2026-03-01T10:00:00+0000",
        "2026-03-01T10:00:00+0:00",
        "2026-03-01T10:00:00 00:00",
        "2026-03-01T10:00:00\u221200:00",
        "2026-03-01T10:00:00+00:00:00",
        "2026-03-01T10:00:00UTC",
        "2026-03-01T10:00:00ZZ",
        "2026-03-01T10:00:00Z[Europe/London]",
        "2026-03-01T10:00:00Z\n",
        "\n2026-03-01T10:00:00Z",
        " 2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00Z ",
        "2026-03-01  10:00:00Z",
        "2026-03-01_10:00:00Z",
        "20260301T100000Z",
        "2026-W09-7",
        "2026-W09-7T10:00:00Z",
        "2026-060T10:00:00Z",
        "26-03-01T10:00:00Z",
        "02026-03-01T10:00:00Z",
        "+2026-03-01T10:00:00Z",
        "-2026-03-01T10:00:00Z",
        "2026-3-1T10:00:00Z",
        "2026/03/01T10:00:00Z",
        "01.03.2026 10:00:00Z",
        "2026-03-01T1:00:00Z",
        "\uff12\uff10\uff12\uff16-03-01T10:00:00Z",
        "2026-03-01T10:00:0٣Z",
        "Sun, 01 Mar 2026 10:00:00 GMT",
        "2026-03-01T10:00:00Z\x00",
    ],
)
def test_what_is_no_rfc_3339_time_is_refused(text):
    with pytest.raises(ValueError, match="RFC 3339"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "2026-04-31T10:00:00Z",
        "2026-00-01T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-03-00T10:00:00Z",
        "2026-03-32T10:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T25:00:00Z",
        "2026-03-01T10:60:00Z",
        "2026-03-01T10:00:61Z",
        "2026-03-01T10:00:99Z",
        "2026-03-01T10:00:00+24:00",
        "2026-03-01T10:00:00-24:00",
        "2026-03-01T10:00:00+99:99",
        "2026-03-01T10:00:00+01:60",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_times_that_do_not_exist_are_refused(text):
    with pytest.raises(ValueError):
        parse(text)


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5Z", "2017-01-01T00:59:60+01:00"])
def test_a_leap_second_is_refused_with_a_way_out(text):
    with pytest.raises(ValueError, match="leap second"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:59:59+01:00",
        "2200-01-01T00:00:00Z",
        "2199-12-31T23:30:00-01:00",
        "9999-12-31T23:59:59Z",
    ],
)
def test_times_far_away_are_refused(text):
    with pytest.raises(ValueError, match=f"{EARLIEST_YEAR} to {LATEST_YEAR}"):
        parse(text)


@given(st.text(max_size=40))
def test_nothing_but_a_sentence_comes_of_any_text(text):
    try:
        assert len(parse(text)) == 27
    except ValueError as error:
        assert str(error).split()[0] in ("is", "has")


@given(st.from_regex(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", fullmatch=True))
def test_a_text_of_the_right_form_is_kept_or_refused(text):
    try:
        kept = parse(text)
    except ValueError:
        return
    assert parse(kept) == kept
    assert from_text(kept).strftime("%Y-%m-%dT%H:%M:%S.%fZ") == kept


@given(INSTANTS)
def test_a_time_comes_back_as_it_was_kept(instant):
    text = to_text(instant)
    assert len(text) == 27
    assert from_text(text) == instant
    assert parse(text) == text


@given(INSTANTS, OFFSETS)
def test_an_offset_does_not_change_the_instant(instant, minutes):
    elsewhere = instant.astimezone(timezone(timedelta(minutes=minutes)))
    assert from_text(parse(elsewhere.isoformat())) == instant
    assert to_text(elsewhere) == to_text(instant)


@given(INSTANTS, INSTANTS)
def test_the_order_of_texts_is_the_order_of_times(one, other):
    assert (to_text(one) < to_text(other)) == (one < other)


@given(INSTANTS, st.text("0123456789", min_size=7, max_size=30))
def test_a_time_of_more_digits_is_never_moved_forward(instant, digits):
    second = instant.replace(microsecond=0)
    kept = from_text(parse(f"{second:%Y-%m-%dT%H:%M:%S}.{digits}Z"))
    assert kept == second + timedelta(microseconds=int(digits[:6]))


def test_now_is_now_in_the_same_form():
    before = datetime.now(UTC)
    text = now()
    assert before <= from_text(text) <= datetime.now(UTC)
    assert parse(text) == text


@pytest.mark.parametrize("text", ["2026-11-24", "2026-11-24T03:25:00Z", "2026-11-24T03:25:00.000000+00:00", ""])
def test_what_the_registry_does_not_keep_is_not_read(text):
    with pytest.raises(ValueError):
        from_text(text)
