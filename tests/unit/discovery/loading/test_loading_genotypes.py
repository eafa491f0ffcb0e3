"""From genotypes to counts: ploidy, missing calls, several alleles, structural variants, annotation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.loading import HEADER, Bench, bench


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as node:
        (node.source / "samples.tsv").write_text("sample\tsex\tpopulation\nA\tF\tEE\nB\tM\tEE\nC\tM\tFI\n")
        yield node


FILES = 'files = ["a.vcf"]\nsamples = "samples.tsv"'


def load_one(node: Bench, *records: str, contig: str = "22", **options: str) -> list[dict]:
    node.write_release(FILES + "\n" + options.get("more", ""))
    node.write_vcf("a.vcf", records, header=options.get("header", HEADER))
    node.load()
    return node.truth(contig)


def test_populations_are_total_labels_sexes_and_both(node: Bench) -> None:
    node.write_release(FILES)
    node.write_vcf("a.vcf", ["22 11000000 . A G . . . GT 0|1 1|1 0|0"])
    assert node.load().release.manifest.populations == ("Total", "EE", "FI", "F", "M", "EE_F", "EE_M", "FI_M")


def test_homozygotes_heterozygotes_and_alleles_are_counted_per_population(node: Bench) -> None:
    (row,) = load_one(node, "22 11000000 . A G . . . GT 0|1 1|1 0/0")
    assert row["Total"] == (3, 6, 1, 1, 0)
    assert row["EE_M"] == (2, 2, 1, 0, 0)
    assert row["FI"] == (0, 2, 0, 0, 0)


def test_missing_and_half_missing_calls_lower_the_allele_number(node: Bench) -> None:
    (row,) = load_one(node, "22 11000000 . A G . . . GT ./. ./1 0/.")
    assert row["Total"] == (1, 2, 0, 1, 0)


def test_a_haploid_call_on_an_autosome_counts_one_allele(node: Bench) -> None:
    (row,) = load_one(node, "22 11000000 . A G . . . GT 1 0 0/1")
    assert row["Total"] == (2, 4, 0, 1, 1)


def test_several_alternate_alleles_are_split_and_trimmed(node: Bench) -> None:
    rows = load_one(node, "22 11000000 . CAA C,CA,TAA . . . GT 1|2 3|3 0|2")
    assert [(row["start"], row["ref"], row["alt"]) for row in rows] == [
        (10999999, "C", "T"),
        (11000000, "A", ""),
        (11000000, "AA", ""),
    ]
    assert [row["Total"] for row in rows] == [(2, 6, 1, 0, 0), (2, 6, 0, 2, 0), (1, 6, 0, 1, 0)]
    assert [row["variant_type"] for row in rows] == ["SNP", "DEL", "DEL"]


def test_a_diploid_homozygote_of_a_male_on_x_is_one_hemizygous_allele(node: Bench) -> None:
    (row,) = load_one(node, "X 5000000 . A G . . . GT 0|1 1|1 1", contig="X")
    assert row["Total"] == (3, 4, 0, 1, 2)
    assert row["M"] == (2, 2, 0, 0, 2)


def test_a_heterozygous_male_on_x_is_missing_and_reported(node: Bench) -> None:
    node.write_release(FILES)
    node.write_vcf("a.vcf", ["X 5000000 . A G . . . GT 0|0 0|1 1"])
    report = node.load().report
    (row,) = node.truth("X")
    assert row["Total"] == (1, 3, 0, 0, 1)
    (finding,) = report.findings
    assert str(finding) == (
        "a.vcf:4: heterozygous call where one copy is expected: 1 calls counted as missing"
    )


def test_the_pseudo_autosomal_region_counts_like_an_autosome(node: Bench) -> None:
    (row,) = load_one(node, "chrX 2781479 . A G . . . GT 0|1 0|1 1|1", contig="X")
    assert row["Total"] == (4, 6, 1, 2, 0)


def test_the_base_after_the_pseudo_autosomal_region_does_not(node: Bench) -> None:
    (row,) = load_one(node, "chrX 2781480 . A G . . . GT 0|1 0|0 1|1", contig="X")
    assert row["Total"] == (2, 4, 0, 1, 1)


def test_y_counts_males_once_and_females_not_at_all(node: Bench) -> None:
    node.write_release(FILES)
    node.write_vcf("a.vcf", ["Y 5000000 . A G . . . GT 1/1 1/1 0"])
    report = node.load().report
    (row,) = node.truth("Y")
    assert row["Total"] == (1, 2, 0, 0, 1)
    assert [finding.fault for finding in report.findings] == ["call on Y of a female"]


def test_mitochondria_count_once_for_everybody(node: Bench) -> None:
    (row,) = load_one(node, "chrM 100 . A G . . . GT 1/1 1 0/0", contig="MT")
    assert row["Total"] == (2, 3, 0, 0, 2)


def test_more_format_fields_and_numbers_of_two_digits_are_understood(node: Bench) -> None:
    alts = ",".join("A" + "G" * length for length in range(1, 12))
    rows = load_one(node, f"22 11000000 . A {alts} . . . GT:DP 0/11:9 11|10:1 0:3")
    by_alt = {row["alt"]: row["Total"] for row in rows}
    assert by_alt["G" * 11] == (2, 5, 0, 2, 0)
    assert by_alt["G" * 10] == (1, 5, 0, 1, 0)
    assert by_alt["G"] == (0, 5, 0, 0, 0)


@pytest.mark.parametrize(
    "alt, info, kind, end, length, mate",
    [
        ("<DEL>", "SVTYPE=DEL;END=11000500", "DEL", 11000500, 500, None),
        ("<DUP:TANDEM>", "SVLEN=300", "DUP", 11000300, 300, None),
        ("<INS>", "SVLEN=75;END=11000000", "INS", 11000000, 75, None),
        ("<INV>", "END=11000100;SVLEN=-100", "INV", 11000100, 100, None),
        ("<CN0>", "END=11000100", "EFO:0030069", 11000100, 100, None),
        ("<CN2>", "SVTYPE=DUP;END=11000100", "DUP", 11000100, 100, None),
        ("<CNV>", "SVTYPE=CNV;END=11000100", "CNV", 11000100, 100, None),
        ("]17:198983]A", "SVTYPE=BND", "BND", 11000000, 0, "17:198983"),
        ("A[chr2:321682[", ".", "BND", 11000000, 0, "chr2:321682"),
        ("*", ".", "OTHER", 11000000, 1, None),
    ],
)
def test_structural_variants_are_kept_with_class_end_length_and_mate(
    node: Bench, alt: str, info: str, kind: str, end: int, length: int, mate: str | None
) -> None:
    (row,) = load_one(node, f"22 11000000 . A {alt} . . {info} GT 0|1 0|0 0|0")
    found = (
        row["start"],
        row["ref"],
        row["alt"],
        row["variant_type"],
        row["end"],
        row["length"],
        row["mate"],
    )
    assert found == (10999999, "A", alt, kind, end, length, mate)
    assert row["Total"] == (1, 6, 0, 1, 0)


def test_structural_variants_of_one_place_that_end_elsewhere_are_different_alleles(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    node.write_vcf(
        "a.vcf",
        [
            "22 11000000 . N <DEL> . . SVTYPE=DEL;END=11005000 GT 0/1 0/0 0/0",
            "22 11000000 . N <DEL> . . SVTYPE=DEL;END=11001000 GT 0/0 1/1 0/1",
            "22 11000000 . N <INS> . . SVTYPE=INS;SVLEN=50 GT 0/0 0/1 0/0",
            "22 11000000 . N <INS> . . SVTYPE=INS;SVLEN=500 GT 0/0 0/0 1/1",
        ],
    )
    node.load()
    found = [(row["alt"], row["end"], row["length"], row["Total"][0]) for row in node.truth()]
    assert found == [
        ("<DEL>", 11001000, 1000, 3),
        ("<DEL>", 11005000, 5000, 1),
        ("<INS>", 11000000, 50, 1),
        ("<INS>", 11000000, 500, 2),
    ]
    folder = node.workshop.data_dir / "releases" / "GDI-EE-TEST-1" / "1" / "genotypes"
    names = [line.split("\t")[2] for line in (folder / "chr22.pvar").read_text().splitlines()[1:]]
    assert len(set(names)) == 4


def test_a_structural_variant_that_comes_twice_is_a_duplicate(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    record = "22 11000000 . N <DEL> . . SVTYPE=DEL;END=11005000 GT 0/1 0/0 0/0"
    node.write_vcf("a.vcf", [record, record.replace("5000 ", "1000 "), record])
    (finding,) = node.rejected().findings
    assert str(finding) == (
        "a.vcf:6: duplicate allele: 22:11000000 N><DEL> that ends at 11005000 was read at a.vcf:4"
    )


def test_gene_and_protein_change_come_from_vep(node: Bench) -> None:
    header = HEADER + (
        '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
        'Format: Allele|Consequence|SYMBOL|HGVSp">\n'
    )
    csq = (
        "CSQ=T|missense_variant|BRAF|ENSP00000288602.6:p.Val600Glu,G|x|BRAF|,T|x|BRAF|ENSP0001.1:p.Val600Glu"
    )
    rows = load_one(node, f"7 140753336 . A T,G . . {csq} GT 0|1 0|2 0|0", contig="7", header=header)
    by_alt = {row["alt"]: (row["gene"], row["amino_acid_change"]) for row in rows}
    assert by_alt == {"T": ("BRAF", ["V600E"]), "G": ("BRAF", None)}


def test_gene_and_protein_change_come_from_snpeff(node: Bench) -> None:
    header = HEADER + '##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations">\n'
    ann = "ANN=T|stop_gained|HIGH|TP53|ENSG1|transcript|ENST1|protein_coding|5/11|c.1A>T|p.Arg213*||||"
    (row,) = load_one(node, f"17 7674000 . A T . . {ann} GT 0|1 0|0 0|0", contig="17", header=header)
    assert (row["gene"], row["amino_acid_change"]) == ("TP53", ["R213*"])


def test_with_a_reference_an_insertion_moves_to_the_left(node: Bench) -> None:
    (node.source / "ref.fa").write_text(">chr22\nGGGCACACACAGGG\n")
    (node.source / "ref.fa.fai").write_text("chr22\t14\t7\t14\t15\n")
    (row,) = load_one(node, "22 9 . A ACA . . . GT 0|1 0|0 0|0", more='reference = "ref.fa"')
    assert (row["start"], row["ref"], row["alt"]) == (3, "", "CA")


def test_samples_may_stand_in_another_order_in_a_second_file(node: Bench) -> None:
    node.write_release('files = ["a.vcf", "b.vcf"]\nsamples = "samples.tsv"')
    node.write_vcf("a.vcf", ["21 11000000 . A G . . . GT 0|1 0|0 0|0"])
    node.write_vcf("b.vcf", ["22 11000000 . A G . . . GT 0|0 0|0 0|1"], samples=("C", "B", "A"))
    node.load()
    assert node.truth("21")[0]["EE_F"] == node.truth("22")[0]["EE_F"] == (1, 2, 0, 1, 0)


def test_two_files_of_one_contig_are_merged_in_order(node: Bench) -> None:
    node.write_release('files = ["b.vcf.gz", "a.vcf"]\nsamples = "samples.tsv"')
    node.write_vcf("a.vcf", ["22 11000000 . A G . . . GT 0|1 0|0 0|0"])
    node.write_vcf("b.vcf.gz", [f"22 {pos} . A G . . . GT 0|1 0|0 1|1" for pos in (10999999, 11000001)])
    node.load()
    assert [(row["start"], row["genotype_row"]) for row in node.truth()] == [
        (10999998, 0),
        (10999999, 1),
        (11000000, 2),
    ]


def test_plink2_files_hold_the_genotypes_in_the_order_of_the_sites(node: Bench) -> None:
    import numpy as np
    import pgenlib

    load_one(node, "22 11000000 . AC A . . . GT 0|1 1|1 ./1", "22 11000005 . A G . . . GT 0|0 ./. 1")
    folder = node.workshop.data_dir / "releases/GDI-EE-TEST-1/1/genotypes"
    assert (folder / "samples.psam").read_text() == "#IID\tSEX\nA\t2\nB\t1\nC\t1\n"
    assert (folder / "chr22.pvar").read_text().splitlines() == [
        "#CHROM\tPOS\tID\tREF\tALT",
        "22\t11000001\t22:11000001:C:-\tC\t-",
        "22\t11000005\t22:11000005:A:G\tA\tG",
    ]
    calls = np.empty((2, 3), np.int8)
    with pgenlib.PgenReader(bytes(folder / "chr22.pgen")) as reader:
        reader.read_range(0, 2, calls)
    assert calls.tolist() == [[1, 2, 1], [0, -9, 2]]


def test_files_of_a_release_are_closed_to_others_and_named_with_their_digests(node: Bench) -> None:
    load_one(node, "22 11000000 . A G . . . GT 0|1 1|1 0|0")
    folder = node.workshop.data_dir / "releases/GDI-EE-TEST-1/1"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.rglob("*")))
    node.workshop.shelf.publish("GDI-EE-TEST-1", "1")  # checks every digest
    assert len(node.workshop.shelf.published()) == 1


def test_grch37_and_accessions_are_understood(node: Bench) -> None:
    node.write_release(FILES, assembly="hg19")
    node.write_vcf("a.vcf", ["NC_000022.10 20000000 . A G . . . GT 0|1 0|0 0|0"])
    assert node.load().release.manifest.assembly == "GRCh37"
    assert node.truth()[0]["start"] == 19999999


@pytest.mark.parametrize(
    "assembly, contig, first, last",
    [
        ("GRCh37", "X", 60_001, 2_699_520),
        ("GRCh37", "X", 154_931_044, 155_260_560),
        ("GRCh37", "Y", 10_001, 2_649_520),
        ("GRCh37", "Y", 59_034_050, 59_363_566),
        ("GRCh38", "X", 10_001, 2_781_479),
        ("GRCh38", "X", 155_701_383, 156_030_895),
        ("GRCh38", "Y", 10_001, 2_781_479),
        ("GRCh38", "Y", 56_887_903, 57_217_415),
    ],
)
def test_people_have_two_copies_from_the_first_base_of_a_pseudo_autosomal_region_to_its_last(
    node: Bench, assembly: str, contig: str, first: int, last: int
) -> None:
    """Positions of the Genome Reference Consortium, 1-based and inclusive. One woman and two men, all `1|1`."""
    node.write_release(FILES, assembly=assembly)
    places = (first - 1, first, last, last + 1)
    node.write_vcf("a.vcf", [f"{contig} {place} . A G . . . GT 1|1 1|1 1|1" for place in places])
    node.load()
    outside = (4, 4, 1, 0, 2) if contig == "X" else (2, 2, 0, 0, 2)
    inside = (6, 6, 3, 0, 0)
    assert [row["Total"] for row in node.truth(contig)] == [outside, inside, inside, outside]
