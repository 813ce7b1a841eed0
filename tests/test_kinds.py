"""A field of each kind, of a record that is made up here, on every way that a value of it takes.

What is sent is checked and stored as bodies are, written out as lists, CSV and single records are, found by filters,
shown as pages show it, and read by the client as its options and files are. Only the routes are those of real records.
"""

import csv
import json

import click
import pytest
from click.testing import CliRunner
from pangeo_forge_federation.api.filters import SCALARS, BadFilter, Clauses, Column, apply_filter
from pangeo_forge_federation.client.checking import check_value
from pangeo_forge_federation.client.commands.writing import field_option
from pangeo_forge_federation.client.endpoints import Field
from pangeo_forge_federation.explorer.other_facts import other_facts
from pangeo_forge_federation.records.bodies import create_model_of, update_model_of
from pangeo_forge_federation.records.field_kinds import column_kinds
from pangeo_forge_federation.records.field_types import Boolean, Day, Integer, Number, Time, Title
from pangeo_forge_federation.records.json_rows import json_row
from pangeo_forge_federation.records.models import OPTIONAL, Record, field
from pangeo_forge_federation.records.rows import csv_line, to_cells, to_object
from pangeo_forge_federation.records.validation import check
from pangeo_forge_federation.server.client_files import described_fields
from pangeo_forge_federation.storage.database import connect
from pangeo_forge_federation.storage.read_connections import connect_reader
from pangeo_forge_federation.storage.row_writes import insert, update
from pangeo_forge_federation.values.json_text import dump_json


class MadeUp(Record):
    """A record with a field of each kind."""

    id: Integer = field("Primary key.", 1)
    a_text: Title | None = field("A text.", create=OPTIONAL, update=True)
    an_integer: Integer | None = field("An integer.", create=OPTIONAL, update=True)
    a_number: Number | None = field("A number.", create=OPTIONAL, update=True)
    a_boolean: Boolean | None = field("A boolean.", create=OPTIONAL, update=True)
    a_time: Time | None = field("A time.", create=OPTIONAL, update=True)
    a_day: Day | None = field("A day.", create=OPTIONAL, update=True)


KINDS = column_kinds(MadeUp)
COLUMNS = tuple(KINDS)
FIELDS = {name: Field(**told) for name, told in described_fields(MadeUp).items()}
# what is sent, as a person writes it, and what a page shows
GOOD = [
    ("a_text", 'of "two"\nlines, é', 'of "two"\nlines, é', "of &#34;two&#34;\nlines, é"),
    ("an_integer", 2**63 - 1, "9223372036854775807", "9223372036854775807"),
    ("an_integer", -7, "-7", "-7"),
    ("a_number", 12, "12", "12"),
    ("a_number", 0, ".0", "0"),
    ("a_number", 12.5, "+12.50", "12.5"),
    ("a_number", 0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"),
    ("a_number", -123456789.123456789, "-123456789.123456789", "-123,456,789.12345679"),
    ("a_number", 5e-324, "5e-324", "5e-324"),
    ("a_number", 1e308, "1E308", "1e+308"),
    ("a_boolean", True, "true", "yes"),
    ("a_boolean", False, "0", "no"),
    ("a_time", "2026-11-24T03:25:00.000000Z", "2026-11-24T03:25:00.000000Z", "2026-11-24 03:25:00 UTC"),
    ("a_day", "2026-11-24", "2026-11-24", "2026-11-24"),
]
# what is no value of a kind: as it is sent, and as a person writes it where the client can tell
BAD = [
    ("a_text", [12, True, ["x"]], []),
    ("an_integer", [1.5, "1", True], ["1.5", "1_000", "x", "9223372036854775808"]),
    ("a_number", ["12.5", True, [1.5]], ["much", "nan", "inf", "1_000", "1e999", "1,5", "0x1", "٣"]),
    ("a_boolean", [1, "true"], ["yes", "2"]),
    ("a_time", ["2026-11-24", 7], []),
    ("a_day", ["2026-11-31", "20261124", "2026-W48-2", "1969-12-31", 7], []),
]


@pytest.fixture
def path(tmp_path):
    connection = connect(tmp_path / "made-up.db")
    connection.execute(
        "create table made_up (id integer primary key, a_text text, an_integer integer, a_number real, "
        "a_boolean integer, a_time text, a_day text) strict"
    )
    connection.close()
    return tmp_path / "made-up.db"


def test_each_kind_that_is_filtered_on_is_here():
    assert set(KINDS.values()) == set(SCALARS)
    assert {name for name, *_ in GOOD} == {name for name, *_ in BAD} == {*COLUMNS} - {"id"}


@pytest.mark.parametrize(("name", "sent", "written", "shown"), GOOD)
def test_a_value_stays_what_it_is_on_every_way(path, name, sent, written, shown):
    writer, reader = connect(path), connect_reader(path)
    for number, model in enumerate((create_model_of(MadeUp), update_model_of(MadeUp)), start=1):
        body, faults = check(model, {name: sent})
        assert faults == []
        values = {field: getattr(body, field) for field in body.model_fields_set}
        insert(writer, "made_up", {"id": number})
        update(writer, "made_up", number, values)
    insert(writer, "made_up", {"id": 3, **dict.fromkeys(COLUMNS[1:])})

    rows = [tuple(row) for row in reader.execute("select * from made_up order by id")]
    records = [to_object(COLUMNS, row, KINDS) for row in rows]
    assert [record[name] for record in records] == [sent, sent, None]
    assert type(records[0][name]) is type(float(sent) if name == "a_number" else sent)
    listed = reader.execute(f"select {json_row(MadeUp, COLUMNS)} from made_up order by id").fetchall()
    assert [text.encode() for (text,) in listed] == [dump_json(record) for record in records]

    cells = [next(csv.reader([csv_line(to_cells(COLUMNS, row, KINDS)).decode()], strict=True)) for row in rows]
    assert cells[2][1:] == [""] * 6
    for text in (cells[0][COLUMNS.index(name)], written):
        assert FIELDS[name].read(text) == sent
        if name != "a_text":
            assert found(reader, name, "", text) == [1, 2]
    check_value(FIELDS[name], sent)
    given = {}
    command = click.Command("send", params=[field_option(name, FIELDS[name])], callback=given.update)
    flag = f"--{name.replace('_', '-')}"
    option = [flag if sent else f"--no-{flag[2:]}"] if name == "a_boolean" else [f"{flag}={written}"]
    assert CliRunner().invoke(command, option).exit_code == 0
    assert given == {name: sent}

    assert found(reader, name, "isnull", "true") == [3]
    assert found(reader, name, "in", json.dumps([sent])) == [1, 2]
    assert found(reader, name, "not", written) == []
    if name != "a_boolean":
        assert found(reader, name, "gte", written) == [1, 2]
        assert found(reader, name, "lt", written) == []

    label = name.replace("_", " ").capitalize()
    assert [[(told, str(words)) for told, words in other_facts(MadeUp, record)] for record in records] == [
        [(label, shown)],
        [(label, shown)],
        [],
    ]
    writer.close()
    reader.close()


def found(reader, name, operator, text):
    clauses = Clauses()
    apply_filter(Column(name, KINDS[name]), operator, text, clauses)
    return [row[0] for row in reader.execute(f"select id from made_up where {clauses.where[0]}", clauses.values)]


@pytest.mark.parametrize(("name", "sent", "written"), BAD)
def test_what_is_no_value_is_refused_wherever_it_comes_from(name, sent, written):
    for value in sent:
        for model in (create_model_of(MadeUp), update_model_of(MadeUp)):
            body, faults = check(model, {name: value})
            assert (body, [fault["pointer"][: -len(name)] for fault in faults]) == (None, ["/"]), value
        with pytest.raises(ValueError):
            check_value(FIELDS[name], value)
    flag = f"--{name.replace('_', '-')}"
    for text in written:
        with pytest.raises(ValueError):
            FIELDS[name].read(text)
        with pytest.raises(BadFilter):
            apply_filter(Column(name, KINDS[name]), "", text, Clauses())
        if name != "a_boolean":
            refused = CliRunner().invoke(click.Command("send", params=[field_option(name, FIELDS[name])]), [flag, text])
            assert (refused.exit_code, flag in refused.stderr) == (2, True)
    if name == "a_day":
        for text in sent[:-1]:
            with pytest.raises(BadFilter):
                apply_filter(Column(name, KINDS[name]), "", text, Clauses())
