"""The port `SubjectStore` over real subjects: counts equal plain Python over the JSON and over the VCF's text."""

from __future__ import annotations

import gzip
import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from itertools import islice

import numpy as np
import pgenlib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opengdi.discovery.model import ShelvedRelease, SiteRecord, SiteRef
from opengdi.discovery.subjects.hierarchy import load_ontology
from opengdi.discovery.subjects.sources import SubjectSources, read_subjects
from opengdi.discovery.subjects.store import BitmapSubjectStore
from opengdi.discovery.subjects.truth import write_subjects
from opengdi.kernel.disclosure.floors import Visibility
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.kernel.ids import DatasetId
from opengdi.kernel.release import DatasetRelease, DatasetType, ReleaseState
from opengdi.standards.beacon.questions import (
    AlphanumericFilter,
    AnyOf,
    EntryType,
    OntologyFilter,
    Operator,
    Similarity,
)

VARIANTS = 400


def manifest(number=1, floor=0, individuals=2503):
    return DatasetRelease(
        dataset=DatasetId(f"GDI-EE-TEST-{number}"),
        version="1",
        title="test",
        country="EE",
        dataset_type=DatasetType.COHORT,
        assembly="GRCh38",
        individuals=individuals,
        populations=("Total",),
        sites=0,
        genotyped=True,
        files=(),
        policy=DisclosurePolicy(k_individuals=floor),
    )


def shelved(folder, number=1, floor=0):
    return ShelvedRelease(number, manifest(number, floor), ReleaseState.PUBLISHED, folder)


def cineca_sources(shared):
    folder = shared / "data" / "cineca"
    names = ("individuals", "biosamples", "runs", "analyses", "cohorts")
    return SubjectSources(**{name: folder / f"{name}.json.gz" for name in names})


@pytest.fixture(scope="module")
def vcf(shared):
    """Samples and the genotype texts of the first variants, read without any library."""
    with gzip.open(shared / "data" / "1000g" / "chr22.grch38.2548x3042.vcf.gz", "rt") as lines:
        rows = (line.rstrip("\n").split("\t")[9:] for line in lines if not line.startswith("##"))
        samples = next(rows)
        return samples, list(islice(rows, VARIANTS))


@pytest.fixture(scope="module")
def people(shared):
    """CINECA as plain dictionaries, in the order of the file."""
    with gzip.open(shared / "data" / "cineca" / "individuals.json.gz") as file:
        individuals = json.load(file)
    with gzip.open(shared / "data" / "cineca" / "biosamples.json.gz") as file:
        moments = {one["individualId"]: one["collectionMoment"] for one in json.load(file)}
    return [one | {"collected": moments[one["id"]]} for one in individuals]


@pytest.fixture(scope="module")
def joined(shared, vcf, tmp_path_factory):
    """1000 Genomes joined with CINECA, written as a release is, and a store over it."""
    samples, genotypes = vcf
    folder = tmp_path_factory.mktemp("release")
    join = read_subjects(cineca_sources(shared)).joined_to(samples, keep_unsampled=False)
    for part in ("subjects", "genotypes"):
        (folder / part).mkdir()
    write_subjects(join.tables, folder / "subjects")
    write_pgen(folder / "genotypes" / "chr22.pgen", genotypes)
    (folder / "genotypes" / "samples.psam").write_text(
        "#IID\tSEX\n" + "".join(f"{name}\t0\n" for name in samples)
    )
    release = shelved(folder)
    return release, BitmapSubjectStore(lambda: [release], load_ontology()), join


def test_samples_may_have_any_name(tmp_path):
    release = release_of(tmp_path, None, ["#1", "", "b\x85c"], [[0, 1, 0], [0, 0, 2]])
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    everybody = store.matching(release, [], None)
    assert store.count(release, EntryType.INDIVIDUAL, everybody) == 3
    found = store.cases(release, [site_at(0, "1"), site_at(1, "1")], everybody)
    assert [[case.individual for case in cases] for cases in found] == [[""], ["b\x85c"]]


def write_pgen(path, genotypes):
    copies = {"0|0": 0, "0|1": 1, "1|0": 1, "1|1": 2}
    with pgenlib.PgenWriter(
        bytes(path), len(genotypes[0]), variant_ct=len(genotypes), nonref_flags=False
    ) as writer:
        for row in genotypes:
            writer.append_biallelic(np.array([copies.get(call, -9) for call in row], dtype=np.int8))


def chosen(join, found):
    ids = join.tables.individuals.ids
    return {ids[row] for row in np.flatnonzero(np.unpackbits(found, count=len(ids)))}


# -- the oracle: every filter as a plain predicate over one person's JSON ------------------------------------------


def years(text):
    """`P40Y1M1D` in years, by splitting the text."""
    rest, total = text.removeprefix("P"), 0.0
    for unit, share in (("Y", 1.0), ("M", 1 / 12), ("D", 1 / 365.2425)):
        if unit in rest:
            number, rest = rest.split(unit)
            total += float(number) * share
    return total


def codes(person):
    return [one["diseaseCode"]["id"].removeprefix("ICD10:") for one in person.get("diseases", [])]


def measured(person, label):
    return [
        one["measurementValue"]["value"] for one in person["measures"] if one["assayCode"]["label"] == label
    ]


COMPARE = {
    Operator.EQUAL: lambda a, b: a == b,
    Operator.LESS: lambda a, b: a < b,
    Operator.GREATER: lambda a, b: a > b,
    Operator.LESS_OR_EQUAL: lambda a, b: a <= b,
    Operator.GREATER_OR_EQUAL: lambda a, b: a >= b,
}
BLOCKS = ("E00-E90", "E10-E14", "F00-F99", "F30-F39", "I00-I99", "I80-I89", "J00-J99", "K00-K93", "D50-D89")


def by_disease(random_, people):
    code = random_.choice([code for one in people for code in codes(one)])
    return OntologyFilter(f"ICD10:{code}"), lambda one: code in codes(one)


def by_block(random_, _people):
    block = random_.choice(BLOCKS)
    low, high = block.split("-")
    return OntologyFilter(f"ICD10:{block}"), lambda one: any(low <= code[:3] <= high for code in codes(one))


def by_sex(random_, _people):
    term, label = random_.choice([("NCIT:C16576", "female"), ("NCIT:C20197", "male")])
    asked = random_.choice(
        [
            OntologyFilter(term, scope=EntryType.INDIVIDUAL),
            AlphanumericFilter("sex", Operator.EQUAL, label),
            AlphanumericFilter("individuals.sex", Operator.EQUAL, label[0].upper()),
            OntologyFilter(f"sex:{label}"),
        ]
    )
    return asked, lambda one: one["sex"]["label"] == label


def by_measure(random_, people):
    assay, label = random_.choice(
        [("LOINC:35925-4", "BMI"), ("LOINC:3141-9", "Weight"), ("loinc:8308-9", "Height-standing")]
    )
    value = random_.choice(measured(random_.choice(people), label))
    operator = random_.choice(list(COMPARE))
    asked = AlphanumericFilter(random_.choice([assay, label, label.lower()]), operator, repr(value))
    return asked, lambda one: any(COMPARE[operator](found, value) for found in measured(one, label))


def by_age(random_, _people):
    age = random_.randint(20, 70)
    operator = random_.choice([Operator.LESS, Operator.GREATER])
    asked = AlphanumericFilter("age", operator, random_.choice([f"P{age}Y", f"P{age * 12}M", str(age)]))
    return asked, lambda one: COMPARE[operator](round(years(one["collected"]), 6), age)


def by_ethnicity(random_, people):
    label = random_.choice([one["ethnicity"]["label"] for one in people if "ethnicity" in one])
    if random_.random() < 0.5:
        return (
            AlphanumericFilter("ethnicity.label", Operator.NOT, label),
            lambda one: one.get("ethnicity", {}).get("label") != label,
        )
    part = label[:4]
    return (
        AlphanumericFilter("ethnicity", Operator.EQUAL, f"%{part}%"),
        lambda one: part.lower() in one.get("ethnicity", {}).get("label", "").lower(),
    )


def by_procedure(random_, people):
    code = random_.choice(people)["interventionsOrProcedures"][0]["procedureCode"]["id"].removeprefix(
        "OPCS4:"
    )
    above = random_.choice([code, code.split(".")[0], code[0]])
    return (
        OntologyFilter(f"OPCS4:{above}"),
        lambda one: any(
            step["procedureCode"]["id"].removeprefix("OPCS4:").startswith(above)
            for step in one["interventionsOrProcedures"]
        ),
    )


KINDS = (by_disease, by_block, by_sex, by_measure, by_age, by_ethnicity, by_procedure)


def any_of(random_, people):
    parts = [random_.choice(KINDS)(random_, people) for _ in range(random_.randint(2, 3))]
    return AnyOf(tuple(asked for asked, _ in parts)), lambda one: any(holds(one) for _, holds in parts)


@pytest.mark.parametrize("seed", range(300))
def test_random_combinations_of_filters_equal_plain_python_over_the_json(joined, people, seed):
    release, store, join = joined
    random_ = random.Random(seed)
    parts = [
        random_.choice((*KINDS, any_of))(random_, people) for _ in range(random_.choice((1, 1, 2, 2, 3, 4)))
    ]
    here = set(join.tables.individuals.ids)
    expected = {one["id"] for one in people if one["id"] in here and all(holds(one) for _, holds in parts)}
    found = store.matching(release, [asked for asked, _ in parts], None)
    assert chosen(join, found) == expected
    assert store.count(release, EntryType.INDIVIDUAL, found) == len(expected)


@pytest.mark.parametrize("seed", range(60))
def test_carriers_who_satisfy_filters_equal_plain_python_over_the_vcf(joined, people, vcf, seed):
    release, store, join = joined
    samples, genotypes = vcf
    random_ = random.Random(seed)
    rows = random_.sample(range(VARIANTS), random_.choice((1, 1, 1, 2, 5)))
    asked, holds = random_.choice(KINDS)(random_, people)
    carrying = {
        name for row in rows for name, call in zip(samples, genotypes[row], strict=True) if "1" in call
    }
    expected = {one["id"] for one in people if one["id"] in carrying and holds(one)}
    assert expected <= set(join.tables.individuals.ids)
    found = store.matching(release, [asked], [SiteRef("22", row) for row in rows])
    assert chosen(join, found) == expected


def site_at(row, contig="22", start=1000):
    return SiteRecord(contig, start, start + 1, "A", "G", "SNP", 1, row, (), Visibility.NOTHING)


def test_cases_are_the_carriers_in_the_vcf_who_are_among_the_people_asked_for(joined, people, vcf):
    release, store, _ = joined
    samples, genotypes = vcf
    women = store.matching(release, [OntologyFilter("NCIT:C16576")], None)
    female = {one["id"] for one in people if one["sex"]["label"] == "female"}
    found = store.cases(release, [site_at(row) for row in range(VARIANTS)], women)
    for row, cases in enumerate(found):
        calls = dict(zip(samples, genotypes[row], strict=True))
        expected = {name: call.count("1") for name, call in calls.items() if name in female and "1" in call}
        assert {case.individual: case.copies for case in cases} == expected
        assert all(case.biosample == case.individual and not case.is_hemizygous for case in cases)


@pytest.mark.parametrize(
    ("contig", "start", "hemizygous"),
    [
        ("22", 1000, []),
        ("X", 5_000_000, ["m"]),
        ("X", 100_000, []),
        ("Y", 5_000_000, ["f", "m"]),
        ("MT", 10, ["f", "m"]),
    ],
)
def test_who_has_one_copy_of_a_place_is_hemizygous_there(tmp_path, contig, start, hemizygous):
    people = [{"id": "f", "sex": "female"}, {"id": "m", "sex": "male"}]
    release = release_of(tmp_path, people, ["m", "stranger", "f"], [[2, 2, 2], [1, 0, 0]])
    (tmp_path / "genotypes" / "chr1.pgen").rename(tmp_path / "genotypes" / f"chr{contig}.pgen")
    psam = tmp_path / "genotypes" / "samples.psam"
    psam.write_text("#IID\tSEX\nm\t1\nstranger\t0\nf\t2\n")
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    everybody = store.matching(release, [], None)
    both, one = store.cases(release, [site_at(0, contig, start), site_at(1, contig, start)], everybody)
    assert sorted(case.individual for case in both) == ["f", "m"]
    assert sorted(case.individual for case in both if case.is_hemizygous) == hemizygous
    assert [case.copies for case in both if not case.is_hemizygous] == [2] * (2 - len(hemizygous))
    assert [(case.individual, case.copies) for case in one] == [("m", 1)]
    with pytest.raises(Unavailable):
        store.cases(release, [site_at(9, contig, start)], everybody)


def test_every_individual_of_the_join_is_there_and_no_other(joined, vcf):
    release, store, join = joined
    assert len(join.tables) == 2503
    assert len(join.samples_without_subject) == len(vcf[0]) - 2503
    assert store.count(release, EntryType.INDIVIDUAL, store.matching(release, [], None)) == 2503


def test_no_alleles_match_nobody_and_alleles_without_genotypes_match_nobody(joined):
    release, store, _ = joined
    for alleles in ([], [SiteRef("22", -1)]):
        assert store.count(release, EntryType.INDIVIDUAL, store.matching(release, [], alleles)) == 0


def test_entries_of_other_types_are_counted_by_the_individual_behind_them(joined):
    release, store, _ = joined
    women = store.matching(release, [OntologyFilter("NCIT:C16576")], None)
    expected = store.count(release, EntryType.INDIVIDUAL, women)
    for kind in (EntryType.BIOSAMPLE, EntryType.RUN, EntryType.ANALYSIS):
        assert store.count(release, kind, women) == expected
        documents = store.documents(release, kind, women, skip=10, limit=5)
        assert len(documents) == 5
    assert store.count(release, EntryType.DATASET, women) == 1
    assert store.count(release, EntryType.COHORT, women) == 1
    with pytest.raises(Invalid):
        store.count(release, EntryType.GENOMIC_VARIANT, women)


@pytest.mark.parametrize(
    "kind, name",
    [
        (EntryType.INDIVIDUAL, "HG00097"),
        (EntryType.BIOSAMPLE, "HG00097"),
        (EntryType.RUN, "SRR00000002"),
        (EntryType.ANALYSIS, "UK1_analysisId_2"),
    ],
)
def test_the_individual_behind_an_entry_is_found_by_its_id(joined, kind, name):
    release, store, join = joined
    behind = store.individuals_behind(release, kind, name)
    assert chosen(join, behind) == {"HG00097"}
    (document,) = store.documents(release, kind, behind, skip=0, limit=10)
    assert document["id"] == name
    assert store.individuals_behind(release, kind, "nobody-there") is None


def test_a_dataset_and_a_cohort_stand_for_all_their_individuals(joined):
    release, store, _ = joined
    for kind, name in (
        (EntryType.DATASET, "GDI-EE-TEST-1"),
        (EntryType.COHORT, "CINECA_synthetic_cohort_UK1"),
    ):
        behind = store.individuals_behind(release, kind, name)
        assert store.count(release, EntryType.INDIVIDUAL, behind) == 2503


@pytest.mark.parametrize(
    "asked, reason",
    [
        (OntologyFilter("NOPE:1"), "'NOPE:1' is not known"),
        (OntologyFilter("NCIT:" + "1" * 300), "the id is longer than 256 characters"),
        (AlphanumericFilter("sex", Operator.EQUAL, "f" * 300), "the value is longer than 256 characters"),
        (AlphanumericFilter("shoeSize", Operator.GREATER, "40"), "'shoeSize' is not known"),
        (AlphanumericFilter("sex", Operator.GREATER, "female"), "holds text"),
        (AlphanumericFilter("BMI", Operator.GREATER, "heavy"), "not a number"),
        (AlphanumericFilter("BMI", Operator.GREATER, "nan"), "not a number"),
        (AlphanumericFilter("age", Operator.GREATER, "old"), "ISO 8601 duration"),
        (AlphanumericFilter("collectionDate", Operator.LESS, "P3Y"), "date"),
        (OntologyFilter("UBERON:0000178", scope=EntryType.INDIVIDUAL), "scope individual"),
        (OntologyFilter("NCIT:C16576", scope=EntryType.GENOMIC_VARIANT), "scope genomicVariant"),
        (AnyOf((OntologyFilter("NCIT:C16576"), OntologyFilter("NOPE:2"))), "'NOPE:2' is not known"),
    ],
)
def test_a_filter_that_cannot_be_applied_is_refused_by_name(joined, asked, reason):
    release, store, _ = joined
    with pytest.raises(Invalid, match=reason):
        store.matching(release, [asked], None)


@pytest.mark.parametrize(
    "asked",
    [
        OntologyFilter("HP:0001250"),
        OntologyFilter("MONDO:0100096", scope=EntryType.INDIVIDUAL),
        AlphanumericFilter(
            "diseases.ageOfOnset.iso8601duration", Operator.GREATER, "P30Y", EntryType.INDIVIDUAL
        ),
        AlphanumericFilter("ethnicity", Operator.EQUAL, "Klingon"),
    ],
)
def test_what_is_known_and_nobody_has_matches_nobody(joined, asked):
    release, store, _ = joined
    assert store.count(release, EntryType.INDIVIDUAL, store.matching(release, [asked], None)) == 0


def test_similarity_widens_step_by_step(joined):
    release, store, _ = joined
    sizes = [
        store.count(
            release,
            EntryType.INDIVIDUAL,
            store.matching(release, [OntologyFilter("ICD10:E10", similarity=similarity)], None),
        )
        for similarity in Similarity
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] < 2503


def test_descendants_are_left_out_on_request(joined):
    release, store, _ = joined
    asked = OntologyFilter("ICD10:E00-E90")
    with_descendants = store.matching(release, [asked], None)
    alone = store.matching(release, [replace(asked, include_descendants=False)], None)
    assert store.count(release, EntryType.INDIVIDUAL, with_descendants) > 0
    assert store.count(release, EntryType.INDIVIDUAL, alone) == 0


def two_releases(tmp_path, floor):
    """One release where three women have a rare disease, one without it."""
    sources = []
    for name, sick in (("one", 3), ("two", 0)):
        entries = [
            {
                "id": f"{name}-{row}",
                "sex": "female",
                **({"diseases": [{"diseaseCode": {"id": "ORPHA:999"}}]} if row < sick else {}),
            }
            for row in range(20)
        ]
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(entries))
        (tmp_path / name / "subjects").mkdir(parents=True)
        write_subjects(read_subjects(SubjectSources(individuals=path)), tmp_path / name / "subjects")
        sources.append(shelved(tmp_path / name, len(sources) + 1, floor))
    return sources


def test_a_term_known_to_another_dataset_of_the_node_matches_nobody_here(tmp_path):
    one, two = two_releases(tmp_path, floor=0)
    store = BitmapSubjectStore(lambda: [one, two], load_ontology())
    assert (
        store.count(one, EntryType.INDIVIDUAL, store.matching(one, [OntologyFilter("ORPHA:999")], None)) == 3
    )
    assert (
        store.count(two, EntryType.INDIVIDUAL, store.matching(two, [OntologyFilter("ORPHA:999")], None)) == 0
    )
    alone = BitmapSubjectStore(lambda: [two], load_ontology())
    with pytest.raises(Invalid, match="ORPHA:999"):
        alone.matching(two, [OntologyFilter("ORPHA:999")], None)


def test_a_term_that_too_few_have_is_refused_as_one_that_nobody_has_and_is_not_listed(tmp_path):
    one, two = two_releases(tmp_path, floor=10)
    store = BitmapSubjectStore(lambda: [one, two], load_ontology())
    texts = []
    for name in ("ORPHA:999", "ORPHA:998"):
        with pytest.raises(Invalid) as refusal:
            store.matching(one, [OntologyFilter(name)], None)
        texts.append(str(refusal.value).replace(name, "?"))
    assert texts[0] == texts[1]
    assert [term.id for term in store.terms([one, two], {1: 10, 2: 10})] == ["NCIT:C16576", "sex"]
    assert "ORPHA:999" in [term.id for term in store.terms([one, two], {1: 3, 2: 10})]


def test_the_stricter_floor_of_node_and_release_decides_what_is_known(tmp_path):
    one, _ = two_releases(tmp_path, floor=3)
    asked = [OntologyFilter("ORPHA:999")]
    open_node = BitmapSubjectStore(lambda: [one], load_ontology())
    assert open_node.count(one, EntryType.INDIVIDUAL, open_node.matching(one, asked, None)) == 3
    strict_node = BitmapSubjectStore(lambda: [one], load_ontology(), floor=4)
    with pytest.raises(Invalid, match="ORPHA:999"):
        strict_node.matching(one, asked, None)


def test_filtering_terms_come_from_the_data_and_each_of_them_can_be_asked(joined):
    release, store, _ = joined
    terms = store.terms([release], {release.number: 10})
    assert [term.id for term in terms] == sorted({term.id for term in terms})
    for term in terms:
        asked = (
            OntologyFilter(term.id)
            if term.kind == "ontology"
            else AlphanumericFilter(term.id, Operator.NOT, term.values[0] if term.values else "2020-01-01")
        )
        if term.kind == "ontology":
            assert store.count(release, EntryType.INDIVIDUAL, store.matching(release, [asked], None)) >= 10
    listed = {term.id for term in terms}
    assert {"BMI", "age", "sex", "NCIT:C16576", "ICD10:G35"} <= listed
    assert "OPCS4:K06.1" not in listed


def test_a_cohort_counts_its_members_from_the_data(joined, people):
    release, store, join = joined
    (cohort,) = store.cohorts(release)
    here = [one for one in people if one["id"] in set(join.tables.individuals.ids)]
    event = cohort.document["collectionEvents"][0]
    assert event["eventSize"] == 2503
    assert event["eventGenders"]["distribution"]["genders"] == {
        label: sum(one["sex"]["label"] == label for one in here) for label in ("female", "male")
    }
    assert event["eventDiseases"]["availabilityCount"] == sum("diseases" in one for one in here)
    assert sum(event["eventAgeRange"]["distribution"]["ages"].values()) == 2503


def test_the_cache_of_bitmaps_keeps_to_its_bound(joined):
    release, _, _ = joined
    store = BitmapSubjectStore(lambda: [release], load_ontology(), cache_bytes=50_000)
    for bound in range(100):
        store.matching(release, [AlphanumericFilter("BMI", Operator.GREATER, str(bound))], None)
    assert 0 < store.cached_bytes <= 50_000


def test_a_date_is_compared_as_a_date(joined):
    release, store, _ = joined
    day = date(2020, 9, 12).isoformat()
    found = store.matching(release, [AlphanumericFilter("collectionDate", Operator.LESS, day)], None)
    assert store.count(release, EntryType.INDIVIDUAL, found) == 2503


def test_a_duration_that_is_none_is_refused_even_where_nobody_has_an_age(tmp_path):
    _, two = two_releases(tmp_path, floor=0)
    store = BitmapSubjectStore(lambda: [two], load_ontology())
    for name in ("age", "PATO_0000011", "diseases.ageOfOnset.iso8601duration"):
        assert not store.matching(two, [AlphanumericFilter(name, Operator.GREATER, "P3Y")], None).any()
        with pytest.raises(Invalid, match="ISO 8601 duration"):
            store.matching(two, [AlphanumericFilter(name, Operator.GREATER, "old")], None)


def release_of(tmp_path, entries, samples, rows, number=1, floor=0):
    """A release whose genotypes are given as copies per sample."""
    for part in ("subjects", "genotypes"):
        (tmp_path / part).mkdir(parents=True, exist_ok=True)
    if entries is not None:
        path = tmp_path / "individuals.json"
        path.write_text(json.dumps(entries))
        join = read_subjects(SubjectSources(individuals=path)).joined_to(samples)
        write_subjects(join.tables, tmp_path / "subjects")
    (tmp_path / "genotypes" / "samples.psam").write_text(
        "#IID\tSEX\n" + "".join(f"{name}\t0\n" for name in samples)
    )
    with pgenlib.PgenWriter(
        bytes(tmp_path / "genotypes" / "chr1.pgen"), len(samples), variant_ct=len(rows), nonref_flags=False
    ) as writer:
        for copies in rows:
            writer.append_biallelic(np.array(copies, dtype=np.int8))
    return shelved(tmp_path, number, floor)


def test_samples_of_nobody_and_people_without_samples_are_kept_apart(tmp_path):
    people = [{"id": name, "sex": "female"} for name in ("ann", "bea", "cyd")]
    release = release_of(
        tmp_path, people, ["stranger", "cyd", "ann"], [[1, 0, 2], [2, 1, 0], [1, 0, 0], [-9, -9, 1]]
    )
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    carrying = [
        {one["id"] for one in store.documents(release, EntryType.INDIVIDUAL, found, skip=0, limit=9)}
        for found in (store.matching(release, [], [SiteRef("1", row)]) for row in range(4))
    ]
    assert carrying == [{"ann"}, {"cyd"}, set(), {"ann"}]


@pytest.mark.parametrize("samples", [["ann", "bea", "x", "y"], ["x", "bea", "ann", "y"]])
def test_samples_of_nobody_behind_the_last_known_one_are_left_aside(tmp_path, samples):
    people = [{"id": name, "sex": "female"} for name in ("ann", "bea")]
    rows = [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 2]]
    many = 50  # so many samples that a rare allele is stored as a list
    names = [*samples, *(f"z{place}" for place in range(many))]
    release = release_of(
        tmp_path, people, names, [[*row, *([0] * many)] for row in rows] + [[1] * len(names)]
    )
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    found = [store.matching(release, [], [SiteRef("1", row)]) for row in range(4)]
    sizes = [store.count(release, EntryType.INDIVIDUAL, one) for one in found]
    ann_is_third = samples[2] == "ann"
    assert sizes == [2, int(ann_is_third), 0, 2]
    both = store.matching(release, [], [SiteRef("1", 1), SiteRef("1", 2)])
    assert store.count(release, EntryType.INDIVIDUAL, both) == int(ann_is_third)


@pytest.mark.parametrize("site", [SiteRef("2", 0), SiteRef("1", 7)])
def test_genotypes_that_cannot_be_read_make_the_question_unanswerable(tmp_path, site):
    release = release_of(tmp_path, None, ["a", "b"], [[0, 1]])
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    with pytest.raises(Unavailable):
        store.matching(release, [], [site])


def test_carriers_are_counted_where_there_are_genotypes_and_no_subjects(tmp_path):
    release = release_of(tmp_path, None, ["a", "b", "c"], [[0, 1, 2]])
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    found = store.matching(release, [], [SiteRef("1", 0)])
    assert store.count(release, EntryType.INDIVIDUAL, found) == 2
    assert store.terms([release], {}) == []
    assert store.cohorts(release) == []


def test_a_release_with_a_new_number_in_an_old_place_is_read_anew(tmp_path):
    first = release_of(tmp_path, None, ["a", "b"], [[0, 1]])
    store = BitmapSubjectStore(lambda: [first], load_ontology())
    assert store.matching(first, [], [SiteRef("1", 0)]).tolist() == [0b01000000]
    (tmp_path / "genotypes" / "chr1.pgen").unlink()
    second = release_of(tmp_path, None, ["a", "b"], [[1, 0]], number=2)
    assert store.matching(second, [], [SiteRef("1", 0)]).tolist() == [0b10000000]


def test_many_people_with_rare_kinds_of_a_term_make_the_term_known(tmp_path):
    people = [
        {"id": str(row), "sex": "male", "diseases": [{"diseaseCode": {"id": f"OPCS4:X01.{row % 4}"}}]}
        for row in range(12)
    ]
    one_person = [{"diseaseCode": {"id": f"OPCS4:Y02.{code}"}} for code in range(9)]
    people[0]["diseases"] += one_person
    people[1]["diseases"] += one_person
    release = release_of(tmp_path, people, [one["id"] for one in people], [[0] * 12], floor=10)
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    assert (
        store.count(
            release, EntryType.INDIVIDUAL, store.matching(release, [OntologyFilter("OPCS4:X01")], None)
        )
        == 12
    )
    for name in ("OPCS4:X01.1", "OPCS4:Y02", "OPCS4:Y"):
        with pytest.raises(Invalid, match=name):
            store.matching(release, [OntologyFilter(name)], None)


def a_measure(value, unit="LOINC:kg"):
    quantity = {"value": value, "unit": {"id": unit}}
    return {
        "assayCode": {"id": "LOINC:1"},
        "measurementValue": value if isinstance(value, dict) else quantity,
    }


ODD_ONES = {
    "another unit": [a_measure(300, "LOINC:lb")],
    "a text among numbers": [a_measure({"id": "NCIT:C25626", "label": "present"})],
    "nothing": [],
}


@pytest.mark.parametrize("odd", ODD_ONES)
@pytest.mark.parametrize(
    "asked", [(Operator.GREATER, "60"), (Operator.GREATER, "present"), (Operator.EQUAL, "x")]
)
def test_what_one_person_has_decides_no_refusal(tmp_path, odd, asked):
    said = {}
    for name, measures in (("with", ODD_ONES[odd]), ("without", [])):
        people = [{"id": str(row), "sex": "male", "measures": [a_measure(row + 50)]} for row in range(20)]
        people[7]["measures"] = measures
        release = release_of(tmp_path / name, people, [one["id"] for one in people], [[0] * 20], floor=5)
        store = BitmapSubjectStore(lambda release=release: [release], load_ontology())
        try:
            found = store.matching(release, [AlphanumericFilter("LOINC:1", *asked)], None)
            said[name] = store.count(release, EntryType.INDIVIDUAL, found)
        except Invalid as refusal:
            said[name] = str(refusal)
    assert said["with"] == said["without"]


@pytest.mark.parametrize(
    "asked", [(Operator.GREATER, "present"), (Operator.LESS, "3"), (Operator.EQUAL, "x")]
)
@pytest.mark.parametrize(
    "rare", [[a_measure(3)], [a_measure(3), a_measure(4, "LOINC:lb")], [a_measure({"id": "NCIT:C25626"})]]
)
def test_a_field_of_few_people_refuses_nothing(tmp_path, rare, asked):
    people = [{"id": str(row), "sex": "male"} for row in range(20)]
    people[7]["measures"] = rare
    release = release_of(tmp_path, people, [one["id"] for one in people], [[0] * 20], floor=5)
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    asked = AlphanumericFilter("measurements.measurementValue.value", *asked)
    assert store.count(release, EntryType.INDIVIDUAL, store.matching(release, [asked], None)) == 0


def test_threads_get_the_answers_one_thread_gets(joined):
    release, _, _ = joined
    questions = [
        (
            [AlphanumericFilter("BMI", Operator.GREATER, str(bound)), OntologyFilter(term)],
            [SiteRef("22", bound)],
        )
        for bound in range(15, 40)
        for term in ("NCIT:C16576", "ICD10:I00-I99")
    ]

    def ask(store, question):
        return store.matching(release, *question).tobytes()

    alone = BitmapSubjectStore(lambda: [release], load_ontology())
    together = BitmapSubjectStore(lambda: [release], load_ontology(), cache_bytes=100_000)
    expected = [ask(alone, question) for question in questions]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda question: ask(together, question), questions * 4)) == expected * 4


WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["sex", "age", "BMI", "LOINC:35925-4", "NCIT:C16576", "ICD10:E00-E90", "PATO_0000011", "diseases", "P30Y",
         "measurements.measurementValue.value", "individual.sex.label", "collectionDate", "2020-01-01", "%", "25"]
    ),
)  # fmt: skip
SCOPES = st.sampled_from([None, *EntryType])
LEAVES = st.one_of(
    st.builds(OntologyFilter, WORDS, st.booleans(), st.sampled_from(Similarity), SCOPES),
    st.builds(AlphanumericFilter, WORDS, st.sampled_from(Operator), WORDS, SCOPES),
)


@given(st.lists(st.one_of(LEAVES, st.builds(AnyOf, st.lists(LEAVES, max_size=3).map(tuple))), max_size=3))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_filters_match_individuals_or_are_refused(joined, filters):
    release, store, join = joined
    try:
        found = store.matching(release, filters, None)
    except Invalid:
        return
    assert len(found) == (len(join.tables) + 7) // 8
    assert found[-1] & ((1 << -len(join.tables) % 8) - 1) == 0
