"""What the Beacons need of a `VariantStore`, of the one that serves and of the one in memory alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from opengdi.discovery.model import ShelvedRelease, SiteRecord, SiteRef
from opengdi.discovery.ports import VariantStore
from opengdi.discovery.variants.genes import GeneTable
from opengdi.discovery.variants.index import SiteIndex
from opengdi.discovery.variants.sst import build_index_files
from opengdi.discovery.variants.store import RocksVariantStore
from opengdi.kernel.bulk.serial import SerialPool
from opengdi.kernel.disclosure.floors import Visibility
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion
from opengdi.standards.coordinates import Assembly, Interval
from opengdi.testing.variants import MemoryVariantStore, SiteRow, shelved, site_row, write_release

GENES = {Assembly.GRCh38: GeneTable({"BRAF": (Interval("7", 1000, 2000),)})}
COUNTS = (200, 2000, 10, 180, 0)
"""Allele count, allele number, hom, het, hemi of Total, well above the floor of 10."""
RARE = (3, 2000, 0, 3, 0)

MakeStore = Callable[..., tuple[VariantStore, list[ShelvedRelease]]]


@pytest.fixture(params=["memory", "rocks"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """Makes a store of releases from their rows, and tells the releases."""
    indexes: list[SiteIndex] = []

    def make(*datasets: Sequence[SiteRow], **options) -> tuple[VariantStore, list[ShelvedRelease]]:
        releases = [
            shelved(write_release(tmp_path, rows, dataset=f"GDI-EE-TEST-{n}", **options), n, tmp_path)
            for n, rows in enumerate(datasets, start=1)
        ]
        if request.param == "memory":
            return MemoryVariantStore(dict(enumerate(datasets, start=1)), GENES, span_cap=1_000_000), releases
        index = SiteIndex(tmp_path / "index")
        indexes.append(index)
        for release in releases:
            index.take_in(
                release.number, build_index_files(release, tmp_path / f"files-{release.number}", SerialPool())
            )
        return RocksVariantStore(index, GENES, span_cap=1_000_000), releases

    yield make
    for index in indexes:
        index.close()


def sequence(start: int, ref: str | None, alt: str, *, contig: str | None = "7", **rest) -> VariantQuestion:
    place = (QuestionKind.SEQUENCE, Assembly.GRCh38, contig, (start,))
    return VariantQuestion(*place, reference_bases=ref, alternate_bases=alt, **rest)


def spanning(start: int, end: int, **rest) -> VariantQuestion:
    return VariantQuestion(QuestionKind.RANGE, Assembly.GRCh38, "7", (start,), (end,), **rest)


def bracket(start: tuple[int, int], end: tuple[int, int], **rest) -> VariantQuestion:
    return VariantQuestion(QuestionKind.BRACKET, Assembly.GRCh38, "7", start, end, **rest)


def found(store: VariantStore, releases: Sequence[ShelvedRelease], question: VariantQuestion) -> list[str]:
    """The alleles found in the first release, readably, with the total checked on the way."""
    hits = store.search(question, releases, {}, skip=0, limit=100)[0]
    assert hits.total == len(hits.rows)
    return [spelt(row) for row in hits.rows]


def spelt(row: SiteRecord) -> str:
    return f"{row.contig}:{row.start}:{row.ref}>{row.alt}"


def test_an_exact_allele_is_found_in_every_release_that_has_it(make_store: MakeStore) -> None:
    snp, other = site_row("7", 100, "C", "T", COUNTS), site_row("7", 100, "C", "A", COUNTS)
    store, releases = make_store([snp, other], [other], [snp])
    hits = store.search(sequence(100, "C", "T"), releases, {}, skip=0, limit=10)
    assert [each.release for each in hits] == releases
    assert [each.total for each in hits] == [1, 0, 1]
    row = hits[0].rows[0]
    assert (row.contig, row.start, row.end, row.variant_type, row.length) == ("7", 100, 101, "SNP", 1)
    assert tuple(row.counts) == COUNTS
    assert row.visibility is Visibility.ALL


@pytest.mark.parametrize(
    "start, ref, alt", [(99, "CT", "C"), (100, "T", ""), (98, "ACT", "AC"), (99, "CTG", "CG")]
)
def test_a_deletion_is_found_however_it_is_anchored(
    make_store: MakeStore, start: int, ref: str, alt: str
) -> None:
    store, releases = make_store([site_row("7", 99, "CT", "C", COUNTS)])
    assert found(store, releases, sequence(start, ref, alt)) == ["7:100:T>"]


def test_a_wildcard_stands_for_any_base_and_for_one_base_only(make_store: MakeStore) -> None:
    store, releases = make_store(
        [
            site_row("7", 100, "C", "T", COUNTS),
            site_row("7", 100, "C", "TT", COUNTS),
            site_row("7", 101, "C", "T", COUNTS),
        ]
    )
    assert found(store, releases, sequence(100, "C", "N")) == ["7:100:C>T"]
    assert found(store, releases, sequence(100, None, "NN")) == ["7:100:C>TT"]


def test_an_anchored_wildcard_finds_the_trimmed_deletion(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 99, "CT", "C", COUNTS)])
    assert found(store, releases, sequence(99, "CN", "C")) == ["7:100:T>"]
    assert found(store, releases, sequence(99, "NT", "N")) == ["7:100:T>"]
    assert found(store, releases, sequence(99, "AN", "C")) == []


def test_an_allele_without_reference_is_found_at_its_start_only(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 100, "C", "T", COUNTS), site_row("7", 101, "G", "T", COUNTS)])
    assert found(store, releases, sequence(100, None, "T")) == ["7:100:C>T"]


def test_a_question_without_contig_asks_all_of_them(make_store: MakeStore) -> None:
    rows = [site_row(contig, 100, "C", "T", COUNTS) for contig in ("7", "X", "MT")]
    store, releases = make_store(rows)
    question = sequence(100, "C", "T", contig=None)
    assert found(store, releases, question) == ["7:100:C>T", "X:100:C>T", "MT:100:C>T"]


def test_long_alleles_are_told_apart_by_their_bases(make_store: MakeStore) -> None:
    long_one, long_two = (
        site_row("7", 100, "A", "ACGTACGTACGTA", COUNTS),
        site_row("7", 100, "A", "A" + "C" * 14, COUNTS),
    )
    store, releases = make_store([long_one, long_two])
    assert found(store, releases, sequence(100, "A", "ACGTACGTACGTA")) == ["7:100:>ACGTACGTACGT"]
    assert found(store, releases, sequence(100, "", "ACGTACGTACGG")) == []


def test_a_range_finds_any_overlap_and_nothing_beside_it(make_store: MakeStore) -> None:
    store, releases = make_store(
        [
            site_row("7", 199, "A", "G", COUNTS),
            site_row("7", 200, "A", "G", COUNTS),
            site_row("7", 195, "ACGTACG", "A", COUNTS),
            site_row("7", 299, "A", "G", COUNTS),
            site_row("7", 300, "A", "G", COUNTS),
            site_row("7", 5, "N", "<DEL>", COUNTS, end=250),
            site_row("7", 5, "N", "<INV>", COUNTS, end=200),
        ]
    )
    assert found(store, releases, spanning(200, 300)) == [
        "7:5:N><DEL>", "7:196:CGTACG>", "7:200:A>G", "7:299:A>G",
    ]  # fmt: skip


def test_a_long_deletion_is_found_by_a_base_far_from_its_start(make_store: MakeStore) -> None:
    store, releases = make_store(
        [
            site_row("7", 1_000_000, "N", "<DEL>", COUNTS, end=90_000_000),
            site_row("7", 80_000_000, "N", "<DUP>", COUNTS, end=80_002_000),
            site_row("7", 80_000_500, "A", "C", COUNTS),
        ]
    )
    deletion, duplication = "7:1000000:N><DEL>", "7:80000000:N><DUP>"
    assert found(store, releases, spanning(80_001_500, 80_001_501)) == [deletion, duplication]
    assert found(store, releases, spanning(80_000_400, 80_000_600)) == [
        deletion,
        duplication,
        "7:80000500:A>C",
    ]
    assert found(store, releases, spanning(80_000_400, 80_000_600, variant_types=("DEL",))) == [deletion]


def test_an_insertion_lies_between_bases(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 99, "A", "AT", COUNTS)])
    assert found(store, releases, spanning(99, 101)) == ["7:100:>T"]
    assert found(store, releases, spanning(100, 101)) == []
    assert found(store, releases, spanning(99, 100)) == []


def test_a_range_is_narrowed_by_type_length_and_bases(make_store: MakeStore) -> None:
    store, releases = make_store(
        [
            site_row("7", 100, "A", "G", COUNTS),
            site_row("7", 110, "A", "ATTT", COUNTS),
            site_row("7", 120, "ATTTTT", "A", COUNTS),
        ]
    )
    assert found(store, releases, spanning(0, 1000, variant_types=("DEL", "SNP"))) == [
        "7:100:A>G",
        "7:121:TTTTT>",
    ]
    assert found(store, releases, spanning(0, 1000, min_length=3, max_length=4)) == ["7:111:>TTT"]
    assert found(store, releases, spanning(0, 1000, alternate_bases="G")) == ["7:100:A>G"]
    assert found(store, releases, spanning(0, 1000, reference_bases="ATTTTT", alternate_bases="A")) == [
        "7:121:TTTTT>"
    ]


def test_a_bracket_is_half_open_at_both_ends(make_store: MakeStore) -> None:
    store, releases = make_store(
        [
            site_row("7", start, "N", "<DEL>", COUNTS, end=end)
            for start, end in ((100, 500), (101, 501), (102, 502))
        ]
    )
    assert found(store, releases, bracket((100, 102), (501, 502))) == ["7:101:N><DEL>"]
    assert found(store, releases, bracket((101, 102), (501, 502))) == ["7:101:N><DEL>"]
    assert found(store, releases, bracket((100, 101), (501, 502))) == []


def test_a_gene_is_a_place_in_the_table(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", at, "A", "G", COUNTS) for at in (999, 1000, 1999, 2000)])
    question = VariantQuestion(QuestionKind.GENE, Assembly.GRCh38, gene="braf")
    assert found(store, releases, question) == ["7:1000:A>G", "7:1999:A>G"]


def test_a_gene_that_only_annotation_knows_is_found_by_annotation(make_store: MakeStore) -> None:
    store, releases = make_store(
        [
            site_row("7", 100, "A", "G", COUNTS, gene="NEW1"),
            site_row("7", 110, "A", "G", COUNTS),
            site_row("7", 120, "A", "G", COUNTS, gene="NEW1"),
        ]
    )
    question = VariantQuestion(QuestionKind.GENE, Assembly.GRCh38, gene="NEW1")
    assert found(store, releases, question) == ["7:100:A>G", "7:120:A>G"]


def test_an_unknown_gene_is_refused(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 100, "A", "G", COUNTS)])
    with pytest.raises(Invalid, match="NOSUCH"):
        store.search(
            VariantQuestion(QuestionKind.GENE, Assembly.GRCh38, gene="NOSUCH"), releases, {}, skip=0, limit=1
        )


def test_an_amino_acid_change_is_found_within_its_gene(make_store: MakeStore) -> None:
    store, releases = make_store(
        [
            site_row("7", 1500, "A", "T", COUNTS, gene="BRAF", amino_acid_changes=("V600E", "V208E")),
            site_row("7", 1501, "C", "A", COUNTS, gene="BRAF", amino_acid_changes=("V600K",)),
            site_row("7", 9000, "C", "A", COUNTS, gene="KRAS", amino_acid_changes=("V600E",)),
        ]
    )
    question = VariantQuestion(
        QuestionKind.AMINO_ACID, Assembly.GRCh38, gene="BRAF", amino_acid_change="V600E"
    )
    assert found(store, releases, question) == ["7:1500:A>T"]


def test_an_amino_acid_change_without_annotation_is_refused(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 1500, "A", "T", COUNTS)])
    question = VariantQuestion(
        QuestionKind.AMINO_ACID, Assembly.GRCh38, gene="BRAF", amino_acid_change="V600E"
    )
    with pytest.raises(Invalid, match="annotation"):
        store.search(question, releases, {}, skip=0, limit=10)


def test_a_span_over_the_cap_is_refused_and_the_cap_named(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 1500, "A", "T", COUNTS)])
    with pytest.raises(Invalid, match="1000000"):
        store.search(spanning(0, 1_000_001), releases, {}, skip=0, limit=10)


def test_a_range_without_contig_is_refused(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 1500, "A", "T", COUNTS)])
    question = VariantQuestion(QuestionKind.RANGE, Assembly.GRCh38, None, (0,), (100,))
    with pytest.raises(Invalid, match="referenceName"):
        store.search(question, releases, {}, skip=0, limit=10)


def test_a_type_without_a_place_is_refused(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 1500, "A", "T", COUNTS)])
    question = VariantQuestion(QuestionKind.EVERYTHING, variant_types=("SNP",))
    with pytest.raises(Invalid, match="place"):
        store.search(question, releases, {}, skip=0, limit=10)


def test_a_release_of_another_assembly_is_no_hit(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 100, "C", "T", COUNTS)], assembly=Assembly.GRCh37)
    assert found(store, releases, sequence(100, "C", "T")) == []


def test_an_allele_below_the_floor_is_not_told_but_its_carriers_are_found(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 100, "C", "T", RARE, genotype_row=4)])
    assert found(store, releases, sequence(100, "C", "T")) == []
    assert store.locate(sequence(100, "C", "T"), releases[0]) == [SiteRef("7", 4)]


def test_a_stricter_floor_in_force_hides_more(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("7", 100, "C", "T", COUNTS)])
    totals = [
        store.search(sequence(100, "C", "T"), releases, {1: floor}, skip=0, limit=9)[0].total
        for floor in (0, 200, 201)
    ]
    assert totals == [1, 1, 0]


def test_a_hidden_population_collapses_the_row_to_total(make_store: MakeStore) -> None:
    counts = (200, 196, 4, 2000, 1000, 1000, 10, 10, 0, 180, 176, 4, 0, 0, 0)
    store, releases = make_store([site_row("7", 100, "C", "T", counts)], populations=("Total", "F", "M"))
    row = store.search(sequence(100, "C", "T"), releases, {}, skip=0, limit=9)[0].rows[0]
    assert row.visibility is Visibility.TOTAL_ONLY
    assert tuple(row.counts) == (200, -1, -1, 2000, -1, -1)


def test_genotypes_are_counted_only_where_the_floor_of_their_release_lets_all_of_them_be_told(
    make_store: MakeStore,
) -> None:
    shown, one_too_few = (200, 2000, 10, 180, 0), (200, 2000, 9, 182, 0)
    rows = [site_row("7", 100, "A", "G", shown), site_row("7", 101, "A", "G", one_too_few)]
    rows += [site_row("7", 102, "A", "G", (*shown[:4], -1))]
    store, releases = make_store(rows)
    told = store.search(spanning(0, 1000), releases, {}, skip=0, limit=9)[0].rows
    assert [tuple(row.counts) for row in told] == [shown, one_too_few[:2], shown[:2]]


def test_on_haploid_contigs_nobody_hemizygous_is_a_class_too(make_store: MakeStore) -> None:
    store, releases = make_store([site_row("X", 100, "A", "G", COUNTS)])
    (row,) = store.search(sequence(100, "A", "G", contig="X"), releases, {}, skip=0, limit=9)[0].rows
    assert tuple(row.counts) == COUNTS[:2]


def test_the_total_does_not_depend_on_the_page(make_store: MakeStore) -> None:
    rows = [site_row("7", at, "A", "G", COUNTS) for at in range(100, 130)]
    store, releases = make_store(rows, rows[:7])
    for skip, limit in ((0, 0), (0, 5), (5, 5), (28, 5), (40, 5)):
        hits = store.search(spanning(0, 1000), releases, {}, skip=skip, limit=limit)
        assert [each.total for each in hits] == [30, 7]
        assert [spelt(row) for row in hits[0].rows] == [f"7:{at}:A>G" for at in range(100, 130)][
            skip : skip + limit
        ]


def test_everything_is_counted_and_paged_from_the_beginning(make_store: MakeStore) -> None:
    rows = [site_row(contig, at, "A", "G", COUNTS) for contig in ("2", "7", "X") for at in range(100, 500)]
    rows += [site_row("3", 10, "A", "G", RARE)]
    store, releases = make_store(rows, [rows[0]])
    question = VariantQuestion(QuestionKind.EVERYTHING)
    for skip in (0, 399, 400, 799, 1199, 1200):
        hits = store.search(question, releases, {}, skip=skip, limit=2)
        assert [each.total for each in hits] == [1200, 1]
        assert [spelt(row) for row in hits[0].rows] == [
            f"{row.contig}:{row.start}:A>G" for row in rows[skip : skip + 2] if row.contig != "3"
        ]


def test_symbolic_alleles_at_one_place_with_different_ends_are_all_kept(make_store: MakeStore) -> None:
    store, releases = make_store(
        [site_row("7", 100, "N", "<DEL>", COUNTS, end=end) for end in (300, 200, 400)]
    )
    hits = store.search(spanning(0, 1000), releases, {}, skip=0, limit=9)[0]
    assert [row.end for row in hits.rows] == [200, 300, 400]
    assert [row.length for row in hits.rows] == [99, 199, 299]
    assert len(set(hits.units)) == 3, "each is paid for by itself"


def test_an_insertion_behind_the_last_base_of_an_annotated_gene_belongs_to_it(make_store: MakeStore) -> None:
    store, releases = make_store(
        [
            site_row("7", 5000, "A", "G", COUNTS, gene="LOOSE"),
            site_row("7", 5001, "", "CC", COUNTS, gene="LOOSE"),
        ]
    )
    question = VariantQuestion(QuestionKind.GENE, Assembly.GRCh38, gene="LOOSE")
    assert found(store, releases, question) == ["7:5000:A>G", "7:5001:>CC"]
