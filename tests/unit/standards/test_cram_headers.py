"""Headers of CRAM files: read, bared of what decoding does not need, and made anew."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from array import array

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.cram import END_BYTES, end_marker, header_size, header_text, reference_names
from opengdi.standards.cram_header import _itf8, bare_header, file_start, references
from opengdi.standards.faults import Malformed

DEFINITION = b"CRAM\x03\x00" + b"name".ljust(20, b"\0")
TEXT = (
    b"@HD\tVN:1.6\tSO:coordinate\n"
    b"@SQ\tSN:1\tLN:100\tM5:ABC\tUR:http://example.org/1.fa\n"
    b"@SQ\tLN:7\tSN:HLA*01:01\r\n"
    b"@RG\tID:a\tSM:somebody\tDS:UR:x\n"
    b"@PG\tID:tool\tCL:tool /home/somebody\n@CO\t@SQ\tSN:no\n"
)


def test_references_are_named_in_order_with_their_digests():
    assert [(one.name, one.length, one.md5) for one in references(TEXT)] == [
        (b"1", b"100", "abc"),
        (b"HLA*01:01", b"7", ""),
    ]


def test_a_bare_header_has_what_records_count_on_and_nothing_else():
    assert bare_header(TEXT, {"abc": "file"}.get) == (
        b"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:1\tLN:100\tM5:file\n@SQ\tSN:HLA*01:01\tLN:7\n@RG\tID:a\n"
    )
    assert b"M5" not in bare_header(TEXT, lambda _: None)


@pytest.mark.parametrize("version", [b"\x02\x01", b"\x03\x00", b"\x03\x01"])
@pytest.mark.parametrize("size", [0, 100, 110, 127, 128, 16_200, 16_384, 2_097_100, 2_097_200])
def test_a_beginning_made_anew_is_read_as_it_was_written(version, size):
    text = b"@SQ\tSN:1\tLN:5\n@CO\t" + b"x" * size + b"\n"
    start = file_start(DEFINITION[:4] + version + DEFINITION[6:], text)
    assert header_size(start[:4096]) == len(start)
    assert header_text(start) == text
    assert reference_names(start) == ("1",)


def squeezed(text: bytes, cut: int = 0) -> bytes:
    """The beginning of a CRAM whose header is compressed."""
    raw = gzip.compress(struct.pack("<i", len(text)) + text, 9)
    raw = raw[: len(raw) - cut]
    block = bytes([1, 0, 0]) + _itf8(len(raw)) + _itf8(min(len(text) + 4, (1 << 28) - 1)) + raw + bytes(4)
    return DEFINITION + struct.pack("<i", len(block)) + bytes(6) + bytes([1, 1, 0]) + bytes(4) + block


def test_a_header_that_inflates_without_end_fills_no_memory():
    """A megabyte makes a gibibyte."""
    start = squeezed(b"@CO\t" + bytes(300 << 20))
    assert len(start) < 1 << 20
    tracemalloc.start()
    try:
        for read in (header_text, reference_names):
            with pytest.raises(Malformed):
                read(start)
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()


def test_a_compressed_header_is_read_whole_or_not_at_all():
    assert header_text(squeezed(TEXT)) == TEXT
    with pytest.raises(Malformed):
        header_text(squeezed(TEXT, cut=12))


def test_more_references_than_any_genome_has_are_refused():
    text = b"@SQ\tSN:1\n" * ((1 << 20) + 1)
    with pytest.raises(Malformed, match="reference sequences"):
        reference_names(file_start(DEFINITION, text))


@pytest.mark.parametrize("version", ["2.1", "3.0", "3.1"])
def test_htslib_reads_a_file_with_a_beginning_of_ours(tmp_path, version):
    path = tmp_path / "made.cram"
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "1", "LN": 100}], "RG": [{"ID": "a"}, {"ID": "b"}]}
    options = [f"version={version}", "no_ref=1"]
    with pysam.AlignmentFile(str(path), "wc", header=header, format_options=options) as file:
        read = pysam.AlignedSegment(file.header)
        read.query_name, read.reference_id, read.reference_start = "r", 0, 3
        read.query_sequence, read.cigarstring = "ACGT", "4M"
        read.query_qualities = array("B", [30] * 4)
        read.set_tag("RG", "b")
        file.write(read)
    data = path.read_bytes()
    size = header_size(data[:4096])
    path.write_bytes(file_start(data, bare_header(header_text(data[:size]), lambda _: None)) + data[size:])
    with pysam.AlignmentFile(str(path)) as file:
        [found] = file.fetch(until_eof=True)
        assert (found.reference_name, found.get_tag("RG"), found.query_sequence) == ("1", "b", "ACGT")
    assert end_marker(data[-END_BYTES:])


@pytest.mark.parametrize("start", [b"", b"CRAM\x03", b"BAM\x01" + bytes(30), b"CRAM\x04\x00" + bytes(20)])
def test_no_beginning_is_made_for_what_is_not_cram_2_or_3(start):
    with pytest.raises(Malformed):
        file_start(start, b"")


@given(st.binary(max_size=300))
def test_no_text_is_a_defect(text):
    header = text + b"\n@SQ\t" + text
    bared = bare_header(header, lambda _: None)
    assert [one.name for one in references(bared)] == [one.name for one in references(header)]
    assert all(line.count(b"\t") <= 2 for line in bared.split(b"\n"))
