"""Records to alleles: split, trimmed, moved to the left and checked against the reference where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from opengdi.discovery.loading.model import Fault
from opengdi.kernel.errors import Invalid
from opengdi.standards.coordinates import parse_contig
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.alleles import (
    NO_ALTERNATE,
    Allele,
    is_symbolic,
    sequence_allele,
    shift_left,
    symbolic_allele,
    trim,
)
from opengdi.standards.vcf.records import per_allele

_BASES: Final = frozenset("ACGT")
_WINDOW_BASES: Final = 1 << 16


class Faulty(Malformed):
    """A record is wrong in a way that has a name of its own."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class Fasta:
    """Bases of a reference by its `.fai` index, one window of a contig in memory.

    Spec: samtools faidx, columns NAME LENGTH OFFSET LINEBASES LINEWIDTH.
    """

    def __init__(self, path: Path) -> None:
        """Raises Invalid if the file or its index is missing or not of that form."""
        index = path.with_name(path.name + ".fai")
        try:
            rows = [line.split("\t") for line in index.read_text().splitlines()]
            self._places = {row[0]: tuple(map(int, row[1:5])) for row in rows}
            path.open("rb").close()
        except (OSError, ValueError) as error:
            raise Invalid(
                f"{path.name}: needs the FASTA and its index {index.name} (samtools faidx): {error}"
            ) from error
        self._path = path
        self._names = {contig: name for name in self._places if (contig := _contig(name))}
        self._window = ("", 0, "")

    def bases(self, contig: str, start: int, end: int) -> str:
        """Upper-case bases of `[start, end)`, fewer at the end of the contig. Raises Malformed for another contig."""
        name, first, text = self._window
        if name != contig or start < first or end > first + len(text):
            first = max(0, start - _WINDOW_BASES // 2)
            text = self._read(contig, first, max(end, first + _WINDOW_BASES))
            self._window = (contig, first, text)
        return text[start - first : end - first]

    def base_before(self, contig: str, position: int) -> str:
        return self.bases(contig, position, position + 1)

    def _read(self, contig: str, start: int, end: int) -> str:
        if contig not in self._names:
            raise Malformed(f"contig {contig} is not in the reference")
        length, offset, line_bases, line_width = self._places[self._names[contig]]
        end = min(end, length)
        first = offset + start // line_bases * line_width + start % line_bases
        last = offset + end // line_bases * line_width + end % line_bases
        with self._path.open("rb") as file:
            file.seek(first)
            text = file.read(max(0, last - first)).translate(None, b"\r\n")
        return text.decode("ascii", "replace").upper()


def _contig(name: str) -> str | None:
    try:
        return parse_contig(name).contig
    except Malformed:
        return None


class Normaliser:
    """Turns records into stored alleles."""

    def __init__(self, reference: Fasta | None = None) -> None:
        self._reference = reference

    def alleles(
        self, contig: str, start: int, ref: str, alts: tuple[str, ...], info: Mapping[str, str]
    ) -> list[Allele | None]:
        """One per ALT, None where ALT names no observed allele. Raises Malformed, Faulty(REFERENCE)."""
        if self._reference is not None:
            self._check(contig, start, ref)
        if len(alts) == 1 and len(ref) == 1 and alts[0] in _BASES and alts[0] != ref:
            return [Allele(start, start + 1, ref, alts[0], "SNP", 1)]
        lengths = per_allele(info, "SVLEN", len(alts)) if "SVLEN" in info else [None] * len(alts)
        return [
            None if alt in NO_ALTERNATE else self._allele(contig, start, ref, alt, info, length)
            for alt, length in zip(alts, lengths, strict=True)
        ]

    def _allele(
        self, contig: str, start: int, ref: str, alt: str, info: Mapping[str, str], length: str | None
    ) -> Allele:
        if is_symbolic(alt):
            end, size = _integer(info.get("END"), "END"), _integer(length, "SVLEN")
            return symbolic_allele(start, ref, alt, end=end, length=size)
        if ref == alt:
            raise Malformed(f"ALT {alt} equals REF")
        if self._reference is None:
            return sequence_allele(start, ref, alt)
        reference = self._reference
        return sequence_allele(
            *shift_left(*trim(start, ref, alt), lambda at: reference.base_before(contig, at))
        )

    def _check(self, contig: str, start: int, ref: str) -> None:
        assert self._reference is not None
        expected = self._reference.bases(contig, start, start + len(ref))
        if len(expected) != len(ref) or any(
            a != b and "N" not in {a, b} for a, b in zip(expected, ref, strict=True)
        ):
            shown = expected if len(expected) <= 20 else f"{expected[:20]}…"
            raise Faulty(Fault.REFERENCE, f"REF {ref[:20]} but the reference has {shown or 'no bases'} there")


def _integer(text: str | None, key: str) -> int | None:
    if text in {None, "", "."}:
        return None
    try:
        return int(str(text))
    except ValueError as error:
        raise Malformed(f"{key} {text!r} is not an integer") from error
