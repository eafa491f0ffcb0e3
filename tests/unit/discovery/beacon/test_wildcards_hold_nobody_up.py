"""Long runs of the wildcard N are refused, or answered beside the event loop in time that grows with their length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest
from tests.node_beacons import AGGREGATED, PORTAL_ROW, HeldRows, NodeBeacons, manifest, node_beacons

from opengdi.discovery.beacon.rules import INLINE_SPAN_BASES, is_quick
from opengdi.discovery.variants.conditions import AlleleForm
from opengdi.discovery.variants.rows import Allele
from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion

PLACE = {"referenceName": "3", "start": 45864731, "assemblyId": "GRCh37"}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeBeacons]:
    with node_beacons(tmp_path, [HeldRows(manifest(), [PORTAL_ROW])]) as beacons:
        yield beacons


@pytest.mark.parametrize(
    "asked",
    [
        {**PLACE, "referenceBases": "N" * 400_000, "alternateBases": "N" * 400_000},
        {**PLACE, "end": 45864790, "referenceBases": "N" * 9_999 + "A", "alternateBases": "N" * 9_999 + "C"},
        {"genomicAlleleShortForm": f"NC_000003.11:g.45864732_45874731del{'N' * 10_000}ins{'N' * 10_000}"},
    ],
    ids=["sequence", "range", "short form"],
)
async def test_a_long_run_of_wildcards_is_refused_by_name(node: NodeBeacons, asked: dict[str, object]):
    started = perf_counter()
    answer = await node.post(f"{AGGREGATED}/g_variants", {"query": {"requestParameters": asked}})
    assert answer.status_code == 400, answer.text
    assert "wildcard N" in answer.json()["error"]["errorMessage"]
    assert perf_counter() - started < 5


async def test_long_bases_without_a_wildcard_are_answered(node: NodeBeacons):
    asked = {**PLACE, "referenceBases": "T", "alternateBases": "T" + "ACGT" * 500}
    answer = await node.post(f"{AGGREGATED}/g_variants", {"query": {"requestParameters": asked}})
    assert answer.status_code == 200, answer.text


def test_a_question_with_many_wildcards_is_none_for_the_event_loop():
    long, short = "N" * (INLINE_SPAN_BASES + 1), "NN"
    for kind, end in ((QuestionKind.SEQUENCE, ()), (QuestionKind.RANGE, (10,))):
        for bases, quick in ((long, False), (short, True), ("A" * 500, True)):
            question = VariantQuestion(
                kind, contig="3", start=(1,), end=end, reference_bases=bases, alternate_bases=bases
            )
            assert is_quick(question) is quick, (kind, bases)


def test_the_places_of_an_allele_among_wildcards_are_found_in_time_that_grows_with_their_number():
    form, allele = AlleleForm("N" * 20_000 + "A", "N" * 20_000 + "C"), Allele("G", "T", "SNP", 1, 1)
    started = perf_counter()
    assert not form.fits(allele)
    assert perf_counter() - started < 5
