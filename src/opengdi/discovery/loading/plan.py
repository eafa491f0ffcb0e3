"""Pieces of work: what each file is, who and what is counted, and where files are cut.

The cuts depend on the files alone, never on the number of workers, so a rerun with other workers goes on.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opengdi.discovery.loading.findings import Findings
from opengdi.discovery.loading.frequency_table import table_populations
from opengdi.discovery.loading.info_counts import CountLayout, count_layout
from opengdi.discovery.loading.model import Fault, Finding
from opengdi.discovery.loading.normalise import Faulty
from opengdi.discovery.loading.reading import (
    START,
    FileKind,
    OpenedHeader,
    Span,
    block_after,
    check_complete,
    kind_of,
    read_header,
)
from opengdi.discovery.loading.records import contig_in
from opengdi.discovery.loading.tasks import LoadContext, ReadTask
from opengdi.kernel.errors import Invalid
from opengdi.standards.bgzf.blocks import VirtualOffset
from opengdi.standards.bgzf.index import record_starts
from opengdi.standards.coordinates import Assembly, contig_length
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.records import MAX_POSITION

_ASSEMBLY_NAMES = re.compile(r"GRCh3[78]|hg19|hg38|hs37d5|g1k_v37", re.IGNORECASE)
_NOT_SERVED = re.compile(r"CHM13|T2T|hg1[78]|NCBI3[56]", re.IGNORECASE)
"""Assemblies by name that are none of ours."""

SPAN_BYTES: Final = 16 << 20
"""Compressed bytes of a span, about."""


@dataclass(frozen=True, slots=True)
class VariantFile:
    """A variant file that was opened: what it is, and its header unless it is a table."""

    path: Path
    name: str
    kind: FileKind
    opened: OpenedHeader | None

    @property
    def samples(self) -> tuple[str, ...]:
        return self.opened.header.samples if self.opened else ()

    @property
    def column_line(self) -> int:
        """The line that names the samples; 0 in BCF, whose records are what is counted there."""
        return self.opened.header.lines if self.opened and self.kind is not FileKind.BCF else 0


def open_files(
    folder: Path, names: Sequence[str], assembly: Assembly, findings: Findings
) -> list[VariantFile]:
    """The variant files that can be read at all; what is wrong with the others, or as a whole, is noted."""
    files = []
    for name in names:
        file = _open(folder / name, name, findings)
        if file is not None and _is_of_assembly(file, assembly, findings):
            files.append(file)
    return files


def _open(path: Path, name: str, findings: Findings) -> VariantFile | None:
    if not path.is_file():
        findings.add(Finding(name, 0, Fault.MISSING_FILE, "there is no such file"))
        return None
    try:
        kind = kind_of(path)
        _note_truncated(path, name, kind, findings)
        return VariantFile(path, name, kind, None if kind is FileKind.PARQUET else read_header(path, kind))
    except OSError as error:
        findings.add(Finding(name, 0, Fault.MISSING_FILE, f"cannot be read: {error.strerror}"))
    except Malformed as error:
        findings.add(Finding(name, 0, Fault.HEADER, str(error)))
    return None


def _note_truncated(path: Path, name: str, kind: FileKind, findings: Findings) -> None:
    try:
        check_complete(path, kind)
    except Malformed as error:
        findings.add(Finding(name, 0, Fault.TRUNCATED, str(error)))


def _is_of_assembly(file: VariantFile, assembly: Assembly, findings: Findings) -> bool:
    """False, and a finding, if the header says by its reference or a contig that it is of another assembly."""
    if file.opened is None:
        return True
    header = file.opened.header
    reasons = [_reference_of_another(header.reference, assembly)]
    reasons += [_contig_of_another(contig, told, assembly) for contig, told in header.contigs.items()]
    reason = next(filter(None, reasons), None)
    if reason is not None:
        findings.add(Finding(file.name, 0, Fault.ASSEMBLY, f"{reason}; the release is {assembly.name}"))
    return reason is None


def _reference_of_another(reference: str, assembly: Assembly) -> str | None:
    """Why `##reference` is of another assembly: it names one, and not ours."""
    named = {Assembly.parse(found) for found in _ASSEMBLY_NAMES.findall(reference)}
    is_of_another = assembly not in named if named else _NOT_SERVED.search(reference) is not None
    return f"##reference={reference}" if is_of_another else None


def _contig_of_another(contig: str, told: Mapping[str, str], assembly: Assembly) -> str | None:
    """Why a contig line is of another assembly: by its accession, its `assembly` or its `length`."""
    try:
        canonical = contig_in(contig, assembly)
    except Faulty as error:
        return str(error) if error.fault is Fault.ASSEMBLY else None
    length, name = told.get("length", ""), told.get("assembly", "")
    named = _reference_of_another(name, assembly) is not None
    if named or (canonical != "MT" and _is_length_of_another(canonical, length, assembly)):
        return f"contig {contig} has length {length or '?'} and assembly {name or '?'} in the header"
    return None


def _is_length_of_another(contig: str, length: str, assembly: Assembly) -> bool:
    """True for the length that another assembly has, and for one longer than ours.

    A shorter one says nothing: plink writes the last position that it has. Nor does one that no contig has.
    """
    if not length.isdigit() or int(length) > MAX_POSITION:
        return False
    own = contig_length(contig, assembly)
    others = {contig_length(contig, other) for other in Assembly} - {own}
    return int(length) > own or int(length) in others


def are_genotyped(files: Iterable[VariantFile]) -> bool:
    """Whether the files hold genotypes. Raises Invalid if only some of them do."""
    kinds = {bool(file.samples) for file in files}
    if len(kinds) > 1:
        raise Invalid("[variants] files: some hold genotypes, some do not; load them as two datasets")
    return kinds == {True}


def sample_names(files: Sequence[VariantFile], findings: Findings) -> tuple[str, ...]:
    """Samples in the order of the first file; a file with others is noted."""
    first = files[0].samples
    for file in files[1:]:
        if set(file.samples) != set(first):
            odd = sorted(set(file.samples) ^ set(first))
            message = f"its samples differ from those of {files[0].name}: {', '.join(odd[:5])}"
            findings.add(Finding(file.name, file.column_line, Fault.SAMPLES, message))
    return first


def counted_populations(
    files: Sequence[VariantFile], sizes: dict[str, int], findings: Findings
) -> tuple[tuple[str, ...], list[VariantFile]]:
    """Populations that sites-only files and tables count, and the files that do; what is wrong with others is noted."""
    expected: tuple[str, ...] = ()
    counted: list[VariantFile] = []
    for file in files:
        try:
            found = _populations(file, sizes, findings)
            if counted and found != expected:
                raise Malformed(f"counts {', '.join(found)}; {counted[0].name} counts {', '.join(expected)}")
        except Malformed as error:
            findings.add(Finding(file.name, 0, Fault.HEADER, str(error)))
            continue
        expected = found
        counted.append(file)
    return expected, counted


def _populations(file: VariantFile, sizes: dict[str, int], findings: Findings) -> tuple[str, ...]:
    if file.opened is None:
        return table_populations(file.path)
    layout: CountLayout = count_layout(file.opened.header.info, sizes)
    for population in layout.left_out:
        message = f"{population}: AF without AN; give [variants] population_sizes to count it"
        findings.add(Finding(file.name, 0, Fault.NOT_COUNTABLE, message))
    if not layout.populations:
        raise Malformed("INFO defines no countable population: AC with AN, or AF with AN or population_sizes")
    return layout.populations


def read_tasks(files: Sequence[VariantFile], context: LoadContext) -> list[ReadTask]:
    """Tasks in the order of the files and of the places in them."""
    tasks: list[ReadTask] = []
    wanted = set(context.samples.names) if context.samples else set()
    for file in files:
        if not wanted <= set(file.samples):
            continue  # a finding of `sample_names`
        columns = _columns(file, context)
        for span, size in _sized(file.path, cuts(file)):
            tasks.append(ReadTask(len(tasks), file.path, file.name, file.kind, span, size, context, columns))
    return tasks


def _columns(file: VariantFile, context: LoadContext) -> tuple[int, ...] | None:
    """Where in the file each counted sample stands, None if that is its own place."""
    if context.samples is None or file.samples == context.samples.names:
        return None
    places = {name: place for place, name in enumerate(file.samples)}
    return tuple(places[name] for name in context.samples.names)


def cuts(file: VariantFile) -> list[Span]:
    """Spans that cover the file, each about `SPAN_BYTES` long where the file can be cut."""
    if file.kind is FileKind.BCF:
        starts = list(_bcf_starts(file))
    elif file.kind in {FileKind.BGZF, FileKind.TEXT}:
        starts = list(_text_starts(file))
    else:
        starts = []
    first = file.opened.records_at if file.kind is FileKind.BCF and file.opened else START
    begins = [first, *starts]
    return [Span(begin, end) for begin, end in zip(begins, [*starts, None], strict=True)]


def _text_starts(file: VariantFile) -> Iterator[VirtualOffset]:
    """Places behind the header, one in every `SPAN_BYTES`: any byte of plain text, the next block of BGZF."""
    size = file.path.stat().st_size
    place: int | None = (file.opened.records_at.block if file.opened else 0) + SPAN_BYTES
    while place is not None and place < size:
        if file.kind is FileKind.BGZF:
            place = block_after(file.path, place)
        if place is not None:
            yield VirtualOffset(place)
            place += SPAN_BYTES


def _bcf_starts(file: VariantFile) -> Iterator[VirtualOffset]:
    """Record starts that the index tells, at least `SPAN_BYTES` apart; none without an index."""
    index = next((found for end in (".csi", ".tbi") if (found := Path(f"{file.path}{end}")).is_file()), None)
    if index is None or file.opened is None:
        return
    try:
        starts = record_starts(gzip.decompress(index.read_bytes()))
    except (OSError, EOFError, zlib.error, Malformed) as error:
        raise Invalid(f"{index.name}: {error}; remove the index or make it again") from error
    last = file.opened.records_at
    for start in starts:
        if start.block - last.block >= SPAN_BYTES and start > last:
            yield start
            last = start


def _sized(path: Path, spans: list[Span]) -> Iterator[tuple[Span, int]]:
    size = path.stat().st_size
    for span in spans:
        yield span, (span.end.block if span.end else size) - span.begin.block
