"""Rows, bins and gene tables: what goes in comes out, and nothing that a floor hides goes in."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.discovery.variants.columns import COUNT_COLUMNS, SiteColumns
from opengdi.discovery.variants.genes import GeneTable, merged
from opengdi.discovery.variants.index import bin_of, bins_over
from opengdi.discovery.variants.rows import RowCodec, number_bytes, site_prefix
from opengdi.kernel.disclosure.bulk_floors import visibility_classes
from opengdi.kernel.disclosure.floors import Visibility
from opengdi.kernel.errors import Invalid
from opengdi.standards.coordinates import Assembly, Interval
from opengdi.standards.variant_key import variant_key

POPULATIONS = ("Total", "F", "M")
FLOOR = 10

counts = st.sampled_from((-1, 0, 1, 9, 10, 127, 128, 32_767, 32_768, 2_000_000))
bases = st.text("ACGT", max_size=9)


@st.composite
def sites(draw) -> SiteColumns:
    ref, alt = draw(bases), draw(bases | st.sampled_from(("<DEL>", "*", "]17:198983]A")))
    table = np.array(draw(st.lists(counts, min_size=15, max_size=15)), np.int32).reshape(5, 1, 3)
    kind, gene = (
        draw(st.sampled_from(("SNP", "DEL", "DELINS", "OTHER"))),
        draw(st.sampled_from((None, "BRAF"))),
    )
    return SiteColumns(
        np.array([variant_key("X", 77, ref, alt)]),
        np.array([77], np.int32),
        np.array([77 + draw(st.integers(0, 10**6))], np.int32),
        [ref],
        [alt],
        [kind],
        np.array([draw(st.integers(0, 10**6))], np.int32),
        np.array([draw(st.integers(-1, 2**31 - 1))], np.int32),
        *table,
        gene=[gene],
        amino_acid_change=[draw(st.sampled_from((None, ["V600E", "L10fs"])))],
    )


@given(sites(), st.booleans())
def test_a_row_is_read_back_as_far_as_its_floors_let_it_be_seen(
    site: SiteColumns, shows_genotypes: bool
) -> None:
    codec = RowCodec(POPULATIONS)
    seen = visibility_classes(site.allele_count, site.allele_number, codec.layout, FLOOR)
    row = codec.encode(site, seen, np.array([shows_genotypes]))[0]
    key = site_prefix(Assembly.GRCh38, int(site.variant_key[0])) + number_bytes(5)
    record = codec.record(key, row, Visibility(int(seen[0])))
    told = {Visibility.NOTHING: (), Visibility.TOTAL_ONLY: (0,), Visibility.ALL: (0, 1, 2)}[record.visibility]
    expected = [
        int(getattr(site, name)[0, place]) if place in told else -1
        for name in (COUNT_COLUMNS if shows_genotypes and len(told) == 3 else COUNT_COLUMNS[:2])
        for place in range(3)
    ]
    assert list(record.counts) == list(codec.counts(row)) == expected
    total_only = codec.record(key, row, Visibility.TOTAL_ONLY) if told else record
    assert list(total_only.counts) == [
        n if place % 3 in told[:1] else -1 for place, n in enumerate(expected[:6])
    ]
    assert (record.contig, record.start, record.end) == ("X", 77, site.end[0])
    assert (record.ref, record.alt, record.variant_type) == (site.ref[0], site.alt[0], site.variant_type[0])
    assert (record.length, record.genotype_row) == (site.length[0], site.genotype_row[0])
    notes = codec.notes(row)
    assert notes.gene == site.gene[0]
    assert list(notes.amino_acid_changes) == (site.amino_acid_change[0] or [])


@given(sites())
def test_a_hidden_row_holds_no_count(site: SiteColumns) -> None:
    codec = RowCodec(POPULATIONS)
    hidden = np.array([Visibility.NOTHING], np.uint8)
    other = SiteColumns(
        **{name: getattr(site, name) for name in SiteColumns.__slots__}
        | {"allele_count": site.allele_count + 1}
    )
    shown = np.array([True])
    assert codec.encode(site, hidden, shown) == codec.encode(other, hidden, shown)


@given(sites())
def test_a_row_whose_genotypes_are_hidden_holds_no_count_of_them(site: SiteColumns) -> None:
    codec = RowCodec(POPULATIONS)
    seen = visibility_classes(site.allele_count, site.allele_number, codec.layout, FLOOR)
    other = SiteColumns(
        **{name: getattr(site, name) for name in SiteColumns.__slots__}
        | {name: getattr(site, name) + 1 for name in COUNT_COLUMNS[2:]}
    )
    hidden = np.array([False])
    assert codec.encode(site, seen, hidden) == codec.encode(other, seen, hidden)


@given(st.integers(0, 2**28 - 1), st.integers(1, 2**28), st.floats(0, 1))
def test_the_bin_of_an_interval_is_among_the_bins_over_each_of_its_bases(
    start: int, span: int, where: float
) -> None:
    end = min(start + span, 2**28)
    base = start + int(where * (end - start - 1)) if end > start else start
    assert bin_of(start, max(end, start + 1)) in bins_over(base)


def test_a_gene_table_is_read_compressed_or_not_and_symbols_in_any_case(tmp_path: Path) -> None:
    text = "gene_id\tgene_symbol\tchrom\tstart\tend\nE1\tBRAF\t7\t10\t20\nE2\tOTHER\tKI270442.1\t1\t2\n"
    (tmp_path / "genes.tsv").write_text(text)
    (tmp_path / "genes.tsv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("genes.tsv", "genes.tsv.gz"):
        table = GeneTable.read(tmp_path / name)
        assert table.find("braf") == (Interval("7", 10, 20),)
        assert table.find("OTHER") == ()


def test_loci_that_touch_become_one() -> None:
    loci = [Interval("X", 5, 9), Interval("7", 20, 30), Interval("7", 10, 20), Interval("7", 31, 40)]
    assert merged(loci) == (Interval("7", 10, 30), Interval("7", 31, 40), Interval("X", 5, 9))


@pytest.mark.parametrize(
    "text, named",
    [("gene_symbol\tchrom\tstart\n", "end"), ("gene_symbol\tchrom\tstart\tend\nA\t7\t20\t10\n", "line 2")],
)
def test_a_bad_gene_table_is_refused_with_what_is_wrong(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "genes.tsv").write_text(text)
    with pytest.raises(Invalid, match=named):
        GeneTable.read(tmp_path / "genes.tsv")


def test_the_shared_gene_table_knows_where_genes_lie(shared: Path) -> None:
    table = GeneTable.read(shared / "data/genes/genes.grch38.tsv.gz")
    assert table.find("TP53") == (Interval("17", 7_661_778, 7_687_538),)
