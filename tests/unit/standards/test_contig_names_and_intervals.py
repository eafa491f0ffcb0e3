"""Assemblies, contigs and intervals by every name they are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.coordinates import (
    CONTIG_CODES,
    CONTIGS,
    LENGTHS,
    PAR_X,
    PAR_Y,
    Assembly,
    Interval,
    NamedContig,
    accession,
    contig_length,
    is_other_sequence,
    is_pseudo_autosomal,
    parse_contig,
)
from opengdi.standards.faults import Malformed

ends = st.integers(0, 300_000_000)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    start, end = sorted((draw(ends), draw(ends)))
    return Interval(draw(st.sampled_from(CONTIGS)), start, end)


@pytest.mark.parametrize("name", ["GRCh37", "grch37", "hg19", "GRCh37.p13", "b37", "hs37d5", " hg19 "])
def test_grch37_is_known_by_its_usual_names(name):
    assert Assembly.parse(name) is Assembly.GRCh37


@pytest.mark.parametrize("name", ["GRCh38", "GRCH38", "hg38", "GRCh38.p14", "hs38DH"])
def test_grch38_is_known_by_its_usual_names(name):
    assert Assembly.parse(name) is Assembly.GRCh38


@pytest.mark.parametrize("name", ["", "GRCh39", "hg18", "T2T-CHM13", "38"])
def test_an_unknown_assembly_is_refused_and_never_guessed(name):
    with pytest.raises(Malformed, match="GRCh38"):
        Assembly.parse(name)


@pytest.mark.parametrize(
    "name, contig",
    [
        ("3", "3"),
        ("chr3", "3"),
        ("CHR3", "3"),
        ("x", "X"),
        ("chrM", "MT"),
        ("M", "MT"),
        ("23", "X"),
        ("25", "MT"),
    ],
)
def test_a_plain_name_tells_the_contig_and_no_assembly(name, contig):
    assert parse_contig(name) == NamedContig(contig, None)


@pytest.mark.parametrize("assembly", Assembly)
@pytest.mark.parametrize("contig", CONTIGS[:-1])
def test_an_accession_tells_contig_and_assembly(contig, assembly):
    named = accession(contig, assembly)
    assert parse_contig(named) == parse_contig(f"refseq:{named}") == NamedContig(contig, assembly)


def test_published_accessions_are_as_published():
    assert accession("3", Assembly.GRCh38) == "NC_000003.12"
    assert accession("21", Assembly.GRCh37) == "NC_000021.8"
    assert accession("X", Assembly.GRCh38) == "NC_000023.11"
    assert accession("Y", Assembly.GRCh37) == "NC_000024.9"
    assert parse_contig("NC_012920.1") == NamedContig("MT", None)  # the same in both


@pytest.mark.parametrize(
    "name", ["", "chr", "0", "26", "chr1_random", "NC_000003.99", "NC_000099.1", "GL000192.1", "é"]
)
def test_a_sequence_that_is_not_served_is_refused(name):
    with pytest.raises(Malformed):
        parse_contig(name)


def test_codes_of_contigs_never_change():
    assert [CONTIG_CODES[name] for name in ("1", "22", "X", "Y", "MT")] == [1, 22, 23, 24, 25]
    assert (int(Assembly.GRCh37), int(Assembly.GRCh38)) == (1, 2)


def test_lengths_are_those_of_the_assemblies():
    assert contig_length("1", Assembly.GRCh38) == 248_956_422
    assert contig_length("22", Assembly.GRCh37) == 51_304_566
    assert contig_length("MT", Assembly.GRCh38) == 16_569
    assert all(len(lengths) == len(CONTIGS) for lengths in LENGTHS.values())


@pytest.mark.parametrize("assembly", Assembly)
def test_pseudo_autosomal_regions_are_as_long_on_x_as_on_y_but_for_published_ends(assembly):
    assert is_pseudo_autosomal("X", PAR_X[assembly][0][0], assembly)
    assert not is_pseudo_autosomal("X", PAR_X[assembly][0][1], assembly)  # the end is the first base outside
    assert not is_pseudo_autosomal("1", PAR_X[assembly][0][0], assembly)
    for on_x, on_y in zip(PAR_X[assembly], PAR_Y[assembly], strict=True):
        assert on_x[1] - on_x[0] == on_y[1] - on_y[0]


def test_a_vcf_position_is_1_based_and_names_the_first_base_of_ref():
    assert Interval.from_vcf("3", 45_823_240, "T") == Interval("3", 45_823_239, 45_823_240)
    assert Interval.from_vcf("3", 10, "ACG").length == 3


@pytest.mark.parametrize("start, end", [(-1, 3), (5, 4)])
def test_an_interval_that_is_negative_or_runs_backwards_is_refused(start, end):
    with pytest.raises(Malformed):
        Interval("1", start, end)


@given(intervals(), intervals())
def test_overlap_is_mutual_and_means_a_shared_base(one, other):
    shared = one.contig == other.contig and max(one.start, other.start) < min(one.end, other.end)
    assert one.overlaps(other) == other.overlaps(one)
    if one.length and other.length:
        assert one.overlaps(other) == shared


def test_neighbours_do_not_overlap():
    assert not Interval("1", 0, 5).overlaps(Interval("1", 5, 9))
    assert not Interval("1", 0, 5).overlaps(Interval("2", 0, 5))


@pytest.mark.parametrize(
    "name",
    [
        "chrUn_KI270742v1", "chr1_KI270706v1_random", "chr17_gl000205_random", "chr6_GL000250v2_alt", "chr6_apd_hap1",
        "chrUn_JTFH01000001v1_decoy", "chr1_KN196472v1_fix", "HLA-A*01:01:01:01", "GL000192.1", "KI270302",
        "NT_113901.1", "NW_003315903.1", "NC_007605", "hs37d5", "chrEBV", "HSCHR6_MHC_COX_CTG1", "HG1007_PATCH",
        "HSCHR6_MHC_COX", "HSCHR17_1",
    ],
)  # fmt: skip
def test_other_sequences_of_an_assembly_are_known_by_name(name: str) -> None:
    assert is_other_sequence(name)


@pytest.mark.parametrize(
    "name", ["", "chr1_", "22a", "GL1", "NC_000022.12", "NC_012920.2", "chr26", "scaffold1"]
)
def test_a_misspelt_contig_is_not_taken_for_another_sequence(name: str) -> None:
    assert not is_other_sequence(name)


@pytest.mark.parametrize(
    "name",
    [" " * 10_000 + "22", "NC_" + "0" * 10_000 + "22.11", "NC_000022." + "0" * 10_000 + "11", "1" * 10_000],
)
def test_a_name_of_endless_length_is_no_contig(name: str) -> None:
    with pytest.raises(Malformed, match="unknown contig"):
        parse_contig(name)
