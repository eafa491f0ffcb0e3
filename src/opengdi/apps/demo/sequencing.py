"""What a provider of the demo hands in: reads (BAM) and calls (VCF, bgzipped) with their indexes, labelled synthetic.

The reads show the alleles that the same people have in the calls, on a reference of random bases.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pysam

from opengdi.apps.demo.genomes import BASES, REGIONS, Region
from opengdi.apps.demo.people import NOTE
from opengdi.standards.coordinates import Assembly, contig_length

SAMPLES: Final = 12
"""People who are sequenced."""
READS_EACH: Final = 800
READ_BASES: Final = 150
_QUALITIES: Final = (35, 74)
"""From `#` to `I`, as FASTQ writes 2 to 40. They make up most of the file, as in any."""
REGION: Final = next(region for region in REGIONS if region.name == "BRCA2")

Bases = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Stretch:
    """[start, end) of a reference sequence by its name in the file, 0-based."""

    reference: str
    start: int
    end: int

    @property
    def text(self) -> str:
        """As people and samtools write it: 1-based, both ends in."""
        return f"{self.reference}:{self.start + 1}-{self.end}"

    def overlaps(self, reference: str | None, start: int, end: int) -> bool:
        """True if a record at [start, end) is one of this stretch."""
        return reference == self.reference and start < self.end and self.start < end


@dataclass(frozen=True, slots=True)
class Handed:
    """A file in a provider's folder, and a stretch of it that somebody will want. kind: `reads` or `variants`."""

    kind: str
    name: str
    stretch: Stretch

    def records(self, path: Path, *, all_of_them: bool = False) -> list[str]:
        """The records as text that the file at `path` has in the stretch, or anywhere, in order."""
        read = _reads if self.kind == "reads" else _calls
        return [
            record.text
            for record in read(str(path))
            if all_of_them or self.stretch.overlaps(record.reference, record.start, record.end)
        ]


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What a provider's folder holds, besides indexes."""

    reads: Handed
    calls: Handed


_WITHIN_GENE: Final = Stretch(f"chr{REGION.contig}", 32_340_000, 32_341_000)
SYNTHETIC: Final = HandedIn(
    Handed("reads", "brca2-reads.bam", _WITHIN_GENE), Handed("variants", "brca2-calls.vcf.gz", _WITHIN_GENE)
)
REAL: Final = HandedIn(
    Handed("reads", "htsnexus_test_NA12878.bam", Stretch("11", 5_015_000, 5_016_000)),
    Handed("variants", "chr22.grch38.2548x3042.vcf.gz", Stretch("chr22", 10_510_000, 10_600_000)),
)


def write_synthetic(collection: Path, folder: Path, seed: int) -> HandedIn:
    """Calls of the whole cohort as the collection has them, and reads of its first people, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = gzip.decompress((collection / f"chr{REGION.contig}.vcf.gz").read_bytes())
    calls, reads = str(folder / SYNTHETIC.calls.name), str(folder / SYNTHETIC.reads.name)
    with pysam.BGZFile(calls, "wb", None) as out:
        out.write(lines)
    pysam.tabix_index(calls, preset="vcf", force=True)
    _write_reads(reads, calls, np.random.default_rng([seed, *b"reads"]))
    pysam.index(reads)
    return SYNTHETIC


def copy_real(data: Path, folder: Path) -> HandedIn:
    """Public reads and calls, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in (data / "na12878" / REAL.reads.name, data / "1000g" / REAL.calls.name):
        shutil.copyfile(source, folder / source.name)
    return REAL


@dataclass(frozen=True, slots=True)
class _Record:
    text: str
    reference: str | None
    start: int
    end: int


def _reads(path: str) -> Iterator[_Record]:
    with pysam.AlignmentFile(path) as file:
        for read in file.fetch(until_eof=True):
            start = read.reference_start
            yield _Record(read.to_string(), read.reference_name, start, read.reference_end or start + 1)


def _calls(path: str) -> Iterator[_Record]:
    verbosity = pysam.set_verbosity(0)  # else htslib complains on standard error that there is no index
    try:
        with pysam.VariantFile(path) as file:
            for record in file:
                yield _Record(str(record).rstrip("\n"), record.contig, record.start, record.stop)
    finally:
        pysam.set_verbosity(verbosity)


# -- synthetic reads ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    start: int
    sample: str
    bases: Bases
    qualities: str


def _write_reads(path: str, calls: str, rng: np.random.Generator) -> None:
    haplotypes = _haplotypes(calls, rng)
    reads = sorted(_drawn(haplotypes, rng), key=lambda read: read.start)
    with pysam.AlignmentFile(path, "wb", header=_header(list(haplotypes))) as out:
        for number, read in enumerate(reads):
            out.write(_segment(out.header, number, read))


def _haplotypes(calls: str, rng: np.random.Generator) -> dict[str, tuple[Bases, Bases]]:
    """Two sequences per person over the region: random bases, but where there are calls of single bases."""
    reference = BASES[rng.integers(0, 4, REGION.end - REGION.start)]
    with pysam.VariantFile(calls) as file:
        samples = list(file.header.samples)[:SAMPLES]
        file.subset_samples(samples)
        pairs = {sample: (reference.copy(), reference.copy()) for sample in samples}
        for record in file:
            alleles = record.alleles or ()
            if any(len(allele) != 1 for allele in alleles):
                continue
            for sample, pair in pairs.items():
                called = record.samples[sample]["GT"]
                for sequence, allele in zip(pair, called, strict=True):
                    sequence[record.start - REGION.start] = ord(alleles[allele or 0])
    return pairs


def _drawn(haplotypes: dict[str, tuple[Bases, Bases]], rng: np.random.Generator) -> Iterator[_Read]:
    for sample, pair in haplotypes.items():
        starts = rng.integers(0, len(pair[0]) - READ_BASES, READS_EACH).tolist()
        which = rng.integers(0, 2, READS_EACH).tolist()
        qualities = rng.integers(*_QUALITIES, (READS_EACH, READ_BASES), dtype=np.uint8)
        for start, haplotype, quality in zip(starts, which, qualities, strict=True):
            bases = pair[haplotype][start : start + READ_BASES]
            yield _Read(REGION.start + start, sample, bases, quality.tobytes().decode())


def _header(samples: list[str]) -> pysam.AlignmentHeader:
    length = contig_length(REGION.contig, Assembly.GRCh38)
    return pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": _name(REGION), "LN": length, "AS": "GRCh38"}],
            "RG": [{"ID": sample, "SM": sample, "PL": "ILLUMINA"} for sample in samples],
            "CO": [NOTE],
        }
    )


def _segment(header: pysam.AlignmentHeader, number: int, read: _Read) -> pysam.AlignedSegment:
    segment = pysam.AlignedSegment(header)
    segment.query_name = f"synthetic-{number:05d}"
    segment.reference_id, segment.reference_start = 0, read.start
    segment.query_sequence = read.bases.tobytes().decode()
    segment.query_qualities = pysam.qualitystring_to_array(read.qualities)
    segment.cigarstring, segment.mapping_quality = f"{READ_BASES}M", 60
    segment.flag = number % 2 * 16
    segment.set_tag("RG", read.sample)
    return segment


def _name(region: Region) -> str:
    return f"chr{region.contig}"
