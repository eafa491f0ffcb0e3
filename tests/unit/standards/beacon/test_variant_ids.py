"""The id of an allele says exactly which one it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.beacon.variant_ids import VariantId, parse_variant_id, variant_id
from opengdi.standards.coordinates import CONTIGS, Assembly
from opengdi.standards.faults import Malformed

BASES = st.text("ACGT", max_size=6)


@given(st.sampled_from(Assembly), st.sampled_from(CONTIGS), st.integers(0, 10**8), BASES, BASES)
def test_the_id_of_a_sequence_allele_leads_back_to_it(
    assembly: Assembly, contig: str, start: int, ref: str, alt: str
) -> None:
    allele = VariantId(assembly, contig, start, start + len(ref), ref, alt)
    text = variant_id(assembly, contig, start, allele.end, ref, alt)
    assert parse_variant_id(text) == allele


@pytest.mark.parametrize("alt", ["<DEL>", "<DUP:TANDEM>", "G]17:198982]", "*", "<CN0>"])
def test_the_id_of_a_symbolic_allele_holds_its_end(alt: str) -> None:
    text = variant_id(Assembly.GRCh38, "22", 1000, 2000, "G", alt)
    assert text == f"GRCh38:22:1001-2000:G:{alt}"
    assert parse_variant_id(text) == VariantId(Assembly.GRCh38, "22", 1000, 2000, "G", alt)


def test_an_empty_allele_is_a_dash() -> None:
    assert variant_id(Assembly.GRCh37, "3", 9, 9, "", "AC") == "GRCh37:3:10:-:AC"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rs123",
        "GRCh37:3:0:A:T",
        "GRCh37:3:5:A",
        "T2T:3:5:A:T",
        "GRCh37:99:5:A:T",
        "GRCh37:3:5-9:A:T",
        "GRCh37:3:5:A:<DEL>",
        "GRCh37:3:9-5:A:<DEL>",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    with pytest.raises(Malformed):
        parse_variant_id(text)
