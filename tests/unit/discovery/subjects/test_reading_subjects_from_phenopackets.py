"""Phenopackets v2: every part of a packet in its place in the Beacon model, and nonsense named."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.discovery.subjects.facts import facts_of
from opengdi.discovery.subjects.sources import SubjectSources, read_subjects
from opengdi.discovery.subjects.tables import Sex
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed
from opengdi.standards.phenopacket import beacon_entries

PACKET = {
    "id": "packet-1",
    "subject": {
        "id": "proband",
        "sex": "FEMALE",
        "karyotypicSex": "XX",
        "dateOfBirth": "1980-06-15T00:00:00Z",
        "timeAtLastEncounter": {"timestamp": "2026-04-09T10:00:00Z"},
    },
    "phenotypicFeatures": [
        {
            "type": {"id": "HP:0001250", "label": "Seizure"},
            "onset": {"age": {"iso8601duration": "P10Y"}},
            "severity": {"id": "HP:0012828", "label": "Severe"},
            "evidence": [{"evidenceCode": {"id": "ECO:0000033", "label": "traceable author statement"}}],
        },
        {"type": {"id": "HP:0000252", "label": "Microcephaly"}, "excluded": True},
    ],
    "measurements": [
        {
            "assay": {"id": "LOINC:35925-4", "label": "BMI"},
            "value": {"quantity": {"unit": {"id": "NCIT:C49671", "label": "kg/m2"}, "value": 27.5}},
            "timeObserved": {"timestamp": "2025-10-01T10:54:20.021Z"},
        },
        {
            "assay": {"id": "LOINC:10331-7", "label": "Rh type"},
            "value": {"ontologyClass": {"id": "NCIT:C76251", "label": "Rh Positive"}},
        },
        {
            "assay": {"id": "LOINC:85354-9", "label": "Blood pressure"},
            "complexValue": {
                "typedQuantities": [
                    {
                        "type": {"id": "NCIT:C25298", "label": "Systolic"},
                        "quantity": {"unit": {"id": "NCIT:C49670"}, "value": 125},
                    }
                ]
            },
        },
    ],
    "diseases": [
        {
            "term": {"id": "MONDO:0005027", "label": "epilepsy"},
            "onset": {"ageRange": {"start": {"iso8601duration": "P9Y"}, "end": {"iso8601duration": "P11Y"}}},
            "diseaseStage": [{"id": "NCIT:C27966", "label": "Stage I"}],
        },
        {"term": {"id": "MONDO:0005015", "label": "diabetes mellitus"}, "excluded": True},
    ],
    "medicalActions": [
        {
            "procedure": {
                "code": {"id": "NCIT:C15189", "label": "Biopsy"},
                "bodySite": {"id": "UBERON:0000955", "label": "brain"},
                "performed": {"timestamp": "2020-01-02T00:00:00Z"},
            }
        },
        {"treatment": {"agent": {"id": "DrugCentral:1610", "label": "levetiracetam"}}},
    ],
    "biosamples": [
        {
            "id": "tissue-1",
            "sampledTissue": {"id": "UBERON:0000955", "label": "brain"},
            "materialSample": {"id": "EFO:0009655", "label": "abnormal sample"},
            "timeOfCollection": {"age": {"iso8601duration": "P39Y"}},
        }
    ],
    "metaData": {"created": "2026-04-09T00:00:00Z", "phenopacketSchemaVersion": "2.0"},
}


def packet_file(tmp_path, content, name="p.json"):
    (tmp_path / name).write_text(json.dumps(content))
    return tmp_path / name


def read(*paths):
    return read_subjects(SubjectSources(phenopackets=paths))


def test_every_part_of_a_packet_finds_its_place_in_the_beacon_model(tmp_path):
    tables = read(packet_file(tmp_path, PACKET))
    assert not tables.problems
    document = json.loads(tables.individuals.documents[0])
    assert document["sex"]["id"] == "NCIT:C16576"
    assert document["timeAtLastEncounter"] == {"iso8601duration": "P45Y9M"}
    assert "dateOfBirth" not in document
    assert document["phenotypicFeatures"][0]["onset"] == {"iso8601duration": "P10Y"}
    assert document["phenotypicFeatures"][0]["evidence"]["evidenceCode"]["id"] == "ECO:0000033"
    assert document["phenotypicFeatures"][1]["excluded"] is True
    assert document["measurements"][1]["measurementValue"]["id"] == "NCIT:C76251"
    assert (
        document["measurements"][2]["measurementValue"]["typedQuantities"][0]["quantityType"]["label"]
        == "Systolic"
    )
    assert [one["diseaseCode"]["id"] for one in document["diseases"]] == ["MONDO:0005027"]
    assert document["interventionsOrProcedures"][0]["dateOfProcedure"] == "2020-01-02"
    assert document["treatments"][0]["treatmentCode"]["label"] == "levetiracetam"
    assert tables.sexes == (Sex.FEMALE,)
    sample = json.loads(tables.entries[EntryType.BIOSAMPLE].documents[0])
    assert sample["individualId"] == "proband"
    assert sample["collectionMoment"] == "P39Y"
    assert sample["sampleOriginType"]["id"] == "UBERON:0000955"


def test_what_a_person_is_said_not_to_have_is_no_fact(tmp_path):
    document = json.loads(read(packet_file(tmp_path, PACKET)).individuals.documents[0])
    terms = {name.id for name, _ in facts_of(EntryType.INDIVIDUAL, document)}
    assert "HP:0001250" in terms
    assert not {"HP:0000252", "MONDO:0005015"} & terms


def test_parts_that_the_beacon_model_has_no_place_for_are_told(tmp_path):
    modality = {"modality": {"id": "NCIT:C28039", "label": "electron beam"}, "dosage": 1, "fractions": 1}
    actions = [{"radiationTherapy": modality}, {"treatment": {"agent": {"id": "DRUG:1"}}}]
    stages = [{"id": "NCIT:C27966"}, {"id": "NCIT:C28054"}]
    disease = {"term": {"id": "MONDO:0005027"}, "diseaseStage": stages, "laterality": {"id": "HP:0012834"}}
    more = {"medicalActions": actions, "interpretations": [{"id": "i"}], "diseases": [disease], "files": []}
    tables = read(packet_file(tmp_path, PACKET | {"biosamples": []} | more))
    assert [(problem.message, problem.left_out) for problem in tables.problems] == [
        (f"{name} was left aside: the Beacon model has no place for it", False)
        for name in (
            "interpretations",
            "medicalActions.radiationTherapy",
            "diseases.laterality",
            "diseases.diseaseStage after the first",
        )
    ]


@pytest.mark.parametrize("whole", [{"proband": PACKET, "relatives": []}, {"members": [PACKET]}])
def test_a_family_or_cohort_is_named_as_such(whole):
    with pytest.raises(Malformed, match=r"holds several phenopackets .*; give these, each as one record"):
        beacon_entries(whole)


def test_snake_case_members_mean_the_same(tmp_path):
    snake = {
        "subject": {"id": "proband", "sex": "MALE", "karyotypic_sex": "XY"},
        "phenotypic_features": [{"type": {"id": "HP:0001250"}}],
    }
    document = json.loads(read(packet_file(tmp_path, snake)).individuals.documents[0])
    assert document["karyotypicSex"] == "XY"
    assert document["phenotypicFeatures"] == [{"featureType": {"id": "HP:0001250"}}]


def test_a_folder_gives_the_packets_of_all_its_files_and_names_the_wrong_one(tmp_path):
    packet_file(tmp_path, PACKET, "a.json")
    packet_file(tmp_path, [PACKET | {"subject": {"id": "other"}}, {"subject": {}}], "b.json")
    tables = read(tmp_path)
    assert tables.individuals.ids == ("proband", "other")
    assert any(
        (problem.file, problem.place) == ("b.json", "record 2") and "subject.id" in problem.message
        for problem in tables.problems
    )


def test_a_folder_without_packets_is_refused(tmp_path):
    with pytest.raises(Invalid, match="holds no Phenopackets"):
        read(tmp_path)


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"subject": None}, "subject must be an object"),
        ({"subject": {"id": "a", "sex": "WOMAN"}}, "subject.sex"),
        ({"subject": {"id": "a", "dateOfBirth": "x", "timeAtLastEncounter": "y"}}, "must be dates"),
        ({"phenotypicFeatures": {}}, None),
        ({"phenotypicFeatures": [1]}, "list of objects"),
        ({"measurements": [{"assay": {"id": "LOINC:1"}}]}, "measurements.value"),
    ],
)
def test_a_wrong_member_is_named(change, reason):
    if reason is None:
        assert beacon_entries(PACKET | change)
        return
    with pytest.raises(Malformed, match=reason):
        beacon_entries(PACKET | change)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.sampled_from(["P1Y", "HP:0001250"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["id", "subject", "sex", "type", "value", "quantity", "term", "onset", "age", "biosamples",
             "measurements", "diseases", "phenotypicFeatures", "medicalActions", "procedure", "timeAtLastEncounter"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(PACKET)), JSON))
def test_any_packet_gives_entries_or_a_malformed(packet):
    try:
        individual, biosamples = beacon_entries(PACKET | packet)
    except Malformed:
        return
    assert isinstance(individual["id"], str)
    assert all(isinstance(one, dict) for one in biosamples)


@given(st.one_of(JSON, st.dictionaries(st.text(max_size=8), JSON)))
def test_any_json_is_read_or_named(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "any.json"
    path.write_bytes(msgspec.json.encode(content))
    for sources in (
        SubjectSources(individuals=path),
        SubjectSources(phenopackets=(path,)),
        SubjectSources(runs=path),
    ):
        refused, tables = "", None
        try:
            tables = read_subjects(sources)
        except Invalid as refusal:
            refused = str(refusal)
        assert "any.json" in refused if tables is None else len(tables) == len(tables.sexes)


@pytest.mark.parametrize("version", ["1.0.0", "1", 1.0, "3.0"])
def test_a_packet_of_another_version_of_the_schema_is_refused_by_name(version: object) -> None:
    packet = PACKET | {"metaData": {"phenopacketSchemaVersion": version}}
    with pytest.raises(
        Malformed, match=r"phenopacketSchemaVersion is .*; Phenopackets of version 2 are read"
    ):
        beacon_entries(packet)


@pytest.mark.parametrize(
    "told", [{}, {"phenopacketSchemaVersion": "2.0.2"}, {"phenopacketSchemaVersion": "v2"}]
)
def test_a_packet_of_version_2_or_of_no_version_is_read(told: dict[str, str]) -> None:
    assert beacon_entries(PACKET | {"metaData": told})[0]["id"] == "proband"
