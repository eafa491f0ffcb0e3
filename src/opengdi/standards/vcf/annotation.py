"""Gene and protein change of an allele from the annotation that VEP (CSQ) or SnpEff (ANN) left in INFO.

Spec: Ensembl VEP "VCF output"; "Variant annotations in VCF format" 1.0 (ANN); HGVS nomenclature, protein.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from opengdi.standards.vcf.header import VcfHeader

_ANN_FIELDS: Final = (
    "Allele", "Consequence", "IMPACT", "SYMBOL", "Gene", "Feature_type", "Feature", "BIOTYPE", "Rank", "HGVSc",
    "HGVSp",
)  # fmt: skip
_CSQ_FORMAT = re.compile(r"Format:\s*(\S+)")
_RESIDUES: Final = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G", "His": "H",
    "Ile": "I", "Leu": "L", "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Ser": "S", "Thr": "T", "Trp": "W",
    "Tyr": "Y", "Val": "V", "Sec": "U", "Pyl": "O", "Asx": "B", "Glx": "Z", "Xaa": "X", "Ter": "*",
}  # fmt: skip
_RESIDUE = re.compile("|".join(_RESIDUES))


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is known of one allele: a gene symbol and protein changes such as `V600E`, each once, in file order."""

    gene: str | None
    changes: tuple[str, ...]


NONE: Final = Annotation(None, ())


@dataclass(frozen=True, slots=True)
class AnnotationFormat:
    """Which INFO key holds annotation and what its `|`-separated fields are called."""

    key: str
    fields: tuple[str, ...]


def annotation_format(header: VcfHeader) -> AnnotationFormat | None:
    """How the file is annotated, or None if it is not."""
    if "CSQ" in header.info and (found := _CSQ_FORMAT.search(header.info["CSQ"].description)):
        return AnnotationFormat("CSQ", tuple(found[1].split("|")))
    return AnnotationFormat("ANN", _ANN_FIELDS) if "ANN" in header.info else None


def allele_annotations(
    info: Mapping[str, str], layout: AnnotationFormat, ref: str, alts: tuple[str, ...]
) -> list[Annotation]:
    """One annotation per ALT allele, in order."""
    text = info.get(layout.key, "")
    if not text:
        return [NONE] * len(alts)
    entries = [dict(zip(layout.fields, entry.split("|"), strict=False)) for entry in text.split(",")]
    return [
        _summary([entry for entry in entries if _names(entry, number, alt, ref, alts)])
        for number, alt in enumerate(alts, start=1)
    ]


def one_letter_change(hgvs: str) -> str | None:
    """`V600E` of `ENSP00000288602.6:p.Val600Glu`, `p.(Val600Glu)` or `p.V600E`; None if there is no change."""
    change = unquote(hgvs).rpartition(":")[2]
    if not change.startswith("p."):
        return None
    bare = change[2:].strip("()")
    return _RESIDUE.sub(lambda found: _RESIDUES[found[0]], bare) if bare not in {"", "?", "="} else None


def _names(entry: Mapping[str, str], number: int, alt: str, ref: str, alts: tuple[str, ...]) -> bool:
    """True if an entry speaks of the allele, by ALLELE_NUM where it is there, else by the allele's own spelling."""
    if entry.get("ALLELE_NUM"):
        return entry["ALLELE_NUM"] == str(number)
    if len(alts) == 1:
        return True
    spelt = entry.get("Allele", "")
    shared = {text[:1] for text in (ref, *alts)}
    short = (alt[1:] or "-") if len(shared) == 1 else alt  # VEP drops a first base that all alleles share
    return spelt in {alt, short}


def _summary(entries: list[dict[str, str]]) -> Annotation:
    gene = next((entry["SYMBOL"] for entry in entries if entry.get("SYMBOL")), None)
    changes = (one_letter_change(entry.get("HGVSp", "")) for entry in entries)
    return Annotation(gene, tuple(dict.fromkeys(change for change in changes if change)))
