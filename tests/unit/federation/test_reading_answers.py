"""What is no answer is refused with the place that is wrong; numbers are never guessed."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.federation.kit import answer, cell, result_set, variant

from opengdi.federation.reading import error_message, read_answer
from opengdi.standards.beacon.questions import Granularity
from opengdi.standards.faults import Malformed

GOOD: Any = answer(result_set(records=[variant(cell("Total", 410, 5008))]), beacon="ee.af")


def test_a_record_answer_is_read_whole() -> None:
    found = read_answer(GOOD, Granularity.RECORD)
    assert (found.beacon_id, found.granularity, found.exists, found.total) == (
        "ee.af",
        Granularity.RECORD,
        True,
        1,
    )
    assert [item.id for item in found.result_sets] == ["GDI-EE-UTARTU-1"]
    assert found.result_sets[0].results[0]["variantInternalId"] == "GRCh37:3:45864732:T:C"


def test_a_boolean_answer_has_no_number() -> None:
    found = read_answer(answer(result_set(count=None), granularity="boolean"), Granularity.BOOLEAN)
    assert found.total is None
    assert found.result_sets[0].count is None


def test_an_old_answer_without_granularity_has_the_one_asked_for() -> None:
    old = {"meta": {"beaconId": "b"}, "responseSummary": {"exists": True}}
    assert read_answer(old, Granularity.COUNT).granularity is Granularity.COUNT


def changed(*path: str | int, value: object) -> object:
    document = copy.deepcopy(GOOD)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return document


SET = ("response", "resultSets", 0)
CELL = (*SET, "results", 0, "frequencyInPopulations", 0, "frequencies", 0)


@pytest.mark.parametrize(
    "document, named",
    [
        (None, "answer"),
        ([], "answer"),
        ({}, "meta"),
        (changed("meta", "beaconId", value=None), "meta.beaconId"),
        (changed("meta", "returnedGranularity", value="aggregated"), "returnedGranularity"),
        (changed("responseSummary", value=None), "responseSummary"),
        (changed("responseSummary", "exists", value="true"), "responseSummary.exists"),
        (changed("responseSummary", "numTotalResults", value=None), "numTotalResults"),
        (changed("responseSummary", "numTotalResults", value="12"), "numTotalResults"),
        (changed("responseSummary", "numTotalResults", value=-1), "numTotalResults"),
        (changed("responseSummary", "numTotalResults", value=True), "numTotalResults"),
        (changed("responseSummary", "numTotalResults", value=1.5), "numTotalResults"),
        (changed("response", "resultSets", value={}), "resultSets"),
        (changed(*SET, "id", value=None), r"resultSets\[0\].id"),
        (changed(*SET, "id", value="  "), r"resultSets\[0\].id"),
        (changed(*SET, "setType", value=3), r"resultSets\[0\].setType"),
        (changed(*SET, "exists", value=1), r"resultSets\[0\].exists"),
        (changed(*SET, "resultsCount", value=None), "resultsCount"),
        (changed(*SET, "results", value=["x"]), "results"),
        (changed(*SET, "info", value={"disclosure": {"kAlleles": "ten"}}), "kAlleles"),
        (changed(*CELL, "population", value=None), "population"),
        (changed(*CELL, "alleleFrequency", value="0.1"), "alleleFrequency"),
        (changed(*CELL, "alleleFrequency", value=1.01), "alleleFrequency"),
        (changed(*CELL, "alleleCount", value=5009), "more than alleleNumber"),
        ({"meta": {}, "error": {"errorCode": 500, "errorMessage": "no database"}}, "no database"),
        (answer(collections=[{"name": "no id"}]), r"collections\[0\].id"),
    ],
)
def test_a_malformed_answer_is_refused_by_the_part_that_is_wrong(document: object, named: str) -> None:
    with pytest.raises(Malformed, match=named):
        read_answer(document, Granularity.RECORD)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["meta", "responseSummary", "response", "resultSets", "exists", "id", "info", "error"]
                ),
                x,
            )
        ),
    )
)
def test_whatever_comes_is_an_answer_or_malformed(document: object) -> None:
    with contextlib.suppress(Malformed):
        read_answer(document, Granularity.COUNT)


@pytest.mark.parametrize(
    "document, said",
    [
        ({"error": {"errorMessage": "too wide"}}, "too wide"),
        ({"detail": "not here", "title": "x"}, "not here"),
        ({}, ""),
        ("text", ""),
        ({"error": {"errorMessage": "x" * 500}}, "x" * 200),
    ],
)
def test_the_sentence_in_an_error_is_found(document: object, said: str) -> None:
    assert error_message(document) == said


def test_an_info_of_another_form_is_not_read_and_refusals_of_another_form_are_no_answer() -> None:
    assert read_answer({**GOOD, "info": ["free"]}, Granularity.RECORD).refusals == {}
    with pytest.raises(Malformed, match=r"info\.refusedDatasets\[0\]\.reason"):
        read_answer({**GOOD, "info": {"refusedDatasets": [{"id": "A"}]}}, Granularity.RECORD)
