"""Our table of DUO is the release, with the release's slips."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from opengdi.standards.duo import SPEC_VERSION
from opengdi.standards.duo.codes import CHECKSUM, CODES, Kind, ancestors, canonical_code, name
from opengdi.standards.faults import Malformed

DUO = Path(os.environ.get("OPENGDI_SHARED", "../shared")) / "conformance" / "duo"
RDF, RDFS, OWL = (
    f"{{http://www.w3.org/{space}#}}"
    for space in ("1999/02/22-rdf-syntax-ns", "2000/01/rdf-schema", "2002/07/owl")
)
IRI = re.compile(r"http://purl\.obolibrary\.org/obo/(DUO_\d+)\Z")


@pytest.fixture(scope="module")
def classes() -> dict[str, tuple[str, set[str], bool]]:
    """Of each class of duo.owl by canonical code: label, parents as written, whether it says deprecated."""
    if not DUO.exists():
        pytest.skip(f"{DUO} is not there")
    found = {}
    for each in ET.parse(DUO / "duo.owl").getroot().iter(f"{OWL}Class"):
        if iri := IRI.match(each.get(f"{RDF}about", "")):
            parents = {parent.get(f"{RDF}resource", "") for parent in each.findall(f"{RDFS}subClassOf")}
            label = each.findtext(f"{RDFS}label", "")
            found[canonical_code(iri[1])] = (label, parents, each.find(f"{OWL}deprecated") is not None)
    return found


def test_every_row_of_the_release_is_in_the_table():
    if not DUO.exists():
        pytest.skip(f"{DUO} is not there")
    with (DUO / "duo.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 25
    for row in rows:
        code = CODES[row["id"]]
        assert (code.shorthand, code.label) == (row["shorthand"], row["label"])
        assert code.kind in {Kind.ABSTRACT, Kind.PERMISSION, Kind.MODIFIER}
    mine = {code.id for code in CODES.values() if code.kind not in {Kind.OBSOLETE, Kind.INVESTIGATION}}
    assert mine == {row["id"] for row in rows}


def test_the_table_has_the_classes_labels_and_parents_of_the_ontology(classes):
    assert set(classes) == set(CODES)
    for id_, (label, parents, _) in classes.items():
        known = {canonical_code(iri[1]) for parent in parents if (iri := IRI.match(parent))}
        assert (CODES[id_].label, set(CODES[id_].parents)) == (label, known), id_


def test_obsolete_classes_are_known_by_their_parent_because_half_of_them_do_not_say_deprecated(classes):
    obsolete = {
        id_ for id_, (_, parents, _) in classes.items() if any("#ObsoleteClass" in each for each in parents)
    }
    assert obsolete == {code.id for code in CODES.values() if code.kind is Kind.OBSOLETE}
    assert len([id_ for id_ in obsolete if classes[id_][2]]) == 2


def test_the_release_is_the_one_we_say():
    if not DUO.exists():
        pytest.skip(f"{DUO} is not there")
    assert f"/duo/releases/{SPEC_VERSION}/duo.owl" in (DUO / "duo.owl").read_text()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", CHECKSUM)


@pytest.mark.parametrize(
    "spelling",
    [
        "DUO:0000044",
        "DUO:00000044",
        "DUO_00000044",
        "NPOA",
        "npoa",
        "http://purl.obolibrary.org/obo/DUO_00000044",
    ],
)
def test_every_spelling_of_npoa_is_npoa(spelling: str):
    assert canonical_code(spelling) == "DUO:0000044"


def test_eight_digits_are_a_slip_of_npoa_alone():
    assert canonical_code("DUO:00000042") not in CODES


@pytest.mark.parametrize(
    "text", ["", "42", "DUO:42", "HP:0000001", "DUO:0000042x", "x" * 1000, "DUO:٠٠٠٠٠٤٢"]
)
def test_what_is_no_code_is_refused(text: str):
    with pytest.raises(Malformed, match="no DUO code"):
        canonical_code(text)


def test_no_restriction_and_ancestry_stand_beside_general_research():
    assert ancestors("DUO:0000007") == {"DUO:0000007", "DUO:0000006", "DUO:0000042", "DUO:0000001"}
    assert ancestors("DUO:0000004") == {"DUO:0000004", "DUO:0000001"}
    assert "DUO:0000042" not in ancestors("DUO:0000011")
    assert [name(code) for code in ("DUO:0000042", "DUO:0000017", "DUO:0009999")] == [
        "GRU", "data use modifier", "DUO:0009999",
    ]  # fmt: skip
