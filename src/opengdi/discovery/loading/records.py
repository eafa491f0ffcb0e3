"""The records of a span with their line numbers, from text or BCF, read one by one so that each can be wrong alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

from opengdi.discovery.loading.calls import Encoding, Pairs
from opengdi.discovery.loading.genotype_columns import bcf_pairs, text_pairs
from opengdi.discovery.loading.model import Fault
from opengdi.discovery.loading.normalise import Faulty
from opengdi.discovery.loading.reading import FileKind, Span, bcf_runs, text_runs
from opengdi.standards.coordinates import Assembly, contig_length, is_other_sequence, parse_contig
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf import bcf
from opengdi.standards.vcf.header import VcfHeader
from opengdi.standards.vcf.records import check_columns, parse_fixed, parse_info

Raw = object
"""A record not yet parsed, as its source knows it."""


@dataclass(frozen=True, slots=True)
class MetRecord:
    """A record with canonical contig. pairs: raw genotypes, None for sites only."""

    line: int
    contig: str
    start: int
    ref: str
    alts: tuple[str, ...]
    info: Callable[[], Mapping[str, str]]
    pairs: Pairs | None
    encoding: Encoding


class RecordSource(Protocol):
    """Records of one span of one file."""

    def raw(self) -> Iterator[tuple[int, Raw]]:
        """(line, unparsed record), lines from 1 within the span. Raises Malformed where the file itself is damaged."""
        ...

    def parse(self, line: int, raw: Raw) -> MetRecord:
        """Raises Faulty or Malformed if the record is wrong."""
        ...


def open_records(
    path: Path, kind: FileKind, span: Span, header: VcfHeader, assembly: Assembly, *, with_genotypes: bool
) -> RecordSource:
    """The records of a span; genotypes are read if asked for."""
    names = header.samples if with_genotypes else None
    if kind is FileKind.BCF:
        return _BcfRecords(path, span, header, assembly, names)
    return TextRecords(path, kind, span, header, assembly, names)


@lru_cache(maxsize=4096)
def contig_in(name: str, assembly: Assembly) -> str:
    """Canonical contig. Raises Faulty for a sequence that is not served, or of another assembly."""
    if name.strip().lower().removeprefix("chr") == "25":
        raise Faulty(
            Fault.UNKNOWN_CONTIG, f"{name} is MT to some tools and part of X to plink; rename it to MT or X"
        )
    try:
        found = parse_contig(name)
    except Malformed as error:
        if is_other_sequence(name):
            raise Faulty(Fault.OTHER_CONTIG, f"{name} is not one of 1-22, X, Y, MT") from error
        raise Faulty(
            Fault.UNKNOWN_CONTIG,
            f"{name} is neither 1-22, X, Y, MT nor another known sequence of an assembly",
        ) from error
    if found.assembly is not None and found.assembly is not assembly:
        raise Faulty(Fault.ASSEMBLY, f"{name} is of {found.assembly.name}, the release of {assembly.name}")
    return found.contig


def contig_names(header: VcfHeader, assembly: Assembly) -> Callable[[str], str]:
    """`contig_in` for the names that a file uses, whose header may tell what a name alone does not."""
    yoruban = {name for name, told in header.contigs.items() if told.get("length") == _YORUBAN_BASES}
    yoruban = {name for name in yoruban if name.upper().removeprefix("CHR") in {"M", "MT"}}

    def canonical(name: str) -> str:
        if name in yoruban:
            raise Faulty(
                Fault.OTHER_CONTIG,
                f"{name} has {_YORUBAN_BASES} bases in the header: it is NC_001807, not NC_012920 as served here",
            )
        return contig_in(name, assembly)

    return canonical


_YORUBAN_BASES: Final = "16571"
"""Length of the mitochondrion that UCSC put into hg19, whose positions are not those of the revised one."""


def check_place(contig: str, start: int, ref: str, assembly: Assembly) -> None:
    """Raises Malformed if a record lies past the end of its contig."""
    length = contig_length(contig, assembly)
    if start + len(ref) > length:
        raise Malformed(
            f"POS {start + 1} lies past the end of contig {contig} ({length} bases in {assembly.name})"
        )


def check_end(contig: str, end: int, assembly: Assembly) -> None:
    """Raises Malformed if an allele reaches past the end of its contig."""
    length = contig_length(contig, assembly)
    if end > length:
        raise Malformed(f"END {end} lies past the end of contig {contig} ({length} bases in {assembly.name})")


class TextRecords:
    """Lines of VCF text."""

    def __init__(
        self,
        path: Path,
        kind: FileKind,
        span: Span,
        header: VcfHeader,
        assembly: Assembly,
        names: Sequence[str] | None,
    ) -> None:
        self._path, self._kind, self._span = path, kind, span
        self._header, self._assembly, self._names = header, assembly, names
        self.contig = contig_names(header, assembly)

    def raw(self) -> Iterator[tuple[int, Raw]]:
        for line, run in self.runs():
            for number, text in enumerate(run.removesuffix(b"\n").split(b"\n"), start=line):
                yield number, text.removesuffix(b"\r")

    def runs(self) -> Iterator[tuple[int, bytes]]:
        """(line of the first record, whole lines); header lines and blank ones at the end are left out."""
        line, header = 1, self._header.lines if self._span.is_first else 0
        for whole in _without_blank_end(text_runs(self._path, self._kind, self._span)):
            run = whole
            while header and run:
                run = run[run.find(b"\n") + 1 :] if b"\n" in run else b""
                line, header = line + 1, header - 1
            if run:
                yield line, run
                line += run.count(b"\n")

    def parse(self, line: int, raw: Raw) -> MetRecord:
        assert isinstance(raw, bytes)
        columns = raw.split(b"\t", 9)
        if len(columns) != min(self._header.columns, 10):
            check_columns(raw.count(b"\t") + 1, self._header.columns)
        try:
            fixed = [column.decode() for column in columns[:9]]
        except UnicodeDecodeError as error:
            raise Malformed("the line is not UTF-8") from error
        record = parse_fixed(fixed, with_info=False)
        contig = self.contig(record.contig)
        check_place(contig, record.start, record.ref, self._assembly)
        pairs = self._pairs(columns, fixed, len(record.alts)) if self._names is not None else None
        return MetRecord(
            line, contig, record.start, record.ref, record.alts,
            lambda: parse_info(fixed[7]), pairs, Encoding.TEXT,
        )  # fmt: skip

    def _pairs(self, columns: list[bytes], fixed: list[str], alts: int) -> Pairs:
        assert self._names is not None
        if fixed[8].split(":", 1)[0] != "GT":
            raise Faulty(Fault.GENOTYPE, f"FORMAT {fixed[8]!r} does not begin with GT")
        return text_pairs(columns[9], self._names, alts)


def _without_blank_end(runs: Iterator[bytes]) -> Iterator[bytes]:
    """Runs of whole lines, without the blank lines after the last one; others stay."""
    blank = b""
    for run in runs:
        lines = blank + run
        written = lines.rstrip(b"\r\n")
        end = lines.find(b"\n", len(written)) + 1 or len(lines)
        end = end if written else 0
        blank = lines[end:]
        if end:
            yield lines[:end]


class _BcfRecords:
    """Records of a BCF."""

    def __init__(
        self, path: Path, span: Span, header: VcfHeader, assembly: Assembly, names: Sequence[str] | None
    ) -> None:
        self._path, self._span, self._header, self._assembly, self._names = (
            path,
            span,
            header,
            assembly,
            names,
        )
        self._contig = contig_names(header, assembly)

    def raw(self) -> Iterator[tuple[int, Raw]]:
        number = 0
        for buffer in bcf_runs(self._path, self._span):
            at = 0
            while at < len(buffer):
                number += 1
                yield number, (buffer, at)
                at += bcf.record_length(buffer, at)

    def parse(self, line: int, raw: Raw) -> MetRecord:
        assert isinstance(raw, tuple)
        buffer, at = raw
        record = bcf.parse_record(buffer, at, self._header)
        contig = self._contig(record.contig)
        check_place(contig, record.start, record.ref, self._assembly)
        pairs, encoding = None, Encoding.BCF
        if self._names is not None:
            pairs, encoding = bcf_pairs(buffer, record, self._header, self._names)
        return MetRecord(
            line, contig, record.start, record.ref, record.alts,
            lambda: bcf.parse_bcf_info(buffer, record, self._header), pairs, encoding,
        )  # fmt: skip
