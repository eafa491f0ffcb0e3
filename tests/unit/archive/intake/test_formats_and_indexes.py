"""What a file is by its first bytes, and its index while it goes by: equal to what htslib makes of the local file."""

from __future__ import annotations

import gzip
import os
import signal
import zlib
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.encrypted_uploads import data_key, random_bytes

from opengdi.archive.intake import indexing
from opengdi.archive.intake.formats import Format, recognise
from opengdi.archive.intake.indexing import (
    BuiltIndex,
    IndexBuilder,
    nonce_bytes_for,
    open_index,
    seal_index,
)
from opengdi.standards.bgzf.blocks import END_OF_FILE
from opengdi.standards.crypt4gh import Header
from opengdi.standards.faults import Malformed, Unverified

VCF_HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=1,length=1000000000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


def variants(*positions: int) -> bytes:
    lines = [f"1\t{position}\t.\tA\tC\t.\t.\t.\n" for position in positions]
    return (VCF_HEADER + "".join(lines)).encode()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small files of each format, sorted, made by htslib."""
    folder = tmp_path_factory.mktemp("formats")
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": "1", "LN": 600_000_000}, {"SN": "2", "LN": 1000}],
    }
    for name, mode in (("reads.bam", "wb"), ("reads.cram", "wc")):
        with pysam.AlignmentFile(
            str(folder / name), mode, header=header, format_options=[b"no_ref=1"] if "c" in mode else None
        ) as out:
            for start in range(0, 560_000_000, 1_000_000):
                out.write(_read(out.header, start))
    (folder / "calls.vcf").write_bytes(variants(*range(1, 600_000_000, 1_000_000)))
    pysam.tabix_compress(str(folder / "calls.vcf"), str(folder / "calls.vcf.gz"))
    with (
        pysam.VariantFile(str(folder / "calls.vcf.gz")) as given_,
        pysam.VariantFile(str(folder / "calls.bcf"), "wb", header=given_.header) as out,
    ):
        for record in given_:
            out.write(record)
    return folder


def _read(header: pysam.AlignmentHeader, start: int) -> pysam.AlignedSegment:
    read = pysam.AlignedSegment(header)
    read.query_name, read.query_sequence = f"r{start}", "ACGT" * 5
    read.flag, read.reference_id, read.reference_start = 0, 0, start
    read.mapping_quality, read.cigarstring = 60, "20M"
    read.query_qualities = pysam.qualitystring_to_array("I" * 20)
    return read


def built(content: bytes, step: int = 10_000, *, wanted: bool = True) -> BuiltIndex:
    builder = IndexBuilder(wanted=wanted)
    try:
        for start in range(0, len(content), step):
            builder.take(memoryview(content)[start : start + step])
        return builder.finish()
    finally:
        builder.abandon()


@pytest.mark.parametrize(
    "name, expected",
    [
        ("reads.bam", Format.BAM),
        ("reads.cram", Format.CRAM),
        ("calls.vcf.gz", Format.VCF),
        ("calls.bcf", Format.BCF),
    ],
)
def test_formats_are_told_by_their_first_bytes(files: Path, name: str, expected: Format) -> None:
    assert recognise((files / name).read_bytes()) is expected


def test_what_only_looks_like_one_is_none(files: Path) -> None:
    plain = (files / "calls.vcf").read_bytes()
    for content in (b"", b"BAM\x01", b"\x1f\x8b", plain, gzip.compress(plain), END_OF_FILE, b"CRA"):
        assert recognise(content) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_a_format_or_none(tail: bytes) -> None:
    for start in (b"", END_OF_FILE[:18], END_OF_FILE[:16]):
        assert recognise(start + tail) in {None, *Format}


def test_the_index_of_a_bam_is_what_htslib_makes_of_the_file_beyond_512_mbp_too(
    files: Path, tmp_path: Path
) -> None:
    index = built((files / "reads.bam").read_bytes())
    pysam.index("-c", "-o", str(tmp_path / "local.csi"), str(files / "reads.bam"))
    assert (index.format, index.kind) == (Format.BAM, "csi")
    assert _inflated(index.content) == _inflated((tmp_path / "local.csi").read_bytes())


def test_the_index_of_a_cram_is_what_htslib_makes_of_the_file(files: Path, tmp_path: Path) -> None:
    index = built((files / "reads.cram").read_bytes())
    pysam.index("-o", str(tmp_path / "local.crai"), str(files / "reads.cram"))
    assert (index.format, index.kind) == (Format.CRAM, "crai")
    assert _inflated(index.content) == _inflated((tmp_path / "local.crai").read_bytes())


@pytest.mark.parametrize("name, kind", [("calls.vcf.gz", Format.VCF), ("calls.bcf", Format.BCF)])
def test_the_index_of_variants_is_what_htslib_makes_of_the_file(
    files: Path, tmp_path: Path, name: str, kind: Format
) -> None:
    index = built((files / name).read_bytes())
    pysam.tabix_index(
        str(files / name),
        preset="vcf" if kind is Format.VCF else "bcf",
        csi=True,
        min_shift=14,
        index=str(tmp_path / "local.csi"),
    )
    assert (index.format, index.kind) == (kind, "csi")
    assert _inflated(index.content) == _inflated((tmp_path / "local.csi").read_bytes())


def _inflated(content: bytes) -> bytes:
    whole = bytearray()
    while content:
        member = zlib.decompressobj(31)
        whole += member.decompress(content)
        content = member.unused_data
    return bytes(whole)


def test_a_file_that_is_not_sorted_has_no_index_and_it_is_said_why(tmp_path: Path) -> None:
    (tmp_path / "calls.vcf").write_bytes(
        variants(5, 3, 4) + b"".join(b"1\t9\t.\tA\tC\t.\t.\t.\n" for _ in range(50_000))
    )
    pysam.tabix_compress(str(tmp_path / "calls.vcf"), str(tmp_path / "calls.vcf.gz"))
    index = built((tmp_path / "calls.vcf.gz").read_bytes())
    assert (index.kind, index.content) == ("", b"")
    assert "not sorted" in index.reason


@pytest.mark.parametrize("damage", [slice(20, 2000), slice(None, 400)])
def test_a_damaged_file_has_no_index_and_harms_nobody(files: Path, damage: slice) -> None:
    content = bytearray((files / "reads.bam").read_bytes())
    if damage.start is None:
        del content[damage.stop :]
    else:
        content[damage] = random_bytes(damage.stop - damage.start)
    assert built(bytes(content)).content == b""


def test_no_process_is_started_for_an_index_that_nobody_wants_or_a_format_without_one(files: Path) -> None:
    for content, wanted in (((files / "reads.bam").read_bytes(), False), (b"any text at all", True)):
        builder = IndexBuilder(wanted=wanted)
        builder.take(memoryview(content))
        assert builder._process is None
        assert builder.finish().content == b""


def test_giving_up_ends_the_process_and_leaves_no_descriptor(files: Path) -> None:
    built((files / "reads.bam").read_bytes())
    before = _descriptors()
    builder = IndexBuilder()
    builder.take(memoryview((files / "reads.bam").read_bytes()))
    process = builder._process
    assert process is not None
    builder.abandon()
    builder.abandon()
    assert process._process.returncode is not None
    assert _descriptors() == before
    builder.take(memoryview(b"more, which is nobody's now"))


def test_a_process_that_takes_nothing_any_more_is_given_up(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_LONGEST_SILENCE_S", 0.01)
    builder = IndexBuilder()
    builder.take(memoryview((files / "reads.bam").read_bytes())[:100])
    process = builder._process
    assert process is not None
    os.kill(process._process.pid, signal.SIGSTOP)
    builder.take(memoryview(bytes(4_000_000)))
    assert builder.finish().content == b""
    builder.abandon()
    assert process._process.returncode is not None


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@given(st.binary(max_size=200_000))
def test_a_sealed_index_is_opened_by_the_files_own_header(content: bytes) -> None:
    header = Header((data_key(), data_key()))
    sealed = seal_index(content, header, random_bytes(nonce_bytes_for(content)))
    assert open_index(sealed, header) == content


def test_a_changed_index_does_not_open() -> None:
    header = Header((data_key(),))
    sealed = bytearray(seal_index(b"index", header, random_bytes(12)))
    sealed[20] ^= 1
    with pytest.raises(Unverified):
        open_index(bytes(sealed), header)
    with pytest.raises(Malformed):
        open_index(bytes(sealed[:10]), header)
