"""Whatever JSON comes in, parsing ends in a request or in a fault that says what is wrong."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.parameters import NAMES, SYNONYMS
from opengdi.standards.beacon.questions import BeaconRequest, EntryType
from opengdi.standards.beacon.request import Target, parse_get, parse_post
from opengdi.standards.faults import Malformed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
TYPICAL = st.sampled_from(
    ["3", "chr3", "NC_000003.12", "GRCh38", "A", "ACGT", "N", "", "DEL", "EFO:0030067", "BRAF", "V600E", "1,2", "7",
     "NC_000003.12:g.5A>C", "3:g.5_9del", "3:g.1_70dup", "M:m.5insA", "record", "HIT", "NCIT:C1", "age:>P1Y"]
)  # fmt: skip
VALUE = TYPICAL | JSON | st.lists(st.integers(-2, 10**10), max_size=3)
PARAMETERS = st.dictionaries(st.sampled_from([*NAMES, *SYNONYMS, "g_variant", "datasets"]), VALUE, max_size=6)
QUERY = st.fixed_dictionaries(
    {},
    optional={
        "requestParameters": PARAMETERS | JSON,
        "filters": st.lists(
            VALUE | st.dictionaries(st.sampled_from(["id", "operator", "value", "scope"]), VALUE), max_size=3
        ),
        "pagination": st.dictionaries(st.sampled_from(["skip", "limit", "nextPage"]), VALUE),
        "requestedGranularity": VALUE,
        "includeResultsetResponses": VALUE,
        "testMode": VALUE,
        "datasets": VALUE,
    },
)
TARGETS = st.sampled_from([Target(each) for each in EntryType])


def settled(parse: Any, *arguments: Any) -> None:
    try:
        assert isinstance(parse(*arguments), BeaconRequest)
    except Malformed as error:
        fault = str(error)
    else:
        return
    assert fault


@given(TARGETS, JSON | st.fixed_dictionaries({"meta": JSON, "query": QUERY}))
def test_any_body_is_a_request_or_a_fault(target: Target, body: Any) -> None:
    settled(parse_post, target, body)


@given(
    TARGETS,
    st.lists(
        st.tuples(
            st.sampled_from([*NAMES, *SYNONYMS, "filters", "skip", "limit", "x"]) | st.text(max_size=8),
            TYPICAL | st.text(max_size=12),
        ),
        max_size=6,
    ),
)
def test_any_query_string_is_a_request_or_a_fault(target: Target, pairs: list[tuple[str, str]]) -> None:
    settled(parse_get, target, pairs)


@given(PARAMETERS)
def test_an_accepted_question_restricts_what_it_was_asked_to(parameters: dict[str, Any]) -> None:
    """Every parameter that was given leaves its mark on the question, or the question is refused."""
    try:
        request = parse_post(Target(EntryType.GENOMIC_VARIANT), {"query": {"requestParameters": parameters}})
    except Malformed:
        return
    given_names = {SYNONYMS.get(name, name) for name, value in parameters.items() if value is not None}
    given_names -= {"datasets", "g_variant"}
    question = request.variant
    if parameters.get("g_variant") is not None or not given_names:
        return
    assert question is not None
    marks = {
        "referenceName": question.contig, "start": question.start, "end": question.end, "geneId": question.gene,
        "referenceBases": question.reference_bases, "alternateBases": question.alternate_bases,
        "assemblyId": question.assembly, "variantType": question.variant_types,
        "variantMinLength": question.min_length, "variantMaxLength": question.max_length,
        "genomicAlleleShortForm": question.start, "aminoacidChange": question.amino_acid_change,
    }  # fmt: skip
    assert [name for name in given_names if marks[name] is None or marks[name] == ()] == []


def test_the_table_of_entry_types_is_complete() -> None:
    assert set(ENTRY_TYPES) == set(EntryType)
