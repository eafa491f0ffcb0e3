"""Trimming, shifting and classes of alleles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.vcf.alleles import reference_allele, sequence_allele, shift_left, symbolic_class, trim

BASES = st.text("ACGT", max_size=8)
REFERENCES = st.text("AC", min_size=12, max_size=20)


def spliced(reference: str, start: int, ref: str, alt: str) -> str:
    assert reference[start : start + len(ref)] == ref
    return reference[:start] + alt + reference[start + len(ref) :]


@given(BASES, BASES)
def test_a_trimmed_allele_has_nothing_in_common_and_says_the_same(ref: str, alt: str) -> None:
    start, short_ref, short_alt = trim(10, ref, alt)
    if ref == alt:
        assert (short_ref, short_alt) == ("", "")
        return
    if short_ref and short_alt:
        assert short_ref[0] != short_alt[0]
        assert short_ref[-1] != short_alt[-1]
    text = "T" * 10 + ref + "T" * 5
    assert spliced(text, 10, ref, alt) == spliced(text, start, short_ref, short_alt)


@given(reference=REFERENCES, at=st.integers(0, 11), size=st.integers(0, 3), alt=st.text("AC", max_size=3))
def test_every_spelling_of_a_change_shifts_to_the_same_allele(
    reference: str, at: int, size: int, alt: str
) -> None:
    ref = reference[at : at + size]
    if ref == alt:
        return
    mutated = spliced(reference, at, ref, alt)
    normal = shift_left(*trim(at, ref, alt), reference.__getitem__)
    assert spliced(reference, *normal) == mutated
    if "" not in normal[1:]:
        return  # a delins has one trimmed form only with respect to its own bounds
    for other in range(
        len(reference) + 1
    ):  # every place where the same length of change gives the same sequence
        long = reference[other : other + len(normal[1])]
        short = mutated[other : other + len(normal[2])]
        if (
            len(long) == len(normal[1])
            and long != short
            and reference[:other] + short + reference[other + len(long) :] == mutated
        ):
            assert shift_left(*trim(other, long, short), reference.__getitem__) == normal


@pytest.mark.parametrize(
    "ref, alt, kind, length",
    [
        ("A", "G", "SNP", 1),
        ("AC", "GT", "MNP", 2),
        ("A", "ACC", "INS", 2),
        ("ACC", "A", "DEL", 2),
        ("AC", "GTT", "DELINS", 3),
    ],
)
def test_sequence_alleles_have_a_class_and_a_length(ref: str, alt: str, kind: str, length: int) -> None:
    allele = sequence_allele(100, ref, alt)
    assert (allele.variant_type, allele.length) == (kind, length)
    assert allele.end - allele.start == len(allele.ref)


@pytest.mark.parametrize(
    "alt, kind",
    [
        ("<DEL:ME:ALU>", "DEL"),
        ("<DUP>", "DUP"),
        ("<CNV>", "CNV"),
        ("<CNV:TR>", "CNV"),
        ("<UNKNOWN>", "OTHER"),
        ("A[2:5[", "BND"),
        (".TTT", "BND"),
    ],
)
def test_symbolic_alleles_have_the_class_of_their_top_level(alt: str, kind: str) -> None:
    assert symbolic_class(alt) == kind


@pytest.mark.parametrize(
    "alt, level",
    [
        ("<CN0>", "EFO:0030069"),
        ("<CN1>", "EFO:0030068"),
        ("<cn02>", "EFO:0030064"),
        ("<CN3>", "EFO:0030071"),
        ("<CN4>", "EFO:0030072"),
        (f"<CN{'9' * 5000}>", "EFO:0030072"),
    ],
)
def test_a_number_of_copies_is_a_level_at_a_diploid_place(alt: str, level: str) -> None:
    assert symbolic_class(alt) == level


@pytest.mark.parametrize(
    "alt, stated, kind",
    [
        ("<CN2>", "DUP", "DUP"),
        ("<CN2>", "CNV", "EFO:0030064"),
        ("<CN1>", "DUP", "DUP"),
        ("<CN3>", "DUP", "EFO:0030071"),
        ("<CN0>", "DEL", "EFO:0030069"),
        ("<CN0>", "DUP", "EFO:0030069"),
        ("<CN2>", "DEL", "DEL"),
        ("<DEL>", "DUP", "DEL"),
    ],
)
def test_what_svtype_states_wins_over_the_level_but_gives_none(alt: str, stated: str, kind: str) -> None:
    """In files that count the copies of one haplotype, such as those of 1000 Genomes, `<CN2>` is a duplication."""
    assert symbolic_class(alt, stated) == kind


def test_ambiguity_codes_in_ref_become_the_first_base_of_the_alphabet() -> None:
    """VCF v4.3 §1.6.1: R (A or G) is converted to A."""
    assert reference_allele("rYSWKMbDHVnu") == "ACCAGACAAANT"


def test_an_allele_of_unknown_bases_does_not_move_through_those_of_the_reference() -> None:
    reference = "N" * 20 + "A"
    assert shift_left(10, "NN", "", reference.__getitem__) == (10, "NN", "")
