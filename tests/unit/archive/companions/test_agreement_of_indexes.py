"""Provided indexes held against our own: what tools make of the same file fits, what is of another one does not.

All files and indexes are made by htslib (or are those of the field), none by code of ours.
"""

from __future__ import annotations

import gzip
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.indexed_files import (
    in_small_slices,
    na12878,
    synthetic_bam,
    synthetic_variants,
    thousand_genomes,
)

from opengdi.archive.companions import agreement
from opengdi.archive.companions.agreement import judge
from opengdi.archive.intake.indexing import IndexBuilder
from opengdi.archive.model import Digests, Judgement, Stored
from opengdi.standards.bgzf.binning import parse_index, region_of_bin

SHORT = (("1", 3_000_000), ("2", 400_000_000), ("empty", 1000))
"""References that a BAI reaches the end of."""


@dataclass(frozen=True)
class Held:
    """A file as the archive has it: its path, what is stored of it, and the index that the intake made."""

    path: Path
    stored: Stored
    own: bytes

    def verdict(self, kind: str, raw: bytes) -> Judgement:
        return judge(kind, raw, self.stored, self.own)[0]


def held(path: Path) -> Held:
    content = path.read_bytes()
    builder = IndexBuilder()
    builder.take(memoryview(content))
    built = builder.finish()
    assert built.format is not None
    assert built.content
    stored = Stored("k", 1, len(content), Digests("b", "p"), format=built.format.value, index=built.kind)
    return Held(path, stored, built.content)


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return held(synthetic_bam(tmp_path_factory.mktemp("reads"), references=SHORT).path)


@pytest.fixture(scope="module")
def other_reads(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return held(synthetic_bam(tmp_path_factory.mktemp("other"), references=SHORT, seed=8).path)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Held:
    return held(thousand_genomes(shared, tmp_path_factory.mktemp("calls"), "VCF", people=3).path)


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Held:
    return held(in_small_slices(na12878(shared, "CRAM"), tmp_path_factory.mktemp("cram")).path)


def made(file: Held, folder: Path, *options: str) -> bytes:
    """What samtools makes of it."""
    target = folder / "made"
    pysam.index(*options, "-o", str(target), str(file.path))
    return target.read_bytes()


def tabixed(file: Held, *, csi: bool = False, shift: int = 14) -> bytes:
    """What bcftools makes of it."""
    target = file.path.with_suffix(".made")
    pysam.bcftools.index(
        "-f", *(["-c", "-m", str(shift)] if csi else ["-t"]), "-o", str(target), str(file.path)
    )
    return target.read_bytes()


@pytest.mark.parametrize("options", [("-b",), ("-c",), ("-c", "-m", "12"), ("-c", "-m", "17")], ids=" ".join)
def test_any_index_of_a_bam_fits_it(reads: Held, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert judge("bai", made(reads, tmp_path, *options), reads.stored, reads.own) == (Judgement.FITS, "")


def test_the_index_that_came_with_real_reads_fits_them(shared: Path) -> None:
    file = na12878(shared, "BAM")
    assert held(file.path).verdict("bai", file.index) is Judgement.FITS


def test_records_cut_by_blocks_fit_too(tmp_path: Path) -> None:
    file = held(synthetic_bam(tmp_path, references=SHORT, across_blocks=777).path)
    assert file.verdict("bai", made(file, tmp_path, "-b")) is Judgement.FITS


def test_any_index_of_variants_fits_them(calls: Held) -> None:
    for raw in (tabixed(calls), tabixed(calls, csi=True), tabixed(calls, csi=True, shift=11)):
        assert judge("tbi", raw, calls.stored, calls.own) == (Judgement.FITS, "")


@pytest.mark.parametrize("kind", ["VCF", "BCF"])
def test_indexes_beyond_512_mbp_fit(tmp_path: Path, kind: str) -> None:
    file = synthetic_variants(tmp_path, kind)
    assert held(file.path).verdict("csi", file.index) is Judgement.FITS


def test_an_index_of_a_cram_fits_it_compressed_or_not(slices: Held, tmp_path: Path) -> None:
    raw = made(slices, tmp_path)
    for each in (raw, gzip.decompress(raw)):
        assert judge("crai", each, slices.stored, slices.own) == (Judgement.FITS, "")


def test_the_index_that_came_with_a_real_cram_fits_it(shared: Path) -> None:
    file = na12878(shared, "CRAM")
    assert held(file.path).verdict("crai", file.index) is Judgement.FITS


def gzi(path: Path) -> bytes:
    """As bgzip makes it: where each block but the first begins."""
    content, at, plain, pairs = path.read_bytes(), 0, 0, []
    while at < len(content) - 28:
        if at:
            pairs.append((at, plain))
        size = struct.unpack_from("<H", content, at + 16)[0] + 1
        plain += struct.unpack_from("<I", content, at + size - 4)[0]
        at += size
    return struct.pack("<Q", len(pairs)) + b"".join(struct.pack("<QQ", *pair) for pair in pairs)


def test_the_blocks_of_a_gzi_fit(calls: Held, reads: Held) -> None:
    for file in (calls, reads):
        assert judge("gzi", gzi(file.path), file.stored, file.own) == (Judgement.FITS, "")
        assert judge("gzi", gzi(file.path), file.stored, None) == (Judgement.FITS, "")


# what does not fit


def test_the_index_of_other_reads_does_not_fit(reads: Held, other_reads: Held, tmp_path: Path) -> None:
    for options in (("-b",), ("-c",)):
        judgement, note = judge("bai", made(other_reads, tmp_path, *options), reads.stored, reads.own)
        assert judgement is Judgement.WRONG
        assert note.endswith("it is of another file, or of another version of this one")


def fewer(file: Held, folder: Path, left_out: Callable[[int, pysam.AlignedSegment], bool]) -> Held:
    """An earlier version of a file: some reads were not there yet."""
    path = folder / "earlier.bam"
    with (
        pysam.AlignmentFile(str(file.path)) as source,
        pysam.AlignmentFile(str(path), "wb", template=source) as out,
    ):
        for number, read in enumerate(source.fetch(until_eof=True)):
            if not left_out(number, read):
                out.write(read)
    return held(path)


@pytest.mark.parametrize(
    "left_out",
    [
        lambda number, read: number == 4000,
        lambda number, read: read.reference_name == "2",
        lambda number, read: number % 2,
    ],
    ids=["one read", "a sequence", "half of them"],
)
def test_the_index_of_an_earlier_version_does_not_fit(reads: Held, tmp_path: Path, left_out) -> None:
    earlier = fewer(reads, tmp_path, left_out)
    assert reads.verdict("bai", made(earlier, tmp_path, "-b")) is Judgement.WRONG
    assert earlier.verdict("bai", made(reads, tmp_path, "-b")) is Judgement.WRONG


def test_records_without_a_place_are_counted(reads: Held, tmp_path: Path) -> None:
    last = 0
    with pysam.AlignmentFile(str(reads.path)) as file:
        last = sum(1 for _ in file.fetch(until_eof=True)) - 1
    earlier = fewer(reads, tmp_path, lambda number, _: number == last)
    judgement, note = judge("bai", made(earlier, tmp_path, "-b"), reads.stored, reads.own)
    assert (judgement, "without a place" in note) == (Judgement.WRONG, True)


def test_the_index_of_other_variants_or_of_another_kind_does_not_fit(
    calls: Held, reads: Held, tmp_path: Path
) -> None:
    few = tmp_path / "few.vcf.gz"
    with (
        pysam.VariantFile(str(calls.path)) as source,
        pysam.VariantFile(str(few), "wz", header=source.header) as out,
    ):
        for number, record in enumerate(source):
            if number != 1500:
                out.write(record)
    assert calls.verdict("tbi", tabixed(held(few))) is Judgement.WRONG
    assert reads.verdict("bai", tabixed(calls)) is Judgement.WRONG
    assert calls.verdict("tbi", made(reads, tmp_path, "-b")) is Judgement.WRONG


def test_the_slices_of_another_cram_do_not_fit(slices: Held, shared: Path, tmp_path: Path) -> None:
    assert slices.verdict("crai", na12878(shared, "CRAM").index) is Judgement.WRONG
    lines = gzip.decompress(made(slices, tmp_path)).splitlines(keepends=True)
    assert slices.verdict("crai", b"".join(lines[:-1])) is Judgement.WRONG


def test_the_blocks_of_another_file_do_not_fit(calls: Held, reads: Held) -> None:
    assert calls.verdict("gzi", gzi(reads.path)) is Judgement.WRONG
    assert reads.verdict("gzi", gzi(calls.path)) is Judgement.WRONG


@pytest.mark.parametrize("kept", [0, 3, 4, 8, 100, 0.5, -9])
def test_a_truncated_index_does_not_fit(reads: Held, calls: Held, tmp_path: Path, kept: float) -> None:
    for file, kind, raw in (
        (reads, "bai", made(reads, tmp_path, "-b")),
        (reads, "csi", made(reads, tmp_path, "-c")),
        (calls, "tbi", tabixed(calls)),
        (calls, "gzi", gzi(calls.path)),
    ):
        cut = raw[: int(len(raw) * kept) if isinstance(kept, float) else kept]
        judgement, note = judge(kind, cut, file.stored, file.own)
        assert judgement is Judgement.WRONG, (kind, kept)
        assert note


def moved(raw: bytes, change: Callable[[bytearray, int], None]) -> bytes:
    """A BAI whose last bin of the first reference was changed; `change` is told where its chunks begin."""
    index, at = bytearray(raw), 12
    for _ in range(struct.unpack_from("<i", index, 8)[0] - 1):
        number, chunks = struct.unpack_from("<Ii", index, at)
        if number != 37450:
            last = at
        at += 8 + 16 * chunks
    change(index, last)
    return bytes(index)


def test_an_index_that_hides_records_of_a_region_does_not_fit(reads: Held, tmp_path: Path) -> None:
    """All but one bin is right, and so are extents and counts."""
    raw = made(reads, tmp_path, "-b")

    def elsewhere(index: bytearray, at: int) -> None:
        struct.pack_into("<I", index, at, 37_000)

    judgement, note = judge("bai", moved(raw, elsewhere), reads.stored, reads.own)
    assert (judgement, note.split(":")[0]) == (
        Judgement.WRONG,
        "it does not lead to all records of some regions",
    )


def test_windows_that_begin_behind_their_records_do_not_fit(reads: Held, tmp_path: Path) -> None:
    """The linear index of a BAI: a reader skips what lies before the window's offset."""
    raw = bytearray(made(reads, tmp_path, "-b"))
    at = 12
    for _ in range(struct.unpack_from("<i", raw, 8)[0]):
        at += 8 + 16 * struct.unpack_from("<i", raw, at + 4)[0]
    (windows,) = struct.unpack_from("<i", raw, at)
    last = struct.unpack_from("<Q", raw, at + 4 + 8 * (windows - 1))[0]
    struct.pack_into("<Q", raw, at + 4, last)
    assert reads.verdict("bai", bytes(raw)) is Judgement.WRONG


def test_where_there_is_nothing_to_hold_it_against_nothing_is_said(
    reads: Held, slices: Held, tmp_path: Path
) -> None:
    raw = made(reads, tmp_path, "-b")
    assert judge("bai", raw, reads.stored, None)[0] is Judgement.UNKNOWN
    for file_format in ("CRAM", ""):
        verdict = judge("bai", raw, replace(reads.stored, format=file_format), reads.own)
        assert (verdict[0], bool(verdict[1])) == (Judgement.UNKNOWN, True)
    assert judge("crai", b"", reads.stored, reads.own)[0] is Judgement.UNKNOWN


# whatever may come


def pysam_bai(file: Held) -> bytes:
    target = file.path.with_suffix(".fuzz.bai")
    if not target.exists():
        pysam.index("-b", "-o", str(target), str(file.path))
    return target.read_bytes()


SOUND = {
    "bai": pysam_bai,
    "crai": lambda file: gzip.decompress(file.own),
    "gzi": lambda file: gzi(file.path),
}


@given(st.data())
def test_any_damage_is_a_verdict(reads: Held, slices: Held, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["bai", "crai", "gzi"]))
    file = slices if kind == "crai" else reads
    raw = bytearray(SOUND[kind](file))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(raw) - 4)))
        raw[at : at + 4] = data.draw(
            st.sampled_from([b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0"]) | st.binary(max_size=6)
        )
    assert isinstance(file.verdict(kind, bytes(raw)), Judgement)


@given(
    st.binary(max_size=300),
    st.sampled_from(["bai", "csi", "tbi", "crai", "gzi"]),
    st.sampled_from([b"", b"BAI\1", b"CSI\1", b"TBI\1"]),
)
def test_any_bytes_are_a_verdict(reads: Held, noise: bytes, kind: str, magic: bytes) -> None:
    for raw in (magic + noise, gzip.compress(magic + noise)):
        assert isinstance(reads.verdict(kind, raw), Judgement)


def csi(names: list[bytes], references: list[dict[int, list[tuple[int, int]]]]) -> bytes:
    """Chunks by bin of each reference, as tabix would write them for a VCF with these names."""
    told = b"".join(name + b"\0" for name in names)
    index = struct.pack("<4siii", b"CSI\1", 14, 5, 28 + len(told))
    index += (
        struct.pack("<7i", 2, 1, 2, 0, ord("#"), 0, len(told)) + told + struct.pack("<i", len(references))
    )
    for bins in references:
        index += struct.pack("<i", len(bins))
        for number, chunks in bins.items():
            index += struct.pack("<IQi", number, 0, len(chunks))
            index += b"".join(struct.pack("<QQ", *chunk) for chunk in chunks)
    return index


def test_an_index_that_names_a_sequence_twice_is_a_verdict(calls: Held) -> None:
    """It names more sequences than it has."""
    own = parse_index(calls.own)
    (only,) = (name for name, bins in zip(own.names, own.references, strict=True) if bins.chunks)
    bins = own.references[own.names.index(only)]
    all_ = {0: [(min(bins.chunks[::2]), max(bins.chunks[1::2]))]}
    for names in ([only] * 2, [only] * 2 + ["other"]):
        assert calls.verdict("csi", csi([name.encode() for name in names], [all_])) in Judgement


def test_an_index_that_was_made_to_keep_us_busy_takes_seconds_at_most(calls: Held) -> None:
    """Tens of thousands of chunks on both sides: a provider may make the data, too."""
    apart = [(number << 33, number << 33 | 1) for number in range(1, 30_001)]
    raw = csi([b"1"], [{0: apart}])
    began = time.monotonic()
    assert judge("csi", raw, calls.stored, raw) == (Judgement.FITS, "")
    assert time.monotonic() - began < 30


def test_an_index_that_inflates_without_end_is_given_up(reads: Held, slices: Held) -> None:
    bomb = gzip.compress(b"TBI\1" + bytes(200 << 20), 1)
    assert reads.verdict("tbi", bomb) is Judgement.WRONG
    assert slices.verdict("crai", gzip.compress(b"\n" * (40 << 20), 1)) is Judgement.WRONG


def test_an_index_of_endless_chunks_is_not_looked_at_for_long(
    reads: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Extents are right, and a bin over everything has so many chunks that each question costs as much as all."""
    ours, questions, runs = parse_index(reads.own), [], agreement._runs
    monkeypatch.setattr(agreement, "_MOST_CHUNKS", 50_000)
    monkeypatch.setattr(agreement, "_runs", lambda chunks: questions.append(1) or runs(chunks))

    def chunks(first: int, last: int, count: int) -> bytes:
        step = max(1, (last - first) // count)
        ends = [(first + step * n, first + step * (n + 1)) for n in range(count - 1)]
        return b"".join(struct.pack("<QQ", *each) for each in [*ends, (first + step * (count - 1), last)])

    index = b"BAI\1" + struct.pack("<i", len(ours.references))
    for bins in ours.references:
        if not bins.chunks:
            index += struct.pack("<ii", 0, 0)
            continue
        first, last = min(bins.chunks[::2]), max(bins.chunks[1::2])
        index += struct.pack("<iIi", 1, 0, 20_000) + chunks(first, last, 20_000) + struct.pack("<i", 0)
    assert isinstance(reads.verdict("bai", index), Judgement)
    assert len(questions) == 2 < sum(len(bins.numbers) for bins in ours.references)


def test_regions_of_bins_are_those_of_the_specification(reads: Held) -> None:
    index = parse_index(pysam_bai(reads))
    for number, (start, width) in {
        0: (0, 29),
        1: (0, 26),
        8: (7 << 26, 26),
        9: (0, 23),
        4681: (0, 14),
        37448: (32767 << 14, 14),
    }.items():
        assert region_of_bin(index, number) == (start, start + (1 << width))
