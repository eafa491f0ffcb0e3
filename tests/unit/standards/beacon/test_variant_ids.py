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
    text = variant_id(assembly, contig, start, allele.end, ref, alt, max(len(ref), len(alt)))
    assert parse_variant_id(text) == allele


@pytest.mark.parametrize("alt", ["<DEL>", "<DUP:TANDEM>", "<CN0>", "<INS:ME:ALU>"])
def test_the_id_of_a_symbolic_allele_holds_its_end_and_its_length(alt: str) -> None:
    text = variant_id(Assembly.GRCh38, "22", 1000, 2000, "G", alt, 300)
    assert text == f"GRCh38:22:1001-2000:G:{alt}:300"
    assert parse_variant_id(text) == VariantId(Assembly.GRCh38, "22", 1000, 2000, "G", alt, 300)


@pytest.mark.parametrize("alt", ["G]17:198982]", "]<ctg>:5]G", "G.", "*", f"G{'ACGT' * 200}[17:198982["])
def test_the_id_of_a_breakend_or_a_spanning_deletion_holds_its_end(alt: str) -> None:
    text = variant_id(Assembly.GRCh38, "22", 1000, 1001, "G", alt, 0)
    assert text == f"GRCh38:22:1001-1001:G:{alt}"
    assert parse_variant_id(text) == VariantId(Assembly.GRCh38, "22", 1000, 1001, "G", alt)


def test_an_id_of_an_earlier_version_names_a_symbolic_allele_of_any_length() -> None:
    named = parse_variant_id("GRCh38:22:1001-2000:G:<DUP:TANDEM>")
    assert named == VariantId(Assembly.GRCh38, "22", 1000, 2000, "G", "<DUP:TANDEM>", None)


def test_an_empty_allele_is_a_dash() -> None:
    assert variant_id(Assembly.GRCh37, "3", 9, 9, "", "AC", 2) == "GRCh37:3:10:-:AC"


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
        "GRCh37:3:5:A:T:1",
        "GRCh37:3:5-9:A:<DEL>:-4",
        "GRCh37:3:5-9:A:<DEL>:4:4",
        "GRCh37:3:5-5:A:A]17:198982]:0",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    with pytest.raises(Malformed):
        parse_variant_id(text)
