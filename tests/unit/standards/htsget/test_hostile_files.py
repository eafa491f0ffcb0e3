"""Files that a provider made to keep a node busy: what they cost is told by their size, not by its square."""

from __future__ import annotations

import time
from collections.abc import Callable
from struct import pack, pack_into
from typing import TypeVar

import pytest

from opengdi.standards import bam
from opengdi.standards.bgzf.blocks import END_OF_FILE
from opengdi.standards.bgzf.walking import Data, Reading, read_header, walk
from opengdi.standards.bgzf.writing import deflate_blocks
from opengdi.standards.faults import Malformed
from opengdi.standards.htsget.layout import read_layout
from opengdi.standards.vcf.cutting import VcfHeaderSize

T = TypeVar("T")


def driven(reading: Reading[T], file: bytes) -> T:
    """What a reading of a file gives."""
    try:
        need = next(reading)
        while True:
            need = reading.send(file[need.first : need.stop])
    except StopIteration as done:
        result: T = done.value
        return result


def bam_of(references: int, told: int | None = None, after: bytes = b"") -> bytes:
    """A BAM with so many reference sequences."""
    named = b"".join(
        pack("<i", len(name)) + name + pack("<i", 1000) for name in (b"%07d\0" % n for n in range(references))
    )
    start = b"BAM\1" + pack("<i", 0) + pack("<i", references if told is None else told)
    return deflate_blocks(start + named + after) + END_OF_FILE


def test_a_header_over_many_blocks_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    length: Callable[[Data, int, str], int] = bam._length

    def counted(data: Data, at: int, what: str) -> int:
        nonlocal looked
        looked += 1
        return length(data, at, what)

    monkeypatch.setattr(bam, "_length", counted)
    file = bam_of(30_000)
    layout = driven(read_layout("BAM", len(file), None), file)
    assert layout.references["0029999"] == 29_999
    assert looked < 5 * 30_000


def test_a_vcf_header_of_millions_of_short_lines_is_looked_at_once() -> None:
    lines = b"##a\n" * (8 << 20) + b"#CHROM\tPOS\n"
    file = deflate_blocks(lines + b"1\t5\t") + END_OF_FILE
    began = time.monotonic()
    text, _ = driven(read_header(VcfHeaderSize()), file)
    assert text == lines
    assert time.monotonic() - began < 8


def test_more_references_than_any_genome_has_are_refused_at_once() -> None:
    file = bam_of(10, told=1 << 21)
    with pytest.raises(Malformed, match="2097152 reference sequences"):
        driven(read_layout("BAM", len(file), None), file)


def test_a_record_over_a_thousand_blocks_is_walked_in_a_second() -> None:
    record = bytearray(64 << 20)
    pack_into("<3i2B3Hi", record, 0, len(record) - 4, 0, 5, 1, 0, 0, 0, 0, 0)
    small = bytearray(36)
    pack_into("<3i2B3Hi", small, 0, 32, 0, 9, 0, 0, 0, 0, 4, 0)
    file = deflate_blocks(record) + deflate_blocks(small) + END_OF_FILE
    seen: list[tuple[int, int]] = []

    def take(data: Data, at: int, length: int) -> bool:
        seen.append((bam.BamRecords(1).place(data, at, length)[1], length))
        return True

    began = time.monotonic()
    end = (len(file) - len(END_OF_FILE)) << 16
    assert driven(walk(bam.BamRecords(1), 0, end, take), file) == end
    assert seen == [(5, 64 << 20), (9, 36)]
    assert time.monotonic() - began < 8
