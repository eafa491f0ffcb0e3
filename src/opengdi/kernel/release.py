"""A dataset release: an immutable, versioned manifest. Features meet here and nowhere else in code.

Truth lies in the files that the manifest names with their digests; every index is derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.ids import DatasetId


class DatasetType(StrEnum):
    """Who decides about a dataset. Source: GDI system architecture, dataset types; `dct:conformsTo` values."""

    COMPLIANT = "1MGCompliant"
    COHORT = "1MGCohort"
    EXTERNALLY_GOVERNED = "ExternallyGoverned"


class ReleaseState(StrEnum):
    """Life of a release at a node. Only PUBLISHED releases are seen by a query."""

    LOADED = "loaded"
    PUBLISHED = "published"
    HIDDEN = "hidden"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"


class FileRole(StrEnum):
    """What a file of a release holds."""

    SITES = "sites"
    GENOTYPES = "genotypes"
    SAMPLES = "samples"
    SUBJECTS = "subjects"
    TERMS = "terms"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file of a release; `path` is relative to the release, `contig` is set where the file holds one contig."""

    path: str
    role: FileRole
    sha256: str
    size_bytes: int
    contig: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetRelease:
    """The manifest of one version of one dataset.

    populations: labels in the order of every stored count array; `Total` is one of them where known.
    individuals: people behind the frequencies; budgets are tied to it.
    sites: alleles stored; genotyped: whether carriers are known per individual.
    """

    dataset: DatasetId
    version: str
    title: str
    country: str
    dataset_type: DatasetType
    assembly: str
    individuals: int
    populations: tuple[str, ...]
    sites: int
    genotyped: bool
    files: tuple[ReleaseFile, ...]
    policy: DisclosurePolicy
    description: str = ""
    decided_by: str = ""
    synthetic: bool = False
    source: str = ""
    source_reference: str = ""
    created: str = ""
    extra: dict[str, str] = field(default_factory=dict)
