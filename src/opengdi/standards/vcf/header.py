"""The header of a VCF or BCF: contigs, INFO and FORMAT definitions, samples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from opengdi.standards.faults import Malformed

FIXED_COLUMNS: Final = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_STRUCTURED = re.compile(r"##(\w+)=<(.*)>\s*\Z", re.DOTALL)
_FIELD = re.compile(r'([^=,]+)=("(?:[^"\\]|\\.)*"|[^,]*)(?:,|\Z)')


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """One INFO or FORMAT line. number: `1`, `A`, `R`, `G`, `.`; kind: Integer, Float, Flag, Character, String."""

    number: str
    kind: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class VcfHeader:
    """What a header says.

    contigs: name to its attributes (`length`, `assembly`, ...) in file order. strings, contig_names: the two
    dictionaries of BCF2 (§6.2.1), by number. lines: how many lines the header has, the column line included.
    columns: how many every record must have.
    """

    version: str
    samples: tuple[str, ...]
    contigs: Mapping[str, Mapping[str, str]]
    info: Mapping[str, FieldDefinition]
    formats: Mapping[str, FieldDefinition]
    reference: str
    lines: int
    columns: int
    strings: Mapping[int, str] = field(default_factory=dict)
    contig_names: Mapping[int, str] = field(default_factory=dict)


def parse_header(lines: Iterable[str]) -> VcfHeader:
    """Header of the given lines, up to and including the `#CHROM` line; what follows is not consumed.

    Raises Malformed if the version line or the column line is missing or wrong.
    """
    found = _HeaderReader()
    for line in lines:
        if found.take(line.rstrip("\r\n")):
            return found.result()
    raise Malformed("the header has no #CHROM line")


class _HeaderReader:
    def __init__(self) -> None:
        self._count = 0
        self._version = ""
        self._reference = ""
        self._contigs: dict[str, dict[str, str]] = {}
        self._definitions: dict[str, dict[str, FieldDefinition]] = {"INFO": {}, "FORMAT": {}}
        self._strings = _Dictionary()
        self._strings.add("PASS", None)
        self._contig_names = _Dictionary()
        self._samples: tuple[str, ...] = ()
        self._columns = 0

    def take(self, line: str) -> bool:
        """Read one line; True when it was the column line."""
        self._count += 1
        if self._count == 1:
            self._take_version(line)
        elif line.startswith("#CHROM"):
            self._samples, self._columns = _samples_of(line), line.count("\t") + 1
            return True
        elif not line.startswith("##"):
            raise Malformed(f"header line {self._count} begins with neither '##' nor '#CHROM'")
        elif line.startswith("##reference="):
            self._reference = line.partition("=")[2]
        elif structured := _STRUCTURED.match(line):
            self._take_structured(structured[1], _attributes(structured[2]))
        return False

    def _take_version(self, line: str) -> None:
        if line.startswith("\ufeff"):
            raise Malformed("the first line begins with a byte order mark; take it away")
        if not line.startswith("##fileformat=VCFv4"):
            raise Malformed("the first line must be ##fileformat=VCFv4.x")
        self._version = line.removeprefix("##fileformat=VCFv")

    def _take_structured(self, kind: str, attributes: dict[str, str]) -> None:
        name = attributes.get("ID")
        if name is None:
            return
        index = attributes.get("IDX")
        if kind == "contig":
            self._contigs[name] = attributes
            self._contig_names.add(name, index)
        elif kind in {"INFO", "FORMAT", "FILTER"}:
            self._strings.add(name, index)
            if kind != "FILTER":
                self._definitions[kind][name] = FieldDefinition(
                    attributes.get("Number", "."),
                    attributes.get("Type", "String"),
                    attributes.get("Description", ""),
                )

    def result(self) -> VcfHeader:
        return VcfHeader(
            self._version, self._samples, self._contigs, self._definitions["INFO"], self._definitions["FORMAT"],
            self._reference, self._count, self._columns, self._strings.names, self._contig_names.names,
        )  # fmt: skip


class _Dictionary:
    """Names by number: by `IDX` where given, else in order of first appearance."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self._known: set[str] = set()

    def add(self, name: str, index: str | None) -> None:
        if name in self._known:
            return
        self._known.add(name)
        if index is not None and not index.isdigit():
            raise Malformed(f"IDX={index} of {name} is not a number")
        self.names[int(index) if index is not None else len(self.names)] = name


def _attributes(text: str) -> dict[str, str]:
    return {key.strip(): value.strip('"') for key, value in _FIELD.findall(text)}


def _samples_of(line: str) -> tuple[str, ...]:
    columns = line.split("\t")
    if tuple(columns[:8]) != FIXED_COLUMNS:
        raise Malformed(f"the column line must begin with {' '.join(FIXED_COLUMNS)}, separated by tabs")
    if len(columns) == len(FIXED_COLUMNS):
        return ()
    if columns[8] != "FORMAT":
        raise Malformed(f"the ninth column must be FORMAT, not {columns[8]!r}")
    samples = tuple(columns[9:])
    if len(set(samples)) != len(samples):
        twice = next(name for name in samples if samples.count(name) > 1)
        raise Malformed(f"sample {twice!r} has two columns")
    return samples
