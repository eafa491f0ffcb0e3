"""A name of a variant type covers what lies below it, and nothing else."""

from __future__ import annotations

import pytest

from opengdi.standards.beacon.variant_types import CLASSES, expand, vcf_word
from opengdi.standards.faults import Malformed

LOSSES = {"DEL", "EFO:0030068", "EFO:0020073", "EFO:0030069"}
GAINS = {"DUP", "EFO:0030071", "EFO:0030072", "EFO:0030073"}


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("SNP", {"SNP"}),
        ("snv", {"SNP"}),
        ("SO:0001483", {"SNP"}),
        ("INDEL", {"INS", "DEL", "DELINS"}),
        ("INS", {"INS"}),
        ("SO:0000667", {"INS"} | GAINS),
        ("DEL", LOSSES),
        ("EFO:0030067", LOSSES),
        ("SO:0001743", LOSSES),
        ("EFO:0020073", {"EFO:0020073", "EFO:0030069"}),
        ("EFO:0030069", {"EFO:0030069"}),
        ("DUP", GAINS),
        ("EFO:0030070", GAINS),
        ("SO:0001742", GAINS),
        ("EFO:0030072", {"EFO:0030072", "EFO:0030073"}),
        ("CNV", {"CNV", "EFO:0030064"} | GAINS | LOSSES),
        ("SO:0001019", {"CNV"} | GAINS | LOSSES),
        ("EFO:0030064", {"EFO:0030064"}),
        ("BND", {"BND"}),
    ],
)
def test_the_hierarchy_is_followed_downwards(name: str, covered: set[str]) -> None:
    assert expand(name) == tuple(sorted(covered))


def test_everything_is_a_sequence_alteration_but_a_ploidy() -> None:
    assert set(expand("SO:0001059")) == CLASSES - {"EFO:0030064"}


def test_an_unknown_type_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(Malformed, match="'FUSION' is unknown; expected SNP"):
        expand("FUSION")


def test_levels_of_copy_number_are_shown_by_their_vcf_word() -> None:
    assert [vcf_word(name) for name in ("EFO:0030069", "EFO:0030072", "EFO:0030064", "SNP")] == [
        "DEL",
        "DUP",
        "CNV",
        "SNP",
    ]
