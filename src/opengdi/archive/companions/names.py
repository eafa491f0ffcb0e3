"""Which file is the index of which, by the names that providers give them, as the field's tools look for them. Pure.

htslib looks for `a.bam.bai` and for `a.bai`; either may be sent as `….c4gh`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_ENCRYPTED: Final = ".c4gh"

DATA_OF: Final[Mapping[str, tuple[str, ...]]] = {
    ".bai": (".bam",),
    ".csi": (".bam", ".vcf.gz", ".bcf", ".vcf.bgz"),
    ".tbi": (".vcf.gz", ".vcf.bgz"),
    ".crai": (".cram",),
    ".gzi": (),
}
"""Ending of an index → endings of data that it may stand in the place of."""


def index_kind(path: str) -> str:
    """`bai`, `csi`, `tbi`, `crai` or `gzi`; empty if a file of this name is no index."""
    ending = _ending(path.removesuffix(_ENCRYPTED))
    return ending[1:]


def data_paths(path: str) -> tuple[str, ...]:
    """What the data of this index may be called, the likeliest first; empty if a file of this name is no index."""
    bare = path.removesuffix(_ENCRYPTED)
    ending = _ending(bare)
    if not ending:
        return ()
    stem = bare.removesuffix(ending)
    return _either_way((stem, *(stem + data for data in DATA_OF[ending])))


def index_paths(path: str) -> tuple[str, ...]:
    """What indexes of this file may be called."""
    bare = path.removesuffix(_ENCRYPTED)
    appended = [bare + ending for ending in DATA_OF]
    replaced = [
        bare.removesuffix(data) + ending
        for ending, all_data in DATA_OF.items()
        for data in all_data
        if bare.endswith(data)
    ]
    return _either_way((*appended, *replaced))


def _ending(bare: str) -> str:
    return next((ending for ending in DATA_OF if bare.endswith(ending) and bare != ending), "")


def _either_way(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name + ending for name in names for ending in (_ENCRYPTED, ""))
