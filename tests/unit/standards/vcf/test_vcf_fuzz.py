"""Any bytes into the parsers of VCF, BCF, BGZF and their indexes: a value or Malformed, never another error."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.bgzf.blocks import END_OF_FILE, block_size, inflate
from opengdi.standards.bgzf.index import record_starts
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf import bcf
from opengdi.standards.vcf.alleles import alternate_allele, is_symbolic, symbolic_allele
from opengdi.standards.vcf.annotation import allele_annotations, annotation_format, one_letter_change
from opengdi.standards.vcf.header import VcfHeader, parse_header
from opengdi.standards.vcf.records import parse_fixed, parse_genotype, parse_info, per_allele

HEADER = parse_header(
    [
        "##fileformat=VCFv4.2",
        "##contig=<ID=22>",
        '##INFO=<ID=AC,Number=A,Type=Integer,Description="x">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tB",
    ]
)


def value_or_malformed(parse: Callable[[], object]) -> None:
    with suppress(Malformed):
        parse()


@given(st.text())
def test_texts(text: str) -> None:
    for parse in (parse_genotype, parse_info, alternate_allele, one_letter_change, is_symbolic):
        value_or_malformed(lambda parse=parse: parse(text))


@given(st.lists(st.text(), min_size=8, max_size=9))
def test_fixed_columns(columns: list[str]) -> None:
    value_or_malformed(lambda: parse_fixed(columns))


@given(st.lists(st.text('#=<>,ID"CHROM contigINFO\t\\'), max_size=6))
def test_headers(lines: list[str]) -> None:
    value_or_malformed(lambda: parse_header(["##fileformat=VCFv4.2", *lines]))


@given(st.sampled_from(["<DEL>", "<INS>", "<CNV>", "]17:5]A", "*"]), st.integers(), st.integers())
def test_symbolic_alleles(alt: str, end: int, length: int) -> None:
    value_or_malformed(lambda: symbolic_allele(100, "A", alt, end=end, length=length))


@given(st.binary())
def test_index_bytes(data: bytes) -> None:
    for magic in (b"", b"CSI\x01", b"TBI\x01"):
        value_or_malformed(lambda magic=magic: record_starts(magic + data))


@given(st.binary(min_size=26))
def test_blocks(data: bytes) -> None:
    value_or_malformed(lambda: block_size(data))
    value_or_malformed(lambda: inflate(END_OF_FILE[:18] + data))


@given(st.binary())
def test_bcf_headers(data: bytes) -> None:
    value_or_malformed(lambda: bcf.parse_bcf_header(data))
    value_or_malformed(lambda: bcf.parse_bcf_header(b"BCF\x02\x02" + struct.pack("<I", len(data)) + data))


def bcf_record(
    shared_tail: bytes, indiv: bytes, *, alleles: int = 2, formats: int = 1, infos: int = 1
) -> bytes:
    fixed = struct.pack("<iiifII", 0, 99, 1, 0.0, alleles << 16 | infos, formats << 24 | 2)
    return struct.pack("<II", len(fixed) + len(shared_tail), len(indiv)) + fixed + shared_tail + indiv


GOOD_TAIL = b"\x07" + b"\x17A" + b"\x17G" + b"\x11\x00" + b"\x11\x01\x11\x05"
GOOD_GT = b"\x11\x02\x21" + b"\x02\x04\x04\x05"


def read_bcf(data: bytes, header: VcfHeader = HEADER) -> None:
    record = bcf.parse_record(data, 0, header)
    bcf.parse_bcf_info(data, record, header)
    bcf.genotype_block(data, record, header)


def test_a_good_bcf_record_is_read() -> None:
    data = bcf_record(GOOD_TAIL, GOOD_GT)
    record = bcf.parse_record(data, 0, HEADER)
    assert (record.contig, record.start, record.ref, record.alts) == ("22", 99, "A", ("G",))
    assert bcf.parse_bcf_info(data, record, HEADER) == {"AC": "5"}
    block = bcf.genotype_block(data, record, HEADER)
    assert block is not None
    assert (block.kind, block.ploidy, data[block.at :]) == (bcf.INT8, 2, b"\x02\x04\x04\x05")


@given(
    tail=st.binary(max_size=40),
    indiv=st.binary(max_size=20),
    formats=st.integers(0, 3),
    infos=st.integers(0, 3),
)
def test_bcf_records(tail: bytes, indiv: bytes, formats: int, infos: int) -> None:
    value_or_malformed(lambda: read_bcf(bcf_record(tail, indiv, formats=formats, infos=infos)))


@given(place=st.integers(8), byte=st.integers(0, 255))
def test_bcf_records_with_one_wrong_byte(place: int, byte: int) -> None:
    data = bytearray(bcf_record(GOOD_TAIL, GOOD_GT))
    data[8 + place % (len(data) - 8)] = byte
    value_or_malformed(lambda: read_bcf(bytes(data)))


@given(st.text("|,ATp.Val:-"), st.text("|,ATp.Val:-"))
def test_annotations(csq: str, fields: str) -> None:
    lines = [
        "##fileformat=VCFv4.2",
        f'##INFO=<ID=CSQ,Number=.,Type=String,Description="Format: {fields or "A"}">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    layout = annotation_format(parse_header(lines))
    if layout is not None:
        value_or_malformed(lambda: allele_annotations({"CSQ": csq}, layout, "A", ("T", "AT")))


@given(st.text(), st.integers(1, 4))
def test_values_per_allele(text: str, alleles: int) -> None:
    value_or_malformed(lambda: per_allele({"AC": text}, "AC", alleles))


def test_a_csi_index_tells_where_records_begin() -> None:
    chunks = struct.pack("<4Q", 5 << 16 | 7, 9 << 16, 100 << 16 | 3, 200 << 16)
    pseudo = struct.pack("<IQi", 37450, 0, 1) + struct.pack("<2Q", 1, 2)
    index = struct.pack("<4siii", b"CSI\x01", 14, 5, 0) + struct.pack("<ii", 1, 2)
    index += struct.pack("<IQi", 4681, 0, 2) + chunks + pseudo
    assert [(start.block, start.within) for start in record_starts(index)] == [(5, 7), (100, 3)]


def test_a_tbi_index_tells_where_records_begin() -> None:
    index = b"TBI\x01" + struct.pack("<8i", 1, 2, 1, 2, 0, 35, 0, 3) + b"22\0"
    index += struct.pack("<i", 1) + struct.pack("<Ii", 4681, 1) + struct.pack("<2Q", 77 << 16 | 1, 99 << 16)
    index += struct.pack("<iQ", 1, 77 << 16)
    assert [(start.block, start.within) for start in record_starts(index)] == [(77, 1)]


@pytest.mark.parametrize(
    "hgvs, change",
    [
        ("ENSP00000288602.6:p.Val600Glu", "V600E"),
        ("p.(Val600Glu)", "V600E"),
        ("ENSP1.1:p.Arg213Ter", "R213*"),
        ("p.Leu25%3D", "L25="),
        ("p.Lys76_Glu79del", "K76_E79del"),
        ("p.?", None),
        ("ENST1:c.5A>T", None),
        ("", None),
    ],
)
def test_protein_changes_are_spelt_with_one_letter(hgvs: str, change: str | None) -> None:
    assert one_letter_change(hgvs) == change
