"""Tables with a mapping: the CINECA table gives what the CINECA JSON gives, and every wrong cell is named."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.discovery.subjects.sources import SubjectSources, read_subjects
from opengdi.discovery.subjects.tables import Sex
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import EntryType

UK1 = """
missing = ["#REF!", "Prefer not to answer"]
individual.id = "Subject id"
biosample.id = "Accession"
biosample.fixed.biosampleStatus = { id = "EFO:0009654", label = "reference sample" }
biosample.fixed.sampleOriginType = { id = "UBERON:0000178", label = "blood" }

[[columns]]
column = "Sex"
field = "sex"
values.male = { id = "NCIT:C20197", label = "male" }
values.female = { id = "NCIT:C16576", label = "female" }

[[columns]]
column = "Body mass index (BMI)-0.0"
field = "measurements"
assay = { id = "LOINC:35925-4", label = "BMI" }
unit = { id = "NCIT:C49671", label = "Kilogram per Square Meter" }

[[columns]]
column = "Respiratory system disorders"
field = "diseases"
values."influenza due to certain identified influenza virus" = { id = "ICD10:J11" }
values.asthma = { id = "ICD10:J45", label = "asthma" }
values."acute bronchitis" = { id = "ICD10:J40" }

[[columns]]
column = "Operative procedures - OPCS4-0.0"
field = "interventionsOrProcedures"
prefix = "OPCS4"

[[columns]]
column = "Country of birth (UK/elsewhere)-0.0"
field = "geographicOrigin"
others = "ignore"
values.Wales = { id = "GAZ:00002640", label = "Wales" }

[[columns]]
column = "Ever smoked-0.0"
field = "info.everSmoked"
"""

SMALL = """
individual.id = "who"
[[columns]]
column = "sex"
field = "sex"
values.w = { id = "NCIT:C16576", label = "female" }
[[columns]]
column = "codes"
field = "diseases"
prefix = "ICD10"
split = ";"
age_column = "onset"
[[columns]]
column = "age"
field = "age"
as = "years"
"""


def sources(tmp_path, table, mapping=SMALL, name="people.tsv"):
    (tmp_path / "mapping.toml").write_text(mapping)
    (tmp_path / name).write_text(table)
    return SubjectSources(table=tmp_path / name, mapping=tmp_path / "mapping.toml")


@pytest.fixture(scope="module")
def uk1(shared, tmp_path_factory):
    mapping = tmp_path_factory.mktemp("mapping") / "mapping.toml"
    mapping.write_text(UK1)
    return read_subjects(SubjectSources(table=shared / "data" / "cineca" / "uk1.tsv.gz", mapping=mapping))


def test_the_cineca_table_gives_the_people_of_the_cineca_json(shared, uk1):
    with gzip.open(shared / "data" / "cineca" / "individuals.json.gz") as file:
        people = {one["id"]: one for one in json.load(file)}
    assert not uk1.problems
    assert set(uk1.individuals.ids) == set(people)
    for document in map(json.loads, uk1.individuals.documents):
        other = people[document["id"]]
        assert document["sex"] == other["sex"]
        bmi = next(one for one in other["measures"] if one["assayCode"]["label"] == "BMI")
        value = document["measurements"][0]["measurementValue"]["value"]
        assert value == pytest.approx(bmi["measurementValue"]["value"])
        codes = {one["diseaseCode"]["id"] for one in other.get("diseases", [])} & {
            "ICD10:J11",
            "ICD10:J45",
            "ICD10:J40",
        }
        assert {one["diseaseCode"]["id"] for one in document.get("diseases", [])} == codes
        assert (
            document["interventionsOrProcedures"][0]["procedureCode"]["id"]
            == (other["interventionsOrProcedures"][0]["procedureCode"]["id"])
        )


def test_the_cineca_table_gives_one_biosample_for_each_person(uk1):
    assert len(uk1.entries[EntryType.BIOSAMPLE]) == 2504
    first = json.loads(uk1.entries[EntryType.BIOSAMPLE].documents[0])
    assert (first["id"], first["individualId"]) == ("SAMEA7082814", "HG00096")


def test_a_population_label_can_come_from_any_mapped_field(uk1):
    assert set(uk1.labels("geographicOrigin")) == {None, "Wales"}
    assert set(uk1.labels("info.everSmoked")) == {"Yes", "No"}


def test_codes_split_and_carry_the_age_of_onset(tmp_path):
    tables = read_subjects(
        sources(tmp_path, "who\tsex\tcodes\tonset\tage\na\tw\tE11 diabetes;I10\t40\t61.5\n")
    )
    document = json.loads(tables.individuals.documents[0])
    assert document["diseases"] == [
        {"diseaseCode": {"id": "ICD10:E11", "label": "diabetes"}, "ageOfOnset": {"iso8601duration": "P40Y"}},
        {"diseaseCode": {"id": "ICD10:I10"}, "ageOfOnset": {"iso8601duration": "P40Y"}},
    ]
    assert document["age"] == {"iso8601duration": "P61.5000Y"}
    assert tables.sexes == (Sex.FEMALE,)


def test_a_csv_is_split_at_commas_and_quotes_are_understood(tmp_path):
    tables = read_subjects(
        sources(tmp_path, 'who,sex,codes,onset,age\n"a, the first",w,,,\n', name="people.csv")
    )
    assert tables.individuals.ids == ("a, the first",)


@pytest.mark.parametrize(
    "name, told", [("people.csv", ""), ("people.tsv", ""), ("people.txt", 'delimiter = ";"\n')]
)
def test_a_table_as_a_spreadsheet_of_most_of_europe_saves_it(tmp_path, name, told):
    table = "\ufeffwho;sex;codes;onset;age\r\na;w;E11;33,5;41\r\n"
    tables = read_subjects(sources(tmp_path, table, f'decimal = ","\n{told}{SMALL}', name))
    assert not tables.problems
    document = json.loads(tables.individuals.documents[0])
    assert document["age"] == {"iso8601duration": "P41Y"}
    assert document["diseases"][0]["ageOfOnset"] == {"iso8601duration": "P33.5000Y"}


def test_a_decimal_comma_that_the_mapping_does_not_tell_is_named(tmp_path):
    (problem,) = read_subjects(sources(tmp_path, "who\tsex\tcodes\tonset\tage\na\tw\t\t\t33,5\n")).problems
    assert problem.message == (
        "column 'age': '33,5' is not a number; if the table has decimal commas, say decimal = \",\" in the mapping"
    )


def test_a_point_in_a_table_with_decimal_commas_is_refused_and_not_guessed_at(tmp_path):
    """`1.500` is a thousand and a half where commas are decimal."""
    table = "who;sex;codes;onset;age\na;w;;;1.500\nb;w;;;41\n"
    tables = read_subjects(sources(tmp_path, table, f'decimal = ","\n{SMALL}'))
    assert tables.individuals.ids == ("b",)
    assert [problem.message for problem in tables.problems] == [
        "column 'age': '1.500' has a point in a table with decimal commas; take it away"
    ]


def test_a_column_that_comes_twice_is_refused(tmp_path):
    with pytest.raises(Invalid, match=r"people\.tsv, line 1: the header has two columns 'age'"):
        read_subjects(sources(tmp_path, "who\tsex\tcodes\tonset\tage\tage\n"))


def test_a_header_without_the_columns_shows_what_it_has(tmp_path):
    with pytest.raises(Invalid, match="no column 'who', which the mapping names; it has 'name', 'sex'"):
        read_subjects(sources(tmp_path, "name\tsex\n"))


@pytest.mark.parametrize("row", ['b,"w,,,', '"b"c,w,,,'])
def test_a_quotation_mark_left_open_swallows_no_line(tmp_path, row):
    with pytest.raises(
        Invalid, match=r"people\.csv, line 3: .*; look for a quotation mark that is not closed"
    ):
        read_subjects(
            sources(tmp_path, f"who,sex,codes,onset,age\na,w,,,\n{row}\nc,w,,,\n", name="people.csv")
        )


@pytest.mark.parametrize(
    "line, reason",
    [
        ("a\tw\t\t\told", "column 'age': 'old' is not a number"),
        ("a\tm\t\t\t", "column 'sex': 'm' is none of the values"),
        ("\tw\t\t\t", "column 'who' is empty"),
        ("a\tw", "2 columns; the header has 5"),
        ("a\tw\tE11\t-3\t", "column 'codes': '-3' is no age"),
    ],
)
def test_a_line_that_cannot_be_understood_is_left_out_and_named(tmp_path, line, reason):
    tables = read_subjects(sources(tmp_path, f"who\tsex\tcodes\tonset\tage\ngood\tw\t\t\t\n{line}\n"))
    assert tables.individuals.ids == ("good",)
    (problem,) = tables.problems
    assert problem.place == "line 3"
    assert reason in problem.message


@pytest.mark.parametrize(
    "mapping, reason",
    [
        ("individual.id = 1", "individual"),
        ('individual.id = "nobody"\ncolumns = []', "no column 'nobody'"),
        ('individual.id = "who"\ncolumns = []\ncolour = "red"', "colour"),
        (
            'individual.id = "who"\n[[columns]]\ncolumn = "age"\nfield = "measurements"',
            "needs `assay` and `unit`",
        ),
        ('individual.id = "who"\n[[columns]]\ncolumn = "age"\nfield = "x"\nentry = "biosample"', "biosample"),
        ("not toml", "mapping.toml"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_name(tmp_path, mapping, reason):
    with pytest.raises(Invalid, match=reason):
        read_subjects(sources(tmp_path, "who\tage\na\t1\n", mapping))


def test_a_table_without_a_mapping_is_refused(tmp_path):
    with pytest.raises(Invalid, match="together"):
        SubjectSources(table=tmp_path / "people.tsv")


@given(st.binary(max_size=300))
def test_any_bytes_for_a_table_give_people_or_a_refusal(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "mapping.toml").write_text(SMALL)
    (folder / "people.tsv").write_bytes(b"who\tsex\tcodes\tonset\tage\n" + content)
    refused, tables = "", None
    try:
        tables = read_subjects(SubjectSources(table=folder / "people.tsv", mapping=folder / "mapping.toml"))
    except Invalid as refusal:
        refused = str(refusal)
    assert "people.tsv" in refused if tables is None else len(tables) == len(set(tables.individuals.ids))


DATED = """
individual.id = "who"
biosample.id = "tube"
biosample.fixed.sampleOriginType = { id = "UBERON:0000178" }
[[columns]]
column = "taken"
field = "collectionDate"
entry = "biosample"
[[columns]]
column = "born"
field = "info.birth"
as = "date"
"""


def dated(tmp_path, taken, born="", dates="", of_born=""):
    """Collection dates of the biosample, births of the person, and what is wrong."""
    mapping = f'dates = "{dates}"\n{DATED}' if dates else DATED
    mapping += f'dates = "{of_born}"\n' if of_born else ""
    tables = read_subjects(sources(tmp_path, f"who\ttube\ttaken\tborn\na\tt\t{taken}\t{born}\n", mapping))
    samples = [
        json.loads(text).get("collectionDate") for text in tables.entries[EntryType.BIOSAMPLE].documents
    ]
    births = [json.loads(text).get("info") for text in tables.individuals.documents]
    return samples, births, [problem.message for problem in tables.problems if problem.left_out]


@pytest.mark.parametrize(
    "form, cell",
    [
        ("DD.MM.YYYY", "31.12.1980"),
        ("DD.MM.YYYY", "1980-12-31"),
        ("MM/DD/YYYY", "12/31/1980"),
        ("YYYY/MM/DD", "1980/12/31"),
        ("DD-MM-YYYY", "31-12-1980 00:00:00"),
        ("DD. MM. YYYY", "31. 12. 1980"),
        ("DDMMYYYY", "31121980"),
    ],
)
def test_dates_are_read_in_the_form_that_the_mapping_names(tmp_path, form, cell):
    assert dated(tmp_path, cell, cell, dates=form) == (["1980-12-31"], [{"birth": "1980-12-31"}], [])


def test_days_and_months_may_have_one_digit_where_a_sign_parts_them(tmp_path):
    assert dated(tmp_path, "1.2.1980", dates="DD.MM.YYYY")[0] == ["1980-02-01"]
    assert "neither a date of the form DDMMYYYY" in dated(tmp_path, "1121980", dates="DDMMYYYY")[2][0]


def test_a_column_may_have_a_form_of_dates_of_its_own(tmp_path):
    told = dated(tmp_path, "01.02.1980", "01/02/1980", dates="DD.MM.YYYY", of_born="MM/DD/YYYY")
    assert told == (["1980-02-01"], [{"birth": "1980-01-02"}], [])


@pytest.mark.parametrize("cell", ["31.12.1980", "12/31/1980", "01/02/1980", "1980", "31-DEC-1980"])
def test_a_date_in_another_form_is_refused_with_what_to_say_in_the_mapping(tmp_path, cell):
    _, _, (message,) = dated(tmp_path, cell)
    assert message.startswith(f"column 'taken': {cell!r} is not an ISO 8601 date")
    assert message.endswith('say which in the mapping: dates = "DD.MM.YYYY"')


@pytest.mark.parametrize("cell", ["12/31/1980", "31.12.80", "31.13.1980", "0.1.1980", "31.12.1980x"])
def test_a_cell_that_is_no_date_of_the_named_form_is_refused_by_that_form(tmp_path, cell):
    _, _, (message,) = dated(tmp_path, cell, dates="DD.MM.YYYY")
    assert message.startswith(f"column 'taken': {cell!r} is ")
    assert "DD.MM.YYYY" in message


@pytest.mark.parametrize(
    "form", ["DD.MM.YY", "MM.YYYY", "DD.MM.YYYY.DD", "dd.mm.yyyy", "DDxMMxYYYY", "%d.%m.%Y"]
)
def test_a_form_of_dates_that_leaves_something_open_is_refused(tmp_path, form):
    with pytest.raises(
        Invalid, match=r"mapping.toml: dates = .* is no form of dates; it has DD, MM and YYYY"
    ):
        dated(tmp_path, "31.12.1980", dates=form)


def test_several_values_for_a_field_that_holds_one_are_refused(tmp_path):
    """All but the last were dropped."""
    with pytest.raises(Invalid, match="column 'age': `split` makes several values, and age holds one"):
        read_subjects(sources(tmp_path, "who\tsex\tcodes\tonset\tage\n", SMALL + 'split = ";"\n'))


def test_a_form_of_dates_that_slid_into_a_column_without_any_is_refused(tmp_path):
    with pytest.raises(
        Invalid, match="column 'age' holds no dates; `dates` of the whole table stands before"
    ):
        read_subjects(sources(tmp_path, "who\tsex\tcodes\tonset\tage\n", SMALL + 'dates = "DD.MM.YYYY"\n'))
