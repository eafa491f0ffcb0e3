"""Which file is the index of which, by the names that providers give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.archive.companions.names import data_paths, index_kind, index_paths


@pytest.mark.parametrize(
    "index, data",
    [
        ("a/s.bam.bai.c4gh", "a/s.bam.c4gh"),
        ("a/s.bai", "a/s.bam.c4gh"),
        ("a/s.bai.c4gh", "a/s.bam"),
        ("s.bam.csi.c4gh", "s.bam.c4gh"),
        ("s.csi.c4gh", "s.bcf.c4gh"),
        ("s.vcf.gz.tbi.c4gh", "s.vcf.gz.c4gh"),
        ("s.tbi.c4gh", "s.vcf.gz.c4gh"),
        ("s.cram.crai", "s.cram"),
        ("s.crai.c4gh", "s.cram.c4gh"),
        ("s.fa.gz.gzi.c4gh", "s.fa.gz.c4gh"),
    ],
)
def test_an_index_is_found_by_either_name_that_tools_look_for(index: str, data: str) -> None:
    assert data in data_paths(index)
    assert index in index_paths(data)


def test_what_is_named_otherwise_is_no_index() -> None:
    for path in ("s.bam.c4gh", ".bai", "s.bai.gz", "bai", "s.tbi/x"):
        assert (index_kind(path), data_paths(path)) == ("", ())
    assert "s.vcf.gz.c4gh" not in data_paths("s.bai.c4gh")


def test_data_of_the_whole_name_come_before_those_of_its_beginning() -> None:
    assert data_paths("s.csi")[:4] == ("s.c4gh", "s", "s.bam.c4gh", "s.bam")


NAMES = st.text("ab.", min_size=1, max_size=5)
ENDINGS = st.sampled_from(["", ".bam", ".vcf.gz", ".bcf", ".cram", ".gz"])
INDEXES = st.sampled_from([".bai", ".csi", ".tbi", ".crai", ".gzi"])


@given(NAMES, ENDINGS, INDEXES, st.booleans(), st.booleans())
def test_both_ways_of_looking_find_the_same(
    name: str, ending: str, index: str, one: bool, other: bool
) -> None:
    data, found = name + ending + ".c4gh" * one, name + index + ".c4gh" * other
    assert (data in data_paths(found)) == (found in index_paths(data))
