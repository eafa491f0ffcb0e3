"""Identifiers that cross a border: datasets and countries.

Spec: GDI metadata v1.1, `Dataset.ttl`, pattern of `dct:identifier`.
"""

from __future__ import annotations

import re
from typing import NewType

from opengdi.kernel.errors import Invalid

DatasetId = NewType("DatasetId", str)

DEFAULT_DATASET_ID_PATTERN = r"^(GOE|GDI)-[A-Z]{2}-[A-Z]+-[0-9]+$"
"""Published pattern; a node may configure another (several conflicting ones are in use)."""

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


def dataset_id(text: str, pattern: str = DEFAULT_DATASET_ID_PATTERN) -> DatasetId:
    """`text` as a dataset id. Raises Invalid if it breaks the pattern or would not be safe as a file name."""
    if not re.match(pattern, text):
        raise Invalid(f"dataset id {text!r} does not match {pattern}")
    if not _SAFE.match(text):
        raise Invalid(f"dataset id {text!r} must be letters, digits, '.', '_' or '-', 128 at most")
    return DatasetId(text)


def country_code(text: str) -> str:
    """Two-letter upper-case country code (ISO 3166-1 alpha-2 by shape). Raises Invalid."""
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise Invalid(f"country {text!r} must be a two-letter code such as 'EE'")
    return text
