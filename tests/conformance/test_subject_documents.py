"""Stored subjects against the official Beacon v2.2.0 schemas, whatever they were read from."""

from __future__ import annotations

import json

import pytest
from tests.unit.discovery.subjects.test_reading_subjects_from_phenopackets import PACKET

from opengdi.discovery.subjects.sources import SubjectSources, read_subjects
from opengdi.discovery.subjects.virtual import virtual_tables
from opengdi.standards.beacon.questions import EntryType

PATHS = {
    EntryType.INDIVIDUAL: "individuals",
    EntryType.BIOSAMPLE: "biosamples",
    EntryType.RUN: "runs",
    EntryType.ANALYSIS: "analyses",
    EntryType.COHORT: "cohorts",
}
SEX = {"id": "NCIT:C16576", "label": "female"}


def documents(tables):
    yield from ((EntryType.INDIVIDUAL, text) for text in tables.individuals.documents)
    for kind, table in tables.entries.items():
        yield from ((kind, text) for text in table.documents)
    yield from ((EntryType.COHORT, text) for text in tables.cohorts.documents)


def test_every_stored_cineca_document_obeys_its_schema(shared, schemas):
    folder = shared / "data" / "cineca"
    tables = read_subjects(SubjectSources(**{path: folder / f"{path}.json.gz" for path in PATHS.values()}))
    seen = 0
    for kind, text in documents(tables):
        assert not schemas.item_problems(kind, json.loads(text))
        seen += 1
    assert seen == 4 * 2504 + 1


def test_every_stored_phenopacket_obeys_the_schemas(tmp_path, schemas):
    path = tmp_path / "packet.json"
    path.write_text(json.dumps(PACKET))
    kinds = []
    for kind, text in documents(read_subjects(SubjectSources(phenopackets=(path,)))):
        assert not schemas.item_problems(kind, json.loads(text))
        kinds.append(kind)
    assert kinds == [EntryType.INDIVIDUAL, EntryType.BIOSAMPLE]


WRONG = [
    {"sex": "XX"},
    {"sex": {"label": "female"}},
    {"sex": {"id": "F"}},
    {"karyotypicSex": "XXXXX"},
    {"diseases": [{}]},
    {"diseases": {"diseaseCode": SEX}},
    {"diseases": [{"diseaseCode": SEX, "ageOfOnset": {"age": 3}}]},
    {"diseases": [{"diseaseCode": SEX, "ageOfOnset": {"start": {"iso8601duration": "P1Y"}}}]},
    {"diseases": [{"diseaseCode": SEX, "familyHistory": "yes"}]},
    {"measurements": [{"assayCode": SEX}]},
    {"measurements": [{"assayCode": SEX, "measurementValue": 5}]},
    {"measurements": [{"assayCode": SEX, "measurementValue": {"value": 5}}]},
    {"measurements": [{"assayCode": SEX, "measurementValue": {"value": "5", "unit": SEX}}]},
    {"measurements": [{"assayCode": SEX, "measurementValue": SEX, "date": "last week"}]},
    {"phenotypicFeatures": [{"featureType": SEX, "excluded": "no"}]},
    {"treatments": [{"treatmentCode": SEX, "doseIntervals": [{"quantity": {"unit": SEX, "value": 1}}]}]},
    {"exposures": [{"exposureCode": SEX}]},
    {"interventionsOrProcedures": [{"bodySite": SEX}]},
    {"pedigrees": [{"id": "p", "disease": {"diseaseCode": SEX}, "members": []}]},
    {"info": "free text"},
]


@pytest.mark.parametrize("change", WRONG, ids=lambda change: json.dumps(change)[:60])
def test_what_the_schema_refuses_is_not_stored(tmp_path, schemas, change):
    entry = {"id": "a", "sex": SEX} | change
    assert schemas.item_problems(EntryType.INDIVIDUAL, entry)
    path = tmp_path / "individuals.json"
    path.write_text(json.dumps([entry]))
    tables = read_subjects(SubjectSources(individuals=path))
    assert [kind for kind, _ in documents(tables)] == (
        [EntryType.INDIVIDUAL] if change == {"sex": "XX"} else []
    )
    for _, text in documents(tables):
        assert not schemas.item_problems(EntryType.INDIVIDUAL, json.loads(text))


@pytest.mark.parametrize(
    "kind, entry",
    [
        ("runs", {"id": "r", "biosampleId": "b"}),
        ("runs", {"id": "r", "biosampleId": "b", "runDate": "2020-13-01"}),
        ("runs", {"id": "r", "biosampleId": "b", "runDate": "2020-01-01", "libraryLayout": "TRIPLE"}),
        ("analyses", {"id": "a", "analysisDate": "2020-01-01"}),
        ("cohorts", {"id": "c", "name": "c", "cohortType": "secret"}),
        ("biosamples", {"id": "b", "biosampleStatus": "fine", "sampleOriginType": SEX}),
    ],
)
def test_an_entry_without_what_its_schema_requires_is_left_out_and_named(tmp_path, schemas, kind, entry):
    path = tmp_path / f"{kind}.json"
    path.write_text(json.dumps([entry]))
    assert schemas.item_problems(next(one for one, name in PATHS.items() if name == kind), entry)
    tables = read_subjects(SubjectSources(**{kind: path}))
    assert not list(documents(tables))
    assert tables.problems[0].left_out


def test_every_virtual_entry_obeys_its_schema(schemas):
    for kind, text in documents(virtual_tables()):
        assert not schemas.item_problems(kind, json.loads(text))
