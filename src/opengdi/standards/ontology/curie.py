"""Compact identifiers of terms, in one spelling."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_CURIE: Final = re.compile(r"([A-Za-z][\w.-]+)[:_](\S+)\Z", re.ASCII)
_PREFIXES: Final = {
    "SNOMED": "SNOMEDCT", "SCTID": "SNOMEDCT", "SCT": "SNOMEDCT", "MIM": "OMIM", "ORPHANET": "ORPHA",
    "ICD-10": "ICD10", "ICD-10-CM": "ICD10CM", "NCI": "NCIT",
}  # fmt: skip
_DOTLESS_ICD10: Final = re.compile(r"([A-Z]\d\d)(\d\w{0,3})\Z", re.ASCII)


@lru_cache(maxsize=65536)
def canonical(text: str) -> str:
    """A CURIE in the spelling used for comparison; text that is no CURIE comes back as it is.

    `PATO_0000011`, `pato:0000011` and `PATO:0000011` are one term; so are `SNOMED:` and `SNOMEDCT:`, and
    `ICD10:F3181` and `ICD10:F31.81`.
    """
    found = _CURIE.match(text)
    if found is None:
        return text
    prefix = found[1].upper()
    prefix = _PREFIXES.get(prefix, prefix)
    if not prefix.startswith("ICD10"):
        return f"{prefix}:{found[2]}"
    local = found[2].upper()
    if dotless := _DOTLESS_ICD10.match(local):
        local = f"{dotless[1]}.{dotless[2]}"
    return f"{prefix}:{local}"
