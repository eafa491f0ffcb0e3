"""Test mode applies what is asked to people who do not exist; plain Python over the invented data is the judge."""

from __future__ import annotations

import json

import pytest

from opengdi.discovery.beacon.virtual import VirtualData, virtual_id
from opengdi.discovery.subjects.virtual import (
    AMINO_ACID_CHANGES,
    DATASET,
    GENES,
    INDIVIDUALS,
    SITES,
    virtual_sites,
    virtual_tables,
)
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import (
    AlphanumericFilter,
    BeaconRequest,
    EntryType,
    OntologyFilter,
    Operator,
    Page,
    QuestionKind,
    VariantQuestion,
)
from opengdi.standards.coordinates import Assembly

PEOPLE = [json.loads(text) for text in virtual_tables().individuals.documents]
SITES_, COPIES = virtual_sites()
WOMEN = OntologyFilter("NCIT:C16576", scope=EntryType.INDIVIDUAL)


def ask(entry_type, **request):
    findings = VirtualData().find(BeaconRequest(entry_type, **request), Page(0, 1000), with_records=True)
    (outcome,) = findings.outcomes
    assert outcome.dataset == DATASET
    assert "invented" in findings.notes["testMode"]
    assert outcome.count.number == len(outcome.results)
    return outcome.results


def sequence(site):
    return VariantQuestion(
        QuestionKind.SEQUENCE, Assembly.GRCh38, site.contig, (site.start,), (), site.ref, site.alt
    )


@pytest.mark.parametrize(
    "entry_type, expected",
    [
        (EntryType.INDIVIDUAL, INDIVIDUALS),
        (EntryType.BIOSAMPLE, INDIVIDUALS),
        (EntryType.RUN, INDIVIDUALS),
        (EntryType.ANALYSIS, INDIVIDUALS),
        (EntryType.COHORT, 1),
        (EntryType.DATASET, 1),
        (EntryType.GENOMIC_VARIANT, SITES),
    ],
)
def test_every_entry_type_has_its_entries_and_each_is_found_by_its_id(entry_type, expected):
    assert len(ask(entry_type)) == expected
    assert len(ask(entry_type, entry_id=virtual_id(entry_type))) == 1


def test_filters_are_applied():
    asthma = OntologyFilter("MONDO:0004979")
    bmi = AlphanumericFilter("BMI", Operator.GREATER, "26")
    found = ask(EntryType.INDIVIDUAL, filters=(WOMEN, asthma, bmi))
    assert {one["id"] for one in found} == {
        one["id"]
        for one in PEOPLE
        if one["sex"]["label"] == "female"
        and any(each["diseaseCode"]["id"] == "MONDO:0004979" for each in one["diseases"])
        and one["measurements"][0]["measurementValue"]["value"] > 26
    }
    with pytest.raises(Invalid, match="NOPE:1"):
        ask(EntryType.INDIVIDUAL, filters=(OntologyFilter("NOPE:1"),))


@pytest.mark.parametrize("place", range(0, SITES, 23))
def test_an_allele_finds_its_record_and_its_carriers(place):
    site = SITES_[place]
    (record,) = ask(EntryType.GENOMIC_VARIANT, variant=sequence(site))
    assert record["frequencyInPopulations"][0]["frequencies"][0]["alleleCount"] == site.counts[0]
    carriers = [PEOPLE[column]["id"] for column in range(INDIVIDUALS) if COPIES[place, column]]
    assert [one["id"] for one in ask(EntryType.INDIVIDUAL, variant=sequence(site))] == carriers
    below = ask(EntryType.BIOSAMPLE, parent=(EntryType.GENOMIC_VARIANT, record["variantInternalId"]))
    assert [one["individualId"] for one in below] == carriers


def test_a_range_finds_what_overlaps_it_in_its_assembly_only():
    first = SITES_[0]
    window = VariantQuestion(
        QuestionKind.RANGE, Assembly.GRCh38, first.contig, (first.start,), (first.start + 3000,)
    )
    found = ask(EntryType.GENOMIC_VARIANT, variant=window)
    assert len(found) == sum(
        site.contig == first.contig and site.start < first.start + 3000 and site.end > first.start
        for site in SITES_
    )
    other = VariantQuestion(QuestionKind.RANGE, Assembly.GRCh37, window.contig, window.start, window.end)
    assert ask(EntryType.GENOMIC_VARIANT, variant=other) == []


def test_paths_join_what_belongs_together():
    person = (EntryType.INDIVIDUAL, "virtual-individual-7")
    assert [one["id"] for one in ask(EntryType.RUN, parent=person)] == ["virtual-run-7"]
    assert [one["id"] for one in ask(EntryType.INDIVIDUAL, parent=(EntryType.RUN, "virtual-run-7"))] == [
        person[1]
    ]
    assert len(ask(EntryType.GENOMIC_VARIANT, parent=person)) == (COPIES[:, 6] > 0).sum()
    assert ask(EntryType.RUN, parent=(EntryType.INDIVIDUAL, "nobody")) == []
    assert len(ask(EntryType.INDIVIDUAL, parent=(EntryType.DATASET, DATASET))) == INDIVIDUALS
    assert ask(EntryType.INDIVIDUAL, datasets=frozenset()) == []


def test_a_page_holds_its_part_and_the_count_is_of_all():
    findings = VirtualData().find(BeaconRequest(EntryType.INDIVIDUAL), Page(3, 30), with_records=True)
    (outcome,) = findings.outcomes
    assert [one["id"] for one in outcome.results] == [one["id"] for one in PEOPLE[90:]]
    assert outcome.count.number == INDIVIDUALS
    assert not findings.more


((GENE, (LOCUS,)),) = GENES.items()


def carriers_of(*places):
    return [PEOPLE[column]["id"] for column in range(INDIVIDUALS) if any(COPIES[list(places), column])]


@pytest.mark.parametrize("assembly", [None, Assembly.GRCh38])
def test_a_gene_finds_the_alleles_in_it_and_who_carries_them(assembly):
    within = [
        place
        for place, site in enumerate(SITES_)
        if site.contig == LOCUS.contig and site.start < LOCUS.end and LOCUS.start < site.end
    ]
    gene = VariantQuestion(QuestionKind.GENE, assembly, gene=GENE.lower())
    found = ask(EntryType.GENOMIC_VARIANT, variant=gene)
    starts = [each["variation"]["location"]["interval"]["start"]["value"] for each in found]
    assert starts == [SITES_[place].start for place in within]
    assert 0 < len(within) < SITES
    assert [one["id"] for one in ask(EntryType.INDIVIDUAL, variant=gene)] == carriers_of(*within)


@pytest.mark.parametrize("place", AMINO_ACID_CHANGES)
def test_an_amino_acid_change_finds_the_allele_that_has_it_and_who_carries_it(place):
    assert carriers_of(place)
    for change in AMINO_ACID_CHANGES[place]:
        asked = VariantQuestion(QuestionKind.AMINO_ACID, gene=GENE, amino_acid_change=change)
        (record,) = ask(EntryType.GENOMIC_VARIANT, variant=asked)
        assert record["variation"]["location"]["interval"]["start"]["value"] == SITES_[place].start
        assert [one["id"] for one in ask(EntryType.INDIVIDUAL, variant=asked)] == carriers_of(place)


def test_an_amino_acid_change_that_no_allele_has_finds_nothing():
    asked = VariantQuestion(QuestionKind.AMINO_ACID, gene=GENE, amino_acid_change="V600K")
    assert ask(EntryType.GENOMIC_VARIANT, variant=asked) == []


@pytest.mark.parametrize("assembly", [None, *Assembly])
@pytest.mark.parametrize("change", [None, "V600E"])
def test_a_gene_that_the_virtual_data_do_not_have_is_refused(assembly, change):
    kind = QuestionKind.GENE if change is None else QuestionKind.AMINO_ACID
    asked = VariantQuestion(kind, assembly, gene="BRAF", amino_acid_change=change)
    with pytest.raises(Invalid, match=r"BRAF.*VIRTUAL1"):
        ask(EntryType.INDIVIDUAL, variant=asked)


def test_a_range_without_a_chromosome_is_looked_for_on_all_of_them():
    first, stop = SITES_[3].start, SITES_[9].end
    asked = VariantQuestion(QuestionKind.RANGE, Assembly.GRCh38, None, (first,), (stop,))
    assert [one["id"] for one in ask(EntryType.INDIVIDUAL, variant=asked)] == carriers_of(*range(3, 10))
    bracket = VariantQuestion(QuestionKind.BRACKET, Assembly.GRCh38, None, (first, first + 1), (first, stop))
    assert [one["id"] for one in ask(EntryType.INDIVIDUAL, variant=bracket)] == carriers_of(3)
