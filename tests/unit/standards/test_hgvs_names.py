"""Genomic HGVS names, read and written."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.coordinates import CONTIGS, Assembly
from opengdi.standards.faults import Malformed
from opengdi.standards.hgvs import Change, genomic_name, parse_genomic_name

bases = st.text("ACGT", min_size=1, max_size=6)


@pytest.mark.parametrize(
    "text, change, start, end, ref, alt",
    [
        ("NC_000003.12:g.45823240T>C", Change.SUBSTITUTION, 45_823_239, 45_823_240, "T", "C"),
        ("NC_000003.12:g.10del", Change.DELETION, 9, 10, None, ""),
        ("NC_000003.12:g.10_12delACG", Change.DELETION, 9, 12, "ACG", ""),
        ("NC_000003.12:g.10_11insTT", Change.INSERTION, 10, 10, "", "TT"),
        ("NC_000003.12:g.10_12dup", Change.DUPLICATION, 9, 12, None, None),
        ("NC_000003.12:g.10_12delinsA", Change.DELETION_INSERTION, 9, 12, None, "A"),
        ("NC_000003.12:g.10_12delACGinsA", Change.DELETION_INSERTION, 9, 12, "ACG", "A"),
        ("chr3:g.10_12inv", Change.INVERSION, 9, 12, None, None),
        ("HGVSid:refseq:NC_012920.1:m.3243A>G", Change.SUBSTITUTION, 3242, 3243, "A", "G"),
    ],
)
def test_a_name_is_an_allele_on_a_0_based_interval(text, change, start, end, ref, alt):
    name = parse_genomic_name(text)
    assert (name.change, name.start, name.end, name.reference_bases, name.alternate_bases) == (
        change,
        start,
        end,
        ref,
        alt,
    )


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "no HGVS name"),
        ("45823240T>C", "no HGVS name"),
        ("NM_000059.4:c.68A>G", "not a genomic name"),
        ("NP_000050.3:p.Lys23Arg", "not a genomic name"),
        ("NC_000003.12:g.12_10del", "runs backwards"),
        ("NC_000003.12:g.0del", "before base 1"),
        ("NC_000003.12:g.10_12delAC", "2 bases are spelled, the place holds 3"),
        ("NC_000003.12:g.10insA", "between two neighbours"),
        ("NC_000003.12:g.10_12insA", "between two neighbours"),
        ("NC_000003.12:g.10T>", "must be one of"),
        ("NC_000003.99:g.10T>C", "unknown accession"),
    ],
)
def test_a_name_that_cannot_be_answered_as_it_stands_is_refused_with_the_reason(text, why):
    with pytest.raises(Malformed, match=why):
        parse_genomic_name(text)


@given(
    st.from_regex(r"(chr3|NC_000003.12):g\.[0-9_]{1,9}(del|ins|dup|inv|>)?[ACGT]*", fullmatch=True)
    | st.text()
)
def test_whatever_comes_is_a_name_or_malformed(text):
    with contextlib.suppress(Malformed):
        name = parse_genomic_name(text)
        assert 0 <= name.start <= name.end


@given(st.sampled_from(Assembly), st.sampled_from(CONTIGS), st.integers(1, 10**8), bases, bases)
def test_the_name_of_an_allele_reads_back_as_that_allele(assembly, contig, start, ref, alt):
    for reference, alternate in ((ref, alt), (ref, ""), ("", alt)):
        if reference == alternate:
            continue
        text = genomic_name(assembly, contig, start, start + len(reference), reference, alternate)
        assert text is not None
        name = parse_genomic_name(text)
        assert (name.contig.contig, name.start, name.end) == (contig, start, start + len(reference))
        assert name.contig.assembly in {assembly, None}
        assert name.alternate_bases == alternate
        assert name.reference_bases in {reference, None}


@pytest.mark.parametrize(
    "alt, written", [("<DEL>", "11_20del"), ("<DUP:TANDEM>", "11_20dup"), ("<INV>", "11_20inv")]
)
def test_a_structural_allele_is_named_by_its_place(alt, written):
    assert genomic_name(Assembly.GRCh38, "1", 10, 20, "", alt) == f"NC_000001.11:g.{written}"


@pytest.mark.parametrize("alt", ["<CNV>", "<INS>", "*", "]13:9]A"])
def test_an_allele_that_hgvs_cannot_name_has_no_name(alt):
    assert genomic_name(Assembly.GRCh38, "1", 10, 11, "A", alt) is None
