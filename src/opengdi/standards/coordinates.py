"""Assemblies, contigs and intervals. Inside OpenGDI every interval is 0-based and half-open.

Foreign conventions are converted here, once, by a named constructor. Contigs are named `1` to `22`, `X`, `Y`
and `MT`; other sequences of an assembly are not served and are reported where they are met.

Spec: GRCh37 and GRCh38 (Genome Reference Consortium), RefSeq accessions of their primary assemblies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final, Self

from opengdi.standards.faults import Malformed


class Assembly(IntEnum):
    """A reference genome; the value is its code in stored keys and must never change."""

    GRCh37 = 1
    GRCh38 = 2

    @classmethod
    def parse(cls, name: str) -> Assembly:
        """Assembly by any of its usual names: `GRCh38`, `GRCh38.p13`, `hg38`, `b37`, `hs37d5`, `GCF_000001405.26`.

        Raises Malformed for an unknown name.
        """
        folded = name.strip().lower()
        found = _ASSEMBLY_NAMES.get(folded) or _ASSEMBLY_NAMES.get(folded.split(".p", 1)[0])
        if found is None and (refseq := _ASSEMBLY_ACCESSION.match(folded)):
            found = Assembly.GRCh37 if int(refseq[1]) < _FIRST_GRCH38 else Assembly.GRCh38
        if found is None:
            raise Malformed(f"unknown assembly {name!r}; GRCh37 and GRCh38 are known")
        return found


_ASSEMBLY_NAMES: Final = {
    "grch37": Assembly.GRCh37, "hg19": Assembly.GRCh37, "b37": Assembly.GRCh37, "hs37d5": Assembly.GRCh37,
    "hs37": Assembly.GRCh37, "g1k_v37": Assembly.GRCh37,
    "grch38": Assembly.GRCh38, "hg38": Assembly.GRCh38, "b38": Assembly.GRCh38, "hs38": Assembly.GRCh38,
    "hs38dh": Assembly.GRCh38,
}  # fmt: skip

_ASSEMBLY_ACCESSION: Final = re.compile(r"gcf_000001405\.(1[3-9]|2\d|3\d|4[01])\Z")
_FIRST_GRCH38: Final = 26
"""GCF_000001405.13 to .25 are GRCh37 and its patches, .26 to .41 GRCh38 and its patches."""

CONTIGS: Final = (*(str(number) for number in range(1, 23)), "X", "Y", "MT")
CONTIG_CODES: Final = {name: code for code, name in enumerate(CONTIGS, start=1)}
"""Code of a contig in stored keys, 1 to 25; must never change."""

# RefSeq accession versions of the primary assembly, contigs 1..22, X, Y; MT is NC_012920.1 in both.
_ACCESSION_VERSIONS: Final = {
    Assembly.GRCh37: (10, 11, 11, 11, 9, 11, 13, 10, 11, 10, 9, 11, 10, 8, 9, 9, 10, 9, 9, 10, 8, 10, 10, 9),
    Assembly.GRCh38: (11, 12, 12, 12, 10, 12, 14, 11, 12, 11, 10, 12, 11, 9, 10, 10, 11, 10, 10, 11, 9, 11, 11, 10),
}  # fmt: skip

LENGTHS: Final = {
    Assembly.GRCh37: (
        249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022, 141213431,
        135534747, 135006516, 133851895, 115169878, 107349540, 102531392, 90354753, 81195210, 78077248,
        59128983, 63025520, 48129895, 51304566, 155270560, 59373566, 16569,
    ),
    Assembly.GRCh38: (
        248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636, 138394717,
        133797422, 135086622, 133275309, 114364328, 107043718, 101991189, 90338345, 83257441, 80373285,
        58617616, 64444167, 46709983, 50818468, 156040895, 57227415, 16569,
    ),
}  # fmt: skip
"""Length in bases of each contig, in the order of `CONTIGS`."""

PAR_X: Final = {
    Assembly.GRCh37: ((60000, 2699520), (154931043, 155260560)),
    Assembly.GRCh38: ((10000, 2781479), (155701382, 156030895)),
}
PAR_Y: Final = {
    Assembly.GRCh37: ((10000, 2649520), (59034049, 59363566)),
    Assembly.GRCh38: ((10000, 2781479), (56887902, 57217415)),
}
"""Pseudo-autosomal regions, 0-based half-open."""


@dataclass(frozen=True, slots=True)
class Interval:
    """`[start, end)` on a contig, 0-based, in bases."""

    contig: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise Malformed(f"interval [{self.start}, {self.end}) is negative or runs backwards")

    @classmethod
    def from_vcf(cls, contig: str, pos: int, ref: str) -> Self:
        """VCF `POS` is 1-based and names the first base of `REF`."""
        return cls(contig, pos - 1, pos - 1 + len(ref))

    @property
    def length(self) -> int:
        return self.end - self.start

    def overlaps(self, other: Interval) -> bool:
        """True if the two share a base; an empty interval overlaps where it lies strictly inside."""
        return self.contig == other.contig and self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class NamedContig:
    """A contig as somebody named it; an accession also tells the assembly, a plain name does not."""

    contig: str
    assembly: Assembly | None


_ACCESSION = re.compile(r"(?:refseq:)?NC_0*(\d+)\.(\d+)\Z", re.IGNORECASE)
_CHR = re.compile(r"(?:chr)?(.+)\Z", re.IGNORECASE)
_LONGEST_NAME: Final = 64


def parse_contig(name: str) -> NamedContig:
    """Contig by `3`, `chr3`, `NC_000003.12` or `refseq:NC_000003.12`; `M` and `chrM` are MT, 23 to 25 are X, Y, MT.

    Raises Malformed for a sequence that is not one of `CONTIGS` in a known assembly.
    """
    if len(name) > _LONGEST_NAME:  # names are remembered
        raise Malformed(f"unknown contig {name[:_LONGEST_NAME]!r}…")
    return _named(name)


@lru_cache(maxsize=4096)
def _named(name: str) -> NamedContig:
    text = name.strip()
    if accession := _ACCESSION.match(text):
        return _by_accession(text, int(accession[1]), int(accession[2]))
    plain = _CHR.match(text)
    bare = plain[1].upper() if plain else ""
    bare = {"M": "MT", "23": "X", "24": "Y", "25": "MT"}.get(bare, bare)
    if bare not in CONTIG_CODES:
        raise Malformed(f"unknown contig {name!r}; expected 1-22, X, Y, MT, a chr form or an NC_ accession")
    return NamedContig(bare, None)


def _by_accession(text: str, number: int, version: int) -> NamedContig:
    if (number, version) == (12920, 1):
        return NamedContig("MT", None)  # the same sequence in both assemblies
    if 1 <= number <= 24:
        for assembly, versions in _ACCESSION_VERSIONS.items():
            if versions[number - 1] == version:
                return NamedContig(CONTIGS[number - 1], assembly)
    raise Malformed(f"unknown accession {text!r}; it is in neither GRCh37 nor GRCh38")


_OTHER_SEQUENCE = re.compile(
    r"""
    (?:chr)?(?:\d{1,2}|X|Y|M|MT|Un)_\w+?_?(?:random|alt|fix|decoy|hap\d+)  # UCSC: unlocalised, alternate, patch
    | (?:chr)?Un_\w+                                                       # UCSC: unplaced, decoys
    | (?:chr)?[A-Z]{2}\d{6}(?:v\d|\.\d+)?(?:_\w+)?                       # GenBank: GL000192.1, KI270742, KN707606.1
    | N[TWZ]_\d{6,}(?:\.\d+)?                                              # RefSeq: contigs and scaffolds
    | (?!NC_0+(?:1?\d|2[0-4])(?:\.|$)|NC_0*12920(?:\.|$))NC_\d{6,}(?:\.\d+)?  # RefSeq: other molecules
    | HLA-?[\w*:.-]+ | hs37d5 | hs38d1 | (?:chr)?(?:EBV|phiX(?:174)?)
    | (?:CHR_)?H(?:G|S)\w*(?:_PATCH|_CTG[\d_]+|_\d+)                       # Ensembl: patches and alternate loci
    | HSCHR(?:\d{1,2}|X|Y|UN)_\w+                                         # GRCh37: alternate loci by name
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)


def is_other_sequence(name: str) -> bool:
    """True for a name of a sequence that assemblies and their decoys have beside the contigs served here.

    Unplaced and unlocalised scaffolds, alternate loci, patches, HLA alleles, decoys, EBV. False for a name that is
    none of those: it may be a contig, misspelt.
    """
    return _OTHER_SEQUENCE.fullmatch(name.strip()) is not None


def accession(contig: str, assembly: Assembly) -> str:
    """RefSeq accession with version, e.g. `NC_000003.12`."""
    code = CONTIG_CODES[contig]
    if code == CONTIG_CODES["MT"]:
        return "NC_012920.1"
    return f"NC_{code:06d}.{_ACCESSION_VERSIONS[assembly][code - 1]}"


def contig_length(contig: str, assembly: Assembly) -> int:
    """Length in bases."""
    return LENGTHS[assembly][CONTIG_CODES[contig] - 1]


def is_pseudo_autosomal(contig: str, start: int, assembly: Assembly) -> bool:
    """True if base `start` (0-based) lies in a pseudo-autosomal region of X or Y."""
    regions = {"X": PAR_X, "Y": PAR_Y}.get(contig)
    return regions is not None and any(first <= start < last for first, last in regions[assembly])
