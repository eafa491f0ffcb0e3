"""The signed 64-bit key: sorts by contig and start, is exact for short alleles, hashed for the others."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.coordinates import CONTIGS
from opengdi.standards.faults import Malformed
from opengdi.standards.variant_key import (
    ALLELE_BITS,
    POSITION_BITS,
    DecodedKey,
    decode_key,
    is_hashed,
    position_key,
    variant_key,
)

contigs = st.sampled_from(CONTIGS)
starts = st.integers(0, (1 << POSITION_BITS) - 1)
bases = st.text("ACGT", max_size=5)
others = st.one_of(
    st.text("ACGTN", min_size=11, max_size=60), st.sampled_from(["<DEL>", "<DUP>", "*", "N", "]13:9]A"])
)


@given(contigs, starts, bases, bases)
def test_a_short_allele_can_be_read_back_from_its_key(contig, start, ref, alt):
    key = variant_key(contig, start, ref, alt)
    assert not is_hashed(key)
    assert decode_key(key) == DecodedKey(contig, start, ref, alt)


@given(contigs, starts, bases, others)
def test_a_longer_or_symbolic_allele_leaves_its_place_and_says_that_it_must_be_compared(
    contig, start, ref, alt
):
    key = variant_key(contig, start, ref, alt)
    assert is_hashed(key)
    assert decode_key(key) == DecodedKey(contig, start, None, None)


@given(contigs, starts, bases, st.one_of(bases, others))
def test_every_key_is_a_positive_signed_64_bit_number(contig, start, ref, alt):
    assert 0 < variant_key(contig, start, ref, alt) < 1 << 63


@given(contigs, starts, st.one_of(bases, others), contigs, starts, st.one_of(bases, others))
def test_keys_sort_by_contig_and_then_by_start(contig, start, alt, other_contig, other_start, other_alt):
    place = (CONTIGS.index(contig), start)
    other = (CONTIGS.index(other_contig), other_start)
    if place < other:
        assert variant_key(contig, start, "", alt) < variant_key(other_contig, other_start, "", other_alt)


@given(contigs, st.integers(0, (1 << POSITION_BITS) - 2), bases, st.one_of(bases, others))
def test_the_keys_of_one_start_lie_between_its_scan_ends(contig, start, ref, alt):
    assert (
        position_key(contig, start) <= variant_key(contig, start, ref, alt) < position_key(contig, start + 1)
    )


def test_the_layout_never_changes():
    assert position_key("1", 0) == 1 << POSITION_BITS + ALLELE_BITS
    assert (
        variant_key("3", 45_823_239, "T", "C") == ((3 << 28 | 45_823_239) << 30) | 1 << 25 | 1 << 21 | 0b1101
    )
    assert variant_key("1", 100, "A", "<DEL>") == 288230484521872037


@pytest.mark.parametrize("contig, start", [("chr1", 0), ("", 0), ("1", -1), ("1", 1 << POSITION_BITS)])
def test_a_place_that_no_key_can_hold_is_refused(contig, start):
    with pytest.raises(Malformed):
        variant_key(contig, start, "A", "C")


@pytest.mark.parametrize("key", [0, 26 << POSITION_BITS + ALLELE_BITS, -1])
def test_a_number_that_is_no_key_is_refused(key):
    with pytest.raises(Malformed):
        decode_key(key)


def test_long_alleles_of_questions_are_not_kept_in_memory():
    tracemalloc.start()
    for number in range(200):
        variant_key("1", 100, "A" * (100_000 + number), "C")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000
