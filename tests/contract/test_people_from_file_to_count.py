"""People of a release that tells them by a table or by Phenopackets: loaded whole, and counted through the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.loading import Bench, bench

from opengdi.discovery.loading.errors import AlreadyLoaded
from opengdi.discovery.model import ShelvedRelease, SiteRef
from opengdi.discovery.subjects.hierarchy import load_ontology
from opengdi.discovery.subjects.store import BitmapSubjectStore
from opengdi.standards.beacon.questions import AlphanumericFilter, EntryType, Filter, OntologyFilter, Operator

SEXES = {"w": ("NCIT:C16576", "FEMALE"), "m": ("NCIT:C20197", "MALE")}
PEOPLE = [
    ("p1", "w", "MONDO:0004979"),
    ("p2", "m", "MONDO:0004979"),
    ("p3", "w", ""),
    ("p4", "m", "MONDO:0005027"),
]
"""Who, sex, disease. The sample of each in the genotypes is `s` and the number."""
RECORDS = ["22 11000000 . A G . . . GT 0|1 0|1 0|0 1|1", "22 11000500 . C T . . . GT 0|0 0|0 0|1 0|0"]
MAPPING = """
individual.id = "who"
biosample.id = "sample"
biosample.fixed.biosampleStatus = { id = "EFO:0009654", label = "reference sample" }
[[columns]]
column = "sex"
field = "sex"
values.w = { id = "NCIT:C16576", label = "female" }
values.m = { id = "NCIT:C20197", label = "male" }
[[columns]]
column = "disease"
field = "diseases"
values."MONDO:0004979" = { id = "MONDO:0004979", label = "asthma" }
values."MONDO:0005027" = { id = "MONDO:0005027", label = "epilepsy" }
"""
OPEN = "[disclosure]\nk_individuals = 0\n"
ASTHMA, WOMEN = OntologyFilter("MONDO:0004979"), OntologyFilter("NCIT:C16576")
MEN = AlphanumericFilter("sex", Operator.EQUAL, "male")
FIRST, SECOND = SiteRef("22", 0), SiteRef("22", 1)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as node:
        node.write_vcf("a.vcf", RECORDS, samples=("s1", "s2", "s3", "s4"))
        yield node


def as_tsv(source: Path) -> str:
    return as_table(source, "people.tsv", "\t")


def as_csv(source: Path) -> str:
    return as_table(source, "people.csv", ",")


def as_table(source: Path, name: str, between: str) -> str:
    rows = [("who", "sample", "sex", "disease")]
    rows += [(who, who.replace("p", "s"), sex, disease) for who, sex, disease in PEOPLE]
    (source / name).write_text("".join(f"{between.join(row)}\n" for row in rows))
    (source / "mapping.toml").write_text(MAPPING)
    return f'table = "{name}"\nmapping = "mapping.toml"'


def as_packets(source: Path) -> str:
    (source / "packets" / "more").mkdir(parents=True)
    for place, (who, sex, disease) in enumerate(PEOPLE):
        folder = source / "packets" / ("more" if place % 2 else "")
        (folder / f"{who}.json").write_text(json.dumps(packet(who, sex, disease)))
    return 'phenopackets = ["packets/"]'


def as_single_packets(source: Path) -> str:
    for who, sex, disease in PEOPLE:
        (source / f"{who}.json").write_text(json.dumps(packet(who, sex, disease)))
    return f"phenopackets = {json.dumps([f'{who}.json' for who, _, _ in PEOPLE])}"


def packet(who: str, sex: str, disease: str) -> dict:
    return {
        "id": f"packet of {who}",
        "subject": {"id": who, "sex": SEXES[sex][1]},
        "diseases": [{"term": {"id": disease, "label": "a disease"}}] if disease else [],
        "biosamples": [{"id": who.replace("p", "s")}],
        "metaData": {"created": "2026-04-09T00:00:00Z", "phenopacketSchemaVersion": "2.0"},
    }


def counted(release: ShelvedRelease, *filters: Filter, carriers_of: list[SiteRef] | None = None) -> int:
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    return store.count(release, EntryType.INDIVIDUAL, store.matching(release, filters, carriers_of))


@pytest.mark.parametrize("written", [as_tsv, as_csv, as_packets, as_single_packets])
def test_people_are_counted_by_what_their_source_tells_and_by_the_alleles_they_carry(
    node: Bench, written: Callable[[Path], str]
) -> None:
    node.write_release('files = ["a.vcf"]', f"[subjects]\n{written(node.source)}\n{OPEN}")
    loaded = node.load()
    release = loaded.release
    assert loaded.report.individuals == release.manifest.individuals == 4
    assert [one for one in loaded.report.findings if one.refuses] == []
    assert counted(release) == 4
    assert (counted(release, WOMEN), counted(release, MEN), counted(release, ASTHMA)) == (2, 2, 2)
    assert counted(release, ASTHMA, WOMEN) == 1
    assert counted(release, carriers_of=[FIRST]) == 3
    assert counted(release, MEN, carriers_of=[FIRST]) == 2
    assert counted(release, WOMEN, carriers_of=[SECOND]) == 1
    assert counted(release, ASTHMA, carriers_of=[SECOND]) == 0
    first, second = node.truth()
    assert (first["F"], first["M"]) == ((1, 4, 0, 1, 0), (3, 4, 1, 1, 0))
    assert second["Total"] == (1, 8, 0, 1, 0)


@pytest.mark.parametrize("written", [as_tsv, as_packets])
def test_people_without_genotypes_are_counted_too(node: Bench, written: Callable[[Path], str]) -> None:
    node.write_release(rest=f"[subjects]\n{written(node.source)}\n{OPEN}")
    release = node.load().release
    assert (release.manifest.individuals, release.manifest.genotyped) == (4, False)
    assert (counted(release), counted(release, ASTHMA, WOMEN)) == (4, 1)


@pytest.mark.parametrize(
    "written, changed", [(as_tsv, "people.tsv"), (as_tsv, "mapping.toml"), (as_packets, "packets/p1.json")]
)
def test_a_change_of_any_file_about_people_is_other_content(
    node: Bench, written: Callable[[Path], str], changed: str
) -> None:
    node.write_release(rest=f"[subjects]\n{written(node.source)}\n{OPEN}")
    node.load()
    with (node.source / changed).open("a") as file:
        file.write("\n")
    with pytest.raises(AlreadyLoaded):
        node.load()
