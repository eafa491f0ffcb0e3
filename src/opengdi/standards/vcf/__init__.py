"""VCF and BCF as pure code: header, records, typed values, genotypes, alleles, annotations.

Bytes or text come in, values or `Malformed` go out; who reads the file knows its name and line.
Spec: VCF v4.1 to v4.5, BCF2.2 (hts-specs).
"""

from __future__ import annotations

from typing import Final

SPEC_VERSION: Final = "4.5"
"""Newest VCF version whose records are understood; BCF is version 2.2."""
