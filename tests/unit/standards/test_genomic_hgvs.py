"""Genomic HGVS names and stored alleles stand for each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.coordinates import CONTIGS, Assembly
from opengdi.standards.faults import Malformed
from opengdi.standards.hgvs import Change, genomic_name, parse_genomic_name

BASES = st.text("ACGT", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("name", "change", "start", "end", "reference", "alternate"),
    [
        ("NC_000003.12:g.45823240T>C", Change.SUBSTITUTION, 45823239, 45823240, "T", "C"),
        ("chr3:g.100A>g", Change.SUBSTITUTION, 99, 100, "A", "G"),
        ("HGVSid:3:g.100_102del", Change.DELETION, 99, 102, None, ""),
        ("3:g.100delA", Change.DELETION, 99, 100, "A", ""),
        ("3:g.100_101insACG", Change.INSERTION, 100, 100, "", "ACG"),
        ("3:g.100_102delinsAC", Change.DELETION_INSERTION, 99, 102, None, "AC"),
        ("3:g.100_102delTTTinsAC", Change.DELETION_INSERTION, 99, 102, "TTT", "AC"),
        ("X:g.100_200inv", Change.INVERSION, 99, 200, None, None),
        ("X:g.100_200dup", Change.DUPLICATION, 99, 200, None, None),
        ("NC_012920.1:m.3243A>G", Change.SUBSTITUTION, 3242, 3243, "A", "G"),
    ],
)
def test_a_name_is_read_as_an_allele(
    name: str, change: Change, start: int, end: int, reference: str | None, alternate: str | None
) -> None:
    parsed = parse_genomic_name(name)
    assert (parsed.change, parsed.start, parsed.end) == (change, start, end)
    assert (parsed.reference_bases, parsed.alternate_bases) == (reference, alternate)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rs123", "is no HGVS name"),
        ("NM_004006.2:c.4375C>T", "only g. and m. names"),
        ("3:g.100", "the change must be one of"),
        ("3:g.0A>T", "before base 1"),
        ("3:g.9_5del", "runs backwards"),
        ("3:g.5_9insA", "between two neighbours"),
        ("3:g.5_9delAA", "2 bases are spelled, the place holds 5"),
        ("3:g.5AA>T", "2 bases are spelled, the place holds 1"),
        ("99:g.5A>T", "unknown contig"),
    ],
)
def test_what_is_no_genomic_name_is_refused_with_the_reason(name: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        parse_genomic_name(name)


@given(st.sampled_from(Assembly), st.sampled_from(CONTIGS), st.integers(1, 10**8), BASES, BASES | st.just(""))
def test_the_name_of_a_sequence_allele_leads_back_to_it(
    assembly: Assembly, contig: str, start: int, ref: str, alt: str
) -> None:
    if len(ref) == len(alt) == 1 and ref == alt:
        return
    name = genomic_name(assembly, contig, start, start + len(ref), ref, alt)
    assert name is not None
    parsed = parse_genomic_name(name)
    assert (parsed.contig.contig, parsed.start, parsed.end) == (contig, start, start + len(ref))
    assert parsed.alternate_bases == alt
    if contig != "MT":
        assert parsed.contig.assembly is assembly


def test_an_insertion_is_named_between_its_neighbours() -> None:
    assert genomic_name(Assembly.GRCh37, "3", 100, 100, "", "AC") == "NC_000003.11:g.100_101insAC"


def test_structural_alleles_are_named_where_hgvs_has_a_word() -> None:
    names = [
        genomic_name(Assembly.GRCh38, "3", 99, 200, "A", alt)
        for alt in ("<DEL>", "<DUP:TANDEM>", "<INV>", "<CNV>", "*", "A[3:5[")
    ]
    place = "NC_000003.12:g.100_200"
    assert names == [f"{place}del", f"{place}dup", f"{place}inv", None, None, None]
