"""Versions and schemas asked for: every 2.x is answered, and nobody is sent what they would misread."""

from __future__ import annotations

import pytest

from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.negotiation import refuse_other_schemas, with_former_names
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.beacon.request import Target, parse_get, parse_post
from opengdi.standards.faults import Malformed

INDIVIDUALS = Target(EntryType.INDIVIDUAL)
DEFAULT_MODEL = "models/json/beacon-v2-default-model"


@pytest.mark.parametrize(
    "version", ["v2.2.0", "2.0", "2", "v2", "V2.1.2", "v2.0.0-draft.4", "2.n", " v2.0 ", 2, 2.0, 2.2, "2.3"]
)
def test_every_version_of_the_second_is_spoken_and_echoed_as_asked(version: str | float) -> None:
    assert parse_post(INDIVIDUALS, {"meta": {"apiVersion": version}}).api_version == str(version)
    assert parse_get(INDIVIDUALS, [("apiVersion", str(version))]).api_version == str(version)


@pytest.mark.parametrize(
    "version", ["v1", "1.0", "v1.1.1", "3", "v3.0.0", "20", "22.0", "latest", "x2.0", 1, 3.0]
)
def test_other_versions_are_refused_with_those_that_are_spoken(version: str | float) -> None:
    for ask in (
        lambda: parse_post(INDIVIDUALS, {"meta": {"apiVersion": version}}),
        lambda: parse_get(INDIVIDUALS, [("apiVersion", str(version))]),
    ):
        with pytest.raises(Malformed, match=r"meta.apiVersion .* not spoken here; v2.0, v2.1 and v2.2 are"):
            ask()


@pytest.mark.parametrize("version", [None, ""])
def test_no_version_is_ours(version: str | None) -> None:
    assert parse_post(INDIVIDUALS, {"meta": {"apiVersion": version}}).api_version == "v2.2.0"


@pytest.mark.parametrize("entry_type", EntryType)
@pytest.mark.parametrize("version", ["v2.0.0", "v2.1.1", "v2.2.0"])
def test_the_default_schema_is_had_by_its_id_and_by_its_address(entry_type: EntryType, version: str) -> None:
    facts = ENTRY_TYPES[entry_type]
    word = facts.schema_id.split("-")[2]
    for schema in (
        facts.schema_id,
        facts.schema_url,
        f"ga4gh-beacon-{word}-{version}",
        f"./ga4gh-beacon-{word}-{version}",
        f"https://w3id.org/beacon-v2/{version}/{DEFAULT_MODEL}/{facts.schema_folder}/defaultSchema.json",
    ):
        refuse_other_schemas(entry_type, [{"schema": schema}])
        refuse_other_schemas(entry_type, [{"entityType": entry_type.value.title(), "schema": schema}])


@pytest.mark.parametrize(
    "schema",
    [
        "ga4gh-phenopacket-individual-v0.1",
        "ga4gh-beacon-variant-v2.0.0",
        "ga4gh-beacon-individual-v1.0.0",
        "ga4gh-beacon-individual-v20",
        f"https://beacon.test/{DEFAULT_MODEL}/biosamples/defaultSchema.json",
        "https://beacon.test/individuals/defaultSchema.json",
        "anything",
    ],
)
def test_a_schema_that_there_is_not_is_refused_with_the_one_that_there_is(schema: str) -> None:
    with pytest.raises(Malformed, match=r"individuals are told by ga4gh-beacon-individual-v2.2.0 \(https://"):
        refuse_other_schemas(EntryType.INDIVIDUAL, [{"schema": schema}])
    with pytest.raises(Malformed, match=r"requestedSchemas asks for"):
        refuse_other_schemas(EntryType.INDIVIDUAL, [{"entityType": "individuals", "schema": schema}])


def test_one_schema_that_there_is_is_enough_and_those_of_other_entries_are_about_other_answers() -> None:
    other = {"entityType": "Biosample", "schema": "ga4gh-phenopacket-biosample-v0.1"}
    foreign = {"entityType": "EntryTypeA", "schema": "entry-typeA-schema-v0.1"}
    ours = {"entityType": "Individual", "schema": "ga4gh-beacon-individual-v2.0.0"}
    packets = {"entityType": "Individual", "schema": "ga4gh-phenopacket-individual-v0.1"}
    refuse_other_schemas(EntryType.INDIVIDUAL, [])
    refuse_other_schemas(EntryType.INDIVIDUAL, [other, foreign, {"entityType": "Individual"}, {}])
    refuse_other_schemas(EntryType.INDIVIDUAL, [packets, ours])
    with pytest.raises(Malformed):
        refuse_other_schemas(EntryType.INDIVIDUAL, [packets, other])


@pytest.mark.parametrize(
    ("version", "is_older"),
    [("2", True), ("2.0", True), ("v2.0.0", True), ("v2.0.0-draft.4", True), ("2.1", True), ("v2.1.1", True),
     ("v2.1.2", False), ("2.2", False), ("v2.2.0", False), ("2.10", False), ("2.n", False)],
)  # fmt: skip
def test_measurements_have_their_former_name_for_older_clients(version: str, *, is_older: bool) -> None:
    measured = {"id": "P1", "measurements": [{"assayCode": {"id": "LOINC:26515-7"}}]}
    plain = {"id": "P2"}
    told = with_former_names(EntryType.INDIVIDUAL, version, [measured, plain])
    assert told == (
        [{**measured, "measures": measured["measurements"]}, plain] if is_older else [measured, plain]
    )
    assert with_former_names(EntryType.BIOSAMPLE, version, [measured]) == [measured]
    assert "measures" not in measured
