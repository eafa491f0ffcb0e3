"""Names of variant types and what each of them covers: VCF words, Sequence Ontology and EFO terms.

A stored site has exactly one *class*, a word of `CLASSES`. A question may use any name; `expand` turns it into the
classes below it, so that asking for a copy number loss finds a complete deletion, and never the other way round.

Spec: Beacon v2.2.0, variant queries, "Structural variants"; VCF 4.4 §1.4.5; EFO and SO by their ids.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from opengdi.standards.faults import Malformed

CLASSES: Final = frozenset(
    {
        "SNP", "MNP", "INS", "DEL", "DELINS", "DUP", "INV", "CNV", "BND", "OTHER",
        "EFO:0030064", "EFO:0030068", "EFO:0020073", "EFO:0030069", "EFO:0030071", "EFO:0030072", "EFO:0030073",
    }
)  # fmt: skip
"""Classes of stored sites. The EFO ids are for sites whose source states the level of a copy number change (`<CN0>`):
0030064 regional base ploidy, 0030068 low-level loss, 0020073 high-level loss, 0030069 complete deletion,
0030071 low-level gain, 0030072 high-level gain, 0030073 focal amplification. OTHER: `*` and unknown symbols."""

_LOSS: Final = "EFO:0030067"
_GAIN: Final = "EFO:0030070"
_VARIATION: Final = "EFO:0030066"

_CHILDREN: Final[dict[str, tuple[str, ...]]] = {
    # EFO, copy number assessment
    "EFO:0030063": ("EFO:0030064", _VARIATION),
    _VARIATION: ("CNV", _LOSS, _GAIN),
    _LOSS: ("DEL", "EFO:0030068", "EFO:0020073"),
    "EFO:0020073": ("EFO:0030069",),
    _GAIN: ("DUP", "EFO:0030071", "EFO:0030072"),
    "EFO:0030072": ("EFO:0030073",),
    # Sequence Ontology
    "SO:0001059": (
        "SO:0001483",
        "SO:0002007",
        "SO:0000667",
        "SO:0000159",
        "SO:1000032",
        "SO:0001537",
        "OTHER",
    ),
    "SO:0001537": ("SO:0001019", "SO:0000667", "SO:0000159", "SO:1000036", "SO:0000199"),
    "SO:0001019": (_VARIATION,),
    "SO:0001742": (_GAIN,),
    "SO:0001743": (_LOSS,),
    "SO:1000035": (_GAIN,),
    "SO:0000667": ("INS", "SO:1000035"),  # in SO a duplication is an insertion
    "SO:0000159": (_LOSS,),
    "SO:1000032": ("DELINS",),
    "SO:1000036": ("INV",),
    "SO:0000199": ("BND",),
    "SO:0001483": ("SNP",),
    "SO:0000694": ("SNP",),
    "SO:0002007": ("MNP",),
    # words without a class of their own
    "INDEL": ("INS", "DEL", "DELINS"),
}

_SYNONYMS: Final = {  # CNV, the VCF word, is the symbol of any number of copies, the usual one too
    "SNV": "SNP", "MNV": "MNP", "SUB": "SNP", "DUP:TANDEM": "SO:1000035", "TANDEM": "SO:1000035",
    "INSERTION": "INS", "DELETION": "SO:0000159", "DUPLICATION": "SO:1000035", "INVERSION": "INV",
    "DEL": "SO:0000159", "DUP": "SO:1000035", "CNV": "EFO:0030063", "SV": "SO:0001537", "TRA": "BND",
    "BREAKEND": "BND",
}  # fmt: skip

_LABELS: Final = {
    "EFO:0030064": "CNV", "EFO:0030068": "DEL", "EFO:0020073": "DEL", "EFO:0030069": "DEL",
    "EFO:0030071": "DUP", "EFO:0030072": "DUP", "EFO:0030073": "DUP",
}  # fmt: skip


@lru_cache(maxsize=256)
def expand(name: str) -> tuple[str, ...]:
    """Every class that `name` covers, itself included, each once and in order; case does not matter.

    Raises Malformed for a name of no known type.
    """
    folded = name.strip().upper()
    node = _SYNONYMS.get(folded, folded)
    if node not in _CHILDREN and node not in CLASSES:
        raise Malformed(
            f"variantType {name!r} is unknown; expected SNP, MNP, INDEL, INS, DEL, DELINS, DUP, INV, CNV, BND"
            " or an SO or EFO term for one of them"
        )
    return tuple(sorted(_classes_below(node)))


def _classes_below(node: str) -> set[str]:
    found = {node} & CLASSES
    for child in _CHILDREN.get(node, ()):
        found |= _classes_below(child)
    return found


def vcf_word(variant_class: str) -> str:
    """The VCF word under which a stored class is shown in a record (`DEL` for a complete deletion)."""
    return _LABELS.get(variant_class, variant_class)
