"""Records to alleles: split, trimmed, moved to the left and checked against the reference where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengdi.discovery.loading.fasta import Fasta
from opengdi.discovery.loading.model import Fault
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


class Faulty(Malformed):
    """A record is wrong in a way that has a name of its own."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


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
            return symbolic_allele(start, ref, alt, end=end, length=size, stated=info.get("SVTYPE"))
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
