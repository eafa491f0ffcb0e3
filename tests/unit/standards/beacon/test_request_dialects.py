"""Every dialect of a Beacon request is one request; what cannot be read is named, never left out."""

from __future__ import annotations

from typing import Any

import pytest

from opengdi.standards.beacon.questions import (
    EntryType,
    Granularity,
    Include,
    Page,
    QuestionKind,
    VariantQuestion,
)
from opengdi.standards.beacon.request import Target, page_token, parse_get, parse_post
from opengdi.standards.coordinates import Assembly
from opengdi.standards.faults import Malformed

TARGET = Target(EntryType.GENOMIC_VARIANT)
FLAT = {
    "referenceName": "3",
    "start": [45864731],
    "referenceBases": "T",
    "alternateBases": "C",
    "assemblyId": "GRCh37",
}
PORTAL = VariantQuestion(
    QuestionKind.SEQUENCE, Assembly.GRCh37, "3", (45864731,), reference_bases="T", alternate_bases="C"
)


def asked(parameters: Any, **query: Any) -> VariantQuestion | None:
    return parse_post(
        TARGET, {"meta": {"apiVersion": "2.0"}, "query": {"requestParameters": parameters, **query}}
    ).variant


@pytest.mark.parametrize(
    "parameters",
    [
        FLAT,
        {"g_variant": FLAT},
        {"g_variant": FLAT, "referenceName": "4", "start": 7},  # dialect 2: g_variant wins
        [FLAT],
        FLAT | {"start": 45864731},
        FLAT | {"start": "45864731"},
        FLAT | {"start": ["45864731"]},
        FLAT | {"referenceName": 3},
        FLAT | {"referenceName": "chr3"},
        FLAT | {"referenceName": "NC_000003.11"},
        FLAT | {"referenceName": "refseq:NC_000003.11"},
        FLAT | {"referenceName": "NC_000003.11", "assemblyId": None},
        FLAT | {"assemblyId": "hg19"},
        FLAT | {"assemblyId": "GCF_000001405.25"},
        FLAT | {"end": None, "variantType": None, "geneId": None},
        FLAT | {"referenceBases": "t", "alternateBases": "c"},
        {"genomicAlleleShortForm": "NC_000003.11:g.45864732T>C"},
        {"allele": "3:g.45864732T>C", "assemblyId": "GRCh37"},
    ],
)
def test_all_dialects_ask_the_same(parameters: Any) -> None:
    assert asked(parameters) == PORTAL


def test_get_asks_the_same_as_post() -> None:
    pairs = [
        ("referenceName", "3"),
        ("start", "45864731"),
        ("referenceBases", "T"),
        ("alternateBases", "C"),
        ("assemblyId", "GRCh37"),
        ("requestedGranularity", "count"),
        ("includeResultsetResponses", "ALL"),
        ("skip", "2"),
        ("limit", "5"),
        ("testMode", "false"),
        ("datasets", "A,B"),
        ("filters", "NCIT:C16576,age:>P70Y"),
    ]
    got = parse_get(TARGET, pairs)
    query = {
        "requestParameters": dict(pairs[:5]),
        "requestedGranularity": "count",
        "includeResultsetResponses": "ALL",
        "pagination": {"skip": 2, "limit": 5},
        "testMode": False,
        "datasets": ["A", "B"],
        "filters": [{"id": "NCIT:C16576"}, {"id": "age", "operator": ">", "value": "P70Y"}],
    }
    assert got == parse_post(TARGET, {"meta": {}, "query": query})
    assert got.variant == PORTAL
    assert (got.granularity, got.include, got.page) == (Granularity.COUNT, Include.ALL, Page(2, 5))
    assert got.datasets == {"A", "B"}


GENE: dict[str, Any] = {"query": {"requestParameters": {"g_variant": {"geneId": "BRCA2"}}}}


@pytest.mark.parametrize(
    ("name", "value", "body"),
    [
        ("geneid", "BRCA2", GENE),
        ("geneId", "BRCA2", GENE),
        ("datasetIds", "A,B", {"query": {"datasetIds": ["A", "B"]}}),
        ("datasetId", "A", {"query": {"datasetIds": ["A"]}}),
        ("datasetIds", "", {"query": {"datasetIds": []}}),
        ("requestedSchema", "S,T", {"meta": {"requestedSchemas": [{"schema": "S"}, {"schema": "T"}]}}),
        ("requestedSchemas", "S", {"meta": {"requestedSchemas": [{"schema": "S"}]}}),
        (
            "filters",
            "HP_0032443:!text",
            {"query": {"filters": [{"id": "HP_0032443", "operator": "!", "value": "text"}]}},
        ),
        (
            "filters",
            "PATO_0000011:>P70Y",
            {"query": {"filters": [{"id": "PATO_0000011", "operator": ">", "value": "P70Y"}]}},
        ),
        (
            "filters",
            "NCIT:C16576,age:>=P70Y",
            {"query": {"filters": [{"id": "NCIT:C16576"}, {"id": "age", "operator": ">=", "value": "P70Y"}]}},
        ),
    ],
)
def test_names_and_filters_of_the_openapi_document_ask_by_get_what_the_model_asks_by_post(
    name: str, value: str, body: Any
) -> None:
    assert parse_get(TARGET, [(name, value)]) == parse_post(TARGET, body)


@pytest.mark.parametrize(
    "pair",
    [("geneId", "geneid"), ("datasets", "datasetIds"), ("requestedSchemas", "requestedSchema")],
)
def test_a_name_and_its_synonym_by_get_are_one_parameter_given_twice(pair: tuple[str, str]) -> None:
    with pytest.raises(Malformed, match="given twice"):
        parse_get(TARGET, [(name, "A") for name in pair])


@pytest.mark.parametrize(
    "name", ["requestedGranularity", "pagination", "includeResultsetResponses", "filters"]
)
def test_members_beside_query_count_as_those_inside(name: str) -> None:
    values: dict[str, Any] = {
        "requestedGranularity": "record",
        "pagination": {"skip": 1, "limit": 3},
        "includeResultsetResponses": "MISS",
        "filters": [{"id": "NCIT:C16576"}],
    }
    beside = parse_post(TARGET, {"meta": {}, "query": {}, name: values[name]})
    assert beside == parse_post(TARGET, {"meta": {}, "query": {name: values[name]}})


@pytest.mark.parametrize(
    "body",
    [None, {}, {"meta": None, "query": None}, {"query": {"requestParameters": None, "pagination": None}}],
)
def test_no_parameters_are_no_variant_question(body: Any) -> None:
    request = parse_post(TARGET, body)
    assert request.variant is None
    assert request.datasets is None
    assert (request.granularity, request.include, request.page) == (None, Include.HIT, Page(0, 10))


def test_an_empty_list_of_datasets_is_not_an_absent_one() -> None:
    assert parse_post(TARGET, {"query": {"datasets": []}}).datasets == frozenset()
    assert parse_post(TARGET, {"query": {}}).datasets is None


@pytest.mark.parametrize(
    "body",
    [
        {"query": {"datasets": ["A"]}},
        {"query": {"datasetIds": ["A"]}},
        {"query": {"requestParameters": {"datasets": ["A"]}}},
        {"query": {"requestParameters": {"datasetIds": "A"}}},
        {"query": {"requestParameters": {"g_variant": FLAT, "datasetIds": ["A"]}}},
        {"query": {"requestParameters": {"g_variant": FLAT | {"datasetIds": ["A"]}}}},
        {"query": {"requestParameters": [FLAT | {"datasets": "A"}]}},
        {"query": {"requestParameters": [{"g_variant": FLAT | {"datasetId": "A"}}]}},
        {
            "query": {
                "requestParameters": {"g_variant": {"datasetIds": ["A"]}, "datasets": "A"},
                "datasetIds": ["A"],
            }
        },
        {"datasets": ["A"]},
    ],
)
def test_datasets_are_understood_in_every_place(body: Any) -> None:
    assert parse_post(TARGET, body).datasets == {"A"}


@pytest.mark.parametrize(
    ("parameters", "kind", "start", "end"),
    [
        ({"referenceName": "3", "start": [1], "alternateBases": "A"}, QuestionKind.SEQUENCE, (1,), ()),
        ({"referenceName": "3", "start": [1], "end": [2]}, QuestionKind.RANGE, (1,), (2,)),
        ({"referenceName": "3", "start": "1,5", "end": "7,9"}, QuestionKind.BRACKET, (1, 5), (7, 9)),
        ({"geneId": "BRAF"}, QuestionKind.GENE, (), ()),
        ({"geneId": "BRAF", "aminoacidChange": "V600E"}, QuestionKind.AMINO_ACID, (), ()),
        ({"referenceName": "21", "assemblyId": "GRCh38"}, QuestionKind.RANGE, (0,), (46709983,)),
        (
            {"start": "7577120", "end": "7577121", "referenceBases": "G"},
            QuestionKind.RANGE,
            (7577120,),
            (7577121,),
        ),
        ({"allele": "NC_000003.12:g.10_12del"}, QuestionKind.BRACKET, (9, 10), (12, 13)),
        ({"allele": "NC_000003.12:g.10_12delACG"}, QuestionKind.SEQUENCE, (9,), ()),
        ({"allele": "NC_000003.12:g.10_11insA"}, QuestionKind.SEQUENCE, (10,), ()),
        ({"allele": "NC_000003.12:g.100_2000inv"}, QuestionKind.BRACKET, (99, 100), (2000, 2001)),
        ({"allele": "NC_000003.12:g.100_2000dup"}, QuestionKind.BRACKET, (99, 100), (2000, 2001)),
        ({"allele": "NC_000003.12:g.10_12delinsTT"}, QuestionKind.BRACKET, (9, 10), (12, 13)),
    ],
)
def test_each_query_type_is_recognised(
    parameters: Any, kind: QuestionKind, start: tuple[int, ...], end: tuple[int, ...]
) -> None:
    question = asked(parameters)
    assert question is not None
    assert (question.kind, question.start, question.end) == (kind, start, end)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"referenceName": "3", "start": [1], "alternateBases": "A", "sex": "F"},
            "requestParameters.sex is unknown",
        ),
        ({"start": [1], "referenceName": "3"}, "start without end needs alternateBases"),
        ({"end": [1], "referenceName": "3"}, "end without start"),
        ({"start": [5], "end": [5], "referenceName": "3"}, "end 5 must be greater than start 5"),
        ({"start": [1, 2], "end": [5], "referenceName": "3"}, "two values in both"),
        ({"start": [5, 2], "end": [5, 9], "referenceName": "3"}, r"start \[5, 2\] is empty"),
        ({"start": [1, 2, 3], "end": [5, 9], "referenceName": "3"}, "start has 3 values"),
        ({"start": "x", "referenceName": "3"}, "start 'x' must be a whole number"),
        ({"start": True, "referenceName": "3"}, "start True must be a whole number"),
        ({"start": -1, "referenceName": "3"}, "start -1"),
        ({"start": 1.5, "referenceName": "3"}, "start 1.5"),
        ({"start": 2**40, "referenceName": "3"}, "start"),
        ({"referenceName": "26"}, "unknown contig '26'"),
        ({"referenceName": "NC_000003.99"}, "unknown accession"),
        (
            {"referenceName": "NC_000003.12", "assemblyId": "GRCh37", "start": 1, "end": 2},
            "contradicts the accession",
        ),
        ({"referenceName": "3", "assemblyId": "T2T", "start": 1, "end": 2}, "unknown assembly"),
        ({"referenceName": "3", "start": 1, "alternateBases": "XYZ"}, "alternateBases 'XYZ'"),
        (
            {"referenceName": "3", "start": 1, "end": 2, "variantType": "FUSION"},
            "variantType 'FUSION' is unknown",
        ),
        ({"referenceName": "3", "start": 1, "end": 2, "mateName": "4"}, "mateName is deprecated"),
        ({"geneId": "BRAF", "referenceName": "7", "start": 1, "end": 2}, "exclude each other"),
        ({"geneId": "BRAF; DROP"}, "geneId"),
        ({"aminoacidChange": "V600E"}, "aminoacidChange needs geneId"),
        ({"geneId": "BRAF", "aminoacidChange": "p.Val600Glu"}, "one-letter form"),
        ({"variantType": "DEL"}, "name no place"),
        ({"variantMinLength": 9, "variantMaxLength": 3, "geneId": "A"}, "greater than variantMaxLength"),
        ({"allele": "NM_004006.2:c.4375C>T"}, "only g. and m. names"),
        ({"allele": "NC_000003.12:g.10_12delAC"}, "2 bases are spelled, the place holds 3"),
        ({"allele": "NC_000003.12:g.10_14dup"}, "ask for it with its bases"),
        ({"allele": "NC_000003.12:g.10A>T", "start": 9}, "ambiguous"),
        ([FLAT, FLAT], "several variants"),
        ([], "lists no variants"),
        ([None], "requestParameters must be a JSON object"),
        ({"g_variant": {}}, "requestParameters.g_variant is empty"),
        ([{"g_variant": {}}], "requestParameters.g_variant is empty"),
        ({"g_variant": FLAT, "sex": "F"}, "requestParameters.sex is unknown"),
        ({"referenceName": "MT", "start": [], "alternateBases": "A"}, "start has no values"),
        ({"referenceName": "MT", "start": [1], "end": []}, "end has no values"),
        ({"referenceName": "MT", "start": [1], "end": [2], "referenceBases": []}, "referenceBases"),
        ({"geneId": "BRCA2", "geneid": "TP53"}, "geneId is given in two spellings"),
        (
            {"allele": "3:g.5A>C", "genomicAlleleShortForm": "3:g.5A>T"},
            "genomicAlleleShortForm is given in two",
        ),
        ("BRAF", "requestParameters must be a JSON object"),
        ({"g_variant": FLAT, "g_variants": FLAT}, "both g_variant and g_variants"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_by_name(parameters: Any, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        asked(parameters)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"requestedGranularity": "aggregated"}, "requestedGranularity"),
        ({"includeResultsetResponses": "SOME"}, "includeResultsetResponses"),
        ({"testMode": "yes"}, "testMode"),
        ({"pagination": {"skip": -1}}, "pagination.skip"),
        ({"pagination": {"limit": "many"}}, "pagination.limit"),
        ({"pagination": {"nextPage": "forged"}}, "no page token"),
        ({"datasets": {"id": "A"}}, "datasets must be a list"),
        ({"datasets": ["A"], "datasetIds": ["B"]}, "several places"),
        (
            {"datasets": ["A"], "requestParameters": {"g_variant": FLAT | {"datasetIds": ["B"]}}},
            "several places",
        ),
        ({"requestParameters": {"datasets": ["A"], "g_variant": FLAT | {"datasets": []}}}, "several places"),
        ({"filter": [{"id": "NCIT:C16576"}]}, r"query.filter is unknown; did you mean filters\?"),
        ({"geneId": "BRAF"}, "query.geneId is unknown"),
        ({"foo": 1}, "query.foo is unknown; known are .*requestParameters"),
        ({"pagination": {"size": 3}}, "pagination.size is unknown"),
        ({"pagination": {"limits": 3}}, r"pagination.limits is unknown; did you mean limit\?"),
        ({"pagination": []}, "pagination must be a JSON object"),
        ({"filters": {"id": "A"}}, "filters must be a list"),
        ({"filters": [{"id": "A", "excluded": True}]}, "unknown member 'excluded'"),
        ({"filters": [{"id": ""}]}, r"filters\[0\].id"),
        ({"filters": [{"id": "age", "operator": "~", "value": "P1Y"}]}, "operator '~'"),
        ({"filters": [{"id": "age", "operator": [], "value": "P1Y"}]}, r"operator \[\]"),
        ({"filters": [{"id": "A", "similarity": {}}]}, r"similarity \{\}"),
        ({"filters": [{"id": "age", "operator": ">"}]}, "value"),
        ({"filters": [{"id": "A", "similarity": "some"}]}, "similarity"),
        ({"filters": [{"id": "A", "scope": "planet"}]}, "scope 'planet'"),
        ({"filters": [[]]}, r"filters\[0\]"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused_by_name(query: Any, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        parse_post(TARGET, {"meta": {}, "query": query})


def test_an_unknown_get_parameter_may_have_been_meant_to_narrow() -> None:
    with pytest.raises(Malformed, match="'refrenceName' is unknown"):
        parse_get(TARGET, [("refrenceName", "3")])


def test_a_get_parameter_that_is_unknown_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(Malformed, match=r"'filter' is unknown; did you mean filters\?"):
        parse_get(TARGET, [("filter", "NCIT:C16576")])


def test_clients_may_add_members_of_their_own_beside_the_question() -> None:
    body = {"$schema": "x", "meta": {"apiVersion": "2.0", "tool": "x"}, "query": {}, "client": {}}
    assert parse_post(TARGET, body) == parse_post(TARGET, {"meta": {"apiVersion": "2.0"}, "query": {}})


@pytest.mark.parametrize("name", ["geneId", "geneid", "start"])
def test_a_parameter_beside_query_would_narrow_nothing_and_is_refused(name: str) -> None:
    with pytest.raises(Malformed, match=f"{name} stands beside query"):
        parse_post(TARGET, {"query": {}, name: "BRAF"})


def test_two_spellings_with_one_value_are_one_parameter() -> None:
    assert asked({"geneId": "BRAF", "geneid": "BRAF"}) == asked({"geneId": "BRAF"})


PORTAL_PAGE = {"skip": 0, "limit": 1, "currentPage": None, "nextPage": None, "previousPage": None}


@pytest.mark.parametrize(
    ("entry_type", "filters", "parameters"),
    [
        (EntryType.GENOMIC_VARIANT, [], FLAT),
        (EntryType.GENOMIC_VARIANT, [], None),
        (
            EntryType.INDIVIDUAL,
            [
                {"id": "NCIT:C16576", "scope": "individual"},
                {
                    "id": "diseases.ageOfOnset.iso8601duration",
                    "operator": ">",
                    "value": "P30Y",
                    "scope": "individual",
                },
            ],
            {
                "start": "7577120",
                "end": "7577121",
                "referenceBases": "G",
                "alternateBases": "A",
                "variantType": "SNP",
                "assemblyId": "GRCh38",
            },
        ),
    ],
)
def test_the_bodies_of_the_portal_are_read_as_they_are(
    entry_type: EntryType, filters: list[Any], parameters: Any
) -> None:
    query = {
        "filters": filters,
        "includeResultsetResponses": "HIT",
        "pagination": PORTAL_PAGE,
        "requestParameters": parameters,
        "requestedGranularity": "record",
        "testMode": False,
    }
    request = parse_post(Target(entry_type), {"meta": {"apiVersion": "2.0"}, "query": query})
    assert (request.page, len(request.filters)) == (Page(0, 1), len(filters))
    assert (request.variant is None) == (parameters is None)


def test_a_page_token_leads_back_to_its_page() -> None:
    token = page_token(Page(3, 25))
    assert parse_post(TARGET, {"query": {"pagination": {"nextPage": token}}}).page == Page(3, 25)
    assert parse_get(TARGET, [("currentPage", token)]).page == Page(3, 25)


def test_the_echo_is_a_dictionary_of_objects_and_strings() -> None:
    request = parse_post(
        TARGET,
        {
            "query": {
                "requestParameters": FLAT,
                "filters": [
                    {"id": "A:1"},
                    {"id": "age", "operator": ">", "value": 3},
                    [{"id": "B:2"}, {"id": "C:3"}],
                ],
            }
        },
    )
    assert request.echo_parameters == {"g_variant": FLAT}
    assert request.echo_filters == ("A:1", "age:>3", "[B:2,C:3]")


@pytest.mark.parametrize(
    "filters, reason",
    [
        (["NCIT:C16576"] * 501, "filters are 501; 500 at most"),
        ([[["NCIT:C16576"] * 250]] * 3, "filters are 750"),
    ],
)
def test_more_filters_than_anybody_needs_are_refused(filters: list[object], reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        parse_post(Target(EntryType.INDIVIDUAL), {"query": {"filters": filters}})


def test_lists_of_filters_in_lists_without_end_are_refused() -> None:
    nested: object = "NCIT:C16576"
    for _ in range(900):
        nested = [nested]
    with pytest.raises(Malformed, match="is a list in lists more than 8 deep"):
        parse_post(Target(EntryType.INDIVIDUAL), {"query": {"filters": [nested]}})
