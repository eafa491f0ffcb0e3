"""Which bytes answer a region: held against whole files, their records and their blocks."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from tests.indexed_files import (
    BGZF_END,
    IndexedFile,
    blocks_of,
    na12878,
    read_records,
    synthetic_bam,
    synthetic_variants,
    thousand_genomes,
)

from opengdi.standards.bgzf.binning import BinningIndex
from opengdi.standards.faults import Malformed
from opengdi.standards.htsget.errors import BadRequest
from opengdi.standards.htsget.layout import FileLayout, parse_index_of, read_layout
from opengdi.standards.htsget.planning import (
    Literal,
    Part,
    Stretch,
    UnknownReference,
    coarser,
    exact_parts_of,
    header_pieces,
    numbered,
    parts_of,
    pieces_of,
)
from opengdi.standards.htsget.request import Region

WINDOWS = 60


def run(reading, data: bytes):
    """What a reading of `data` returns."""
    try:
        need = next(reading)
        while True:
            need = reading.send(data[need.first : need.stop])
    except StopIteration as done:
        return done.value


def layout_of(file: IndexedFile) -> FileLayout:
    index = parse_index_of(file.format, file.index)
    return run(read_layout(file.format, len(file.data), index), file.data)


def written(file: IndexedFile, pieces) -> bytes:
    return b"".join(
        piece.data if isinstance(piece, Literal) else file.data[piece.first : piece.stop] for piece in pieces
    )


def answer(file: IndexedFile, layout: FileLayout, *regions: Region, exact: bool = False) -> bytes:
    """The whole file that a client gets."""
    wanted = numbered(layout, regions)
    parts = run(exact_parts_of(layout, wanted), file.data) if exact else parts_of(layout, wanted)
    pieces = run(pieces_of(layout, parts, exact=exact), file.data)
    return written(file, [*header_pieces(layout), *pieces]) + layout.end_marker


@pytest.fixture(scope="module", params=["real", "htslib", "across blocks", "small blocks"])
def bam(request, shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bam")
    if request.param == "real":
        return na12878(shared, "BAM")
    return synthetic_bam(
        folder, across_blocks={"htslib": 0, "across blocks": 60_000, "small blocks": 131}[request.param]
    )


@pytest.fixture(
    scope="module", params=["vcf tbi", "vcf csi", "bcf", "synthetic", "tiny blocks", "synthetic bcf"]
)
def variants(request, shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    match request.param:
        case "vcf tbi":
            return thousand_genomes(shared, folder, "VCF")
        case "vcf csi":
            return thousand_genomes(shared, folder, "VCF", csi=True)
        case "bcf":
            return thousand_genomes(shared, folder, "BCF")
        case "synthetic":
            return synthetic_variants(folder, "VCF")
        case "tiny blocks":
            return synthetic_variants(folder, "VCF", across_blocks=211)
    return synthetic_variants(folder, "BCF")


@pytest.fixture(scope="module", params=["real", "several references in a slice"])
def cram(request, shared, tmp_path_factory):
    if request.param == "real":
        return na12878(shared, "CRAM")
    return synthetic_bam(
        tmp_path_factory.mktemp("cram"), references=[("1", 400_000), ("2", 400_000)], cram=True
    )


@pytest.fixture(scope="module", params=["bam", "bam across blocks", "cram", "vcf", "bcf", "vcf tiny blocks"])
def any_file(request, shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    match request.param:
        case "bam":
            return na12878(shared, "BAM")
        case "bam across blocks":
            return synthetic_bam(folder, across_blocks=60_000)
        case "cram":
            return na12878(shared, "CRAM")
        case "vcf":
            return thousand_genomes(shared, folder, "VCF")
        case "bcf":
            return thousand_genomes(shared, folder, "BCF")
    return synthetic_variants(folder, "VCF", across_blocks=211)


def check_window(file: IndexedFile, layout: FileLayout, window: tuple[str, int, int]) -> None:
    found = read_records(file.format, answer(file, layout, Region(*window)))
    assert [record for record in found if record.overlaps(*window)] == file.region(*window), window
    assert is_part_of(found, file.records), window


def is_part_of(found, records) -> bool:
    """True if `found` is in `records` in the same order, each at most as often."""
    rest = iter(records)
    return all(record in rest for record in found)


def test_the_example_of_another_server_needs_exactly_431852_bytes(shared):
    file = na12878(shared, "BAM")
    layout = layout_of(file)
    parts = parts_of(layout, numbered(layout, [Region("11", 5_015_000, 5_050_000)]))
    pieces = [*header_pieces(layout), *run(pieces_of(layout, parts), file.data)]
    assert pieces == [
        Stretch(0, 4668),
        Stretch(256721, 647346),
        Stretch(824361, 842101),
        Stretch(977196, 996015),
    ]
    assert sum(piece.size for piece in pieces) == 431_852


def test_any_window_of_a_bam_has_all_its_records(bam):
    layout = layout_of(bam)
    for window in bam.windows(WINDOWS, seed=1):
        check_window(bam, layout, window)


def test_any_window_of_a_cram_has_all_its_records(cram):
    layout = layout_of(cram)
    for window in cram.windows(WINDOWS // 3, seed=2):
        check_window(cram, layout, window)


def test_any_window_of_variants_has_all_its_records(variants):
    layout = layout_of(variants)
    for window in variants.windows(WINDOWS // 4, seed=3):
        check_window(variants, layout, window)


def test_exact_windows_of_a_bam_have_their_records_and_no_other(bam):
    layout = layout_of(bam)
    for window in bam.windows(WINDOWS, seed=4):
        found = read_records("BAM", answer(bam, layout, Region(*window), exact=True))
        assert found == bam.region(*window), window


def test_exact_windows_of_variants_have_their_records_and_no_other(variants):
    layout = layout_of(variants)
    for window in variants.windows(WINDOWS // 4, seed=5):
        found = read_records(variants.format, answer(variants, layout, Region(*window), exact=True))
        assert found == variants.region(*window), window


@pytest.mark.parametrize("exact", [False, True])
def test_several_regions_give_each_record_once_in_the_order_of_the_file(bam, exact):
    layout, rng = layout_of(bam), random.Random(6)
    windows = list(bam.windows(60, seed=7))
    for _ in range(5):
        chosen = rng.sample(windows, rng.randint(2, 6))
        found = read_records("BAM", answer(bam, layout, *(Region(*w) for w in chosen), exact=exact))
        wanted = [r for r in bam.records if any(r.overlaps(*window) for window in chosen)]
        assert [r for r in found if any(r.overlaps(*window) for window in chosen)] == wanted
        assert not exact or found == wanted
        assert is_part_of(found, bam.records)


def test_a_whole_reference_is_all_of_it(bam):
    layout = layout_of(bam)
    for name in {record.reference for record in bam.records} - {"*"}:
        found = read_records("BAM", answer(bam, layout, Region(name)))
        assert [r for r in found if r.reference == name] == [r for r in bam.records if r.reference == name]
        exact = read_records("BAM", answer(bam, layout, Region(name), exact=True))
        assert exact == [r for r in bam.records if r.reference == name]


@pytest.mark.parametrize("file_format", ["BAM", "CRAM"])
def test_reads_without_a_place_come_from_the_end_of_the_file(shared, file_format):
    file = na12878(shared, file_format)
    found = read_records(file_format, answer(file, layout_of(file), Region("*")))
    lost = [record for record in file.records if record.reference == "*"]
    assert [record for record in found if record.reference == "*"] == lost
    assert len(lost) > 1000


def test_header_body_and_end_together_are_the_file(any_file):
    layout = layout_of(any_file)
    body = [Part(layout.header.first_record, layout.end_of_records << 16)]
    pieces = [*header_pieces(layout), *run(pieces_of(layout, body), any_file.data)]
    whole = written(any_file, pieces) + layout.end_marker
    assert read_records(any_file.format, whole) == list(any_file.records)
    assert layout.header.tail or whole == any_file.data


def test_the_header_alone_is_a_file_without_records(any_file):
    layout = layout_of(any_file)
    only_header = written(any_file, header_pieces(layout)) + layout.end_marker
    assert read_records(any_file.format, only_header) == []


def test_an_empty_region_is_header_and_end(bam):
    layout = layout_of(bam)
    name = min(layout.references)
    nowhere = Region(name, 4_000_000_000, 4_000_000_001)
    assert read_records("BAM", answer(bam, layout, nowhere)) == []
    assert read_records("BAM", answer(bam, layout, nowhere, exact=True)) == []


def test_a_contig_without_records_is_there_and_an_unknown_one_is_not(tmp_path):
    file = synthetic_variants(tmp_path, "VCF")
    layout = layout_of(file)
    assert read_records("VCF", answer(file, layout, Region("none"))) == []
    with pytest.raises(UnknownReference):
        answer(file, layout, Region("None"))


def test_bytes_are_never_more_than_a_block_beyond_what_the_index_says_at_either_end(bam):
    """The least that an index allows: from the block where a chunk begins to the block where it ends."""
    layout, blocks = layout_of(bam), blocks_of(bam.data)
    assert isinstance(layout.index, BinningIndex)
    ends = dict(blocks)
    for window in bam.windows(WINDOWS, seed=8):
        [region] = numbered(layout, [Region(*window)])
        chunks = layout.index.chunks(*region)
        needed = {b for b in blocks for begin, end in chunks if begin >> 16 <= b[0] and b[0] << 16 < end}
        parts = parts_of(layout, [region])
        sent = sum(piece.size for piece in run(pieces_of(layout, parts), bam.data))
        borders = sum(ends[part.begin >> 16] - (part.begin >> 16) for part in parts)
        assert sent <= sum(stop - start for start, stop in needed) + borders


def test_a_bam_with_a_csi_and_a_contig_beyond_512_mb_works(tmp_path):
    file = synthetic_bam(tmp_path)
    far = [record for record in file.records if record.start > 2**29]
    assert file.index_path.suffix == ".csi"
    assert len(far) > 100
    for record in far[::20]:
        check_window(file, layout_of(file), (record.reference, record.start, record.start + 1000))


def test_containers_of_a_cram_are_never_taken_for_records(shared):
    file = na12878(shared, "CRAM")
    layout = layout_of(file)
    parts = parts_of(layout, numbered(layout, [Region("11", 5_015_000, 5_050_000)]))
    with pytest.raises(Malformed):
        run(pieces_of(layout, parts, exact=True), file.data)


def test_a_file_without_an_index_can_only_be_had_whole(shared):
    file = na12878(shared, "CRAM")
    layout = run(read_layout("CRAM", len(file.data), None), file.data)
    assert read_records("CRAM", written(file, header_pieces(layout)) + layout.end_marker) == []
    with pytest.raises(BadRequest):
        parts_of(layout, numbered(layout, [Region("11")]))


def test_too_many_parts_are_joined_over_the_smallest_gaps():
    parts = [Part(begin, begin + 10) for begin in (0, 20, 100, 115, 500)]
    assert coarser(parts, 5) == parts
    assert coarser(parts, 3) == [Part(0, 30), Part(100, 125), Part(500, 510)]
    assert coarser(parts, 1) == [Part(0, 510)]
    assert all(before.end < after.begin for before, after in pairwise(coarser(parts, 3)))


def test_the_end_marker_is_the_files_own(shared):
    assert len(layout_of(na12878(shared, "CRAM")).end_marker) == 38
    assert layout_of(na12878(shared, "BAM")).end_marker == BGZF_END
