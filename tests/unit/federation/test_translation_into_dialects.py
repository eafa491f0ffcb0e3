"""One question, put as each member wants it; nothing of it gets lost."""

from __future__ import annotations

from typing import Any

import pytest

from opengdi.federation.model import ContigForm, Dialect, Paging, ParameterForm, Verb
from opengdi.federation.translation import Untranslatable, path_of, translate
from opengdi.standards.beacon.questions import BeaconRequest, EntryType
from opengdi.standards.beacon.request import Target, parse_get, parse_post

VARIANTS = Target(EntryType.GENOMIC_VARIANT)
ALLELE = {
    "referenceName": "chr3",
    "start": "45864731",
    "referenceBases": "T",
    "alternateBases": "C",
    "assemblyId": "hg19",
}


def asked(target: Target = VARIANTS, granularity: str = "record", **query: object) -> BeaconRequest:
    return parse_post(target, {"query": {"requestedGranularity": granularity, **query}})


def posted(request: BeaconRequest, **dialect: object) -> Any:
    body: Any = translate(request, Dialect(**dialect)).body  # type: ignore[arg-type]
    return body["query"]


def test_parameters_go_under_g_variant_with_plain_names() -> None:
    parameters = posted(asked(requestParameters=ALLELE))["requestParameters"]
    assert parameters == {
        "g_variant": {
            "referenceName": "3", "start": [45864731], "referenceBases": "T", "alternateBases": "C",
            "assemblyId": "GRCh37",
        }
    }  # fmt: skip


def test_flat_and_listed_parameters_have_the_same_content() -> None:
    request = asked(requestParameters=ALLELE)
    nested = posted(request)["requestParameters"]["g_variant"]
    assert posted(request, parameters=ParameterForm.FLAT)["requestParameters"] == nested
    assert posted(request, parameters=ParameterForm.LIST)["requestParameters"] == [nested]


@pytest.mark.parametrize(
    "form, name",
    [(ContigForm.NAME, "3"), (ContigForm.CHR, "chr3"), (ContigForm.ACCESSION, "refseq:NC_000003.11")],
)
def test_sequences_are_named_as_the_member_names_them(form: ContigForm, name: str) -> None:
    query = posted(asked(requestParameters=ALLELE), contigs=form, parameters=ParameterForm.FLAT)
    assert query["requestParameters"]["referenceName"] == name


@pytest.mark.parametrize(
    "name",
    ["NC_000003.12:g.45864732T>C", "NC_000003.12:g.100_101insACG", "NC_000003.12:g.1001_2000del",
     "NC_000003.12:g.1001_2000dup", "NC_000003.12:g.1001_2000inv", "NC_000003.12:g.101delA"],
)  # fmt: skip
@pytest.mark.parametrize("form", ContigForm)
def test_a_name_in_short_form_is_asked_as_the_same_question_in_parameters(
    name: str, form: ContigForm
) -> None:
    request = asked(requestParameters={"genomicAlleleShortForm": name})
    arrived = parse_post(VARIANTS, {"query": posted(request, contigs=form)})
    assert arrived.variant == request.variant


def test_the_mitochondrion_is_chr_m() -> None:
    request = asked(requestParameters={"referenceName": "MT", "start": [0], "end": [100]})
    query = posted(request, contigs=ContigForm.CHR, parameters=ParameterForm.FLAT)
    assert query["requestParameters"]["referenceName"] == "chrM"


def test_an_accession_cannot_be_made_without_an_assembly() -> None:
    request = asked(requestParameters={"referenceName": "3", "start": [0], "end": [100]})
    with pytest.raises(Untranslatable, match="assemblyId"):
        translate(request, Dialect(contigs=ContigForm.ACCESSION))


@pytest.mark.parametrize("paging, skip", [(Paging.PAGES, 3), (Paging.RECORDS, 75)])
def test_skip_counts_what_the_member_counts(paging: Paging, skip: int) -> None:
    query = posted(asked(pagination={"skip": 3, "limit": 25}), paging=paging)
    assert query["pagination"] == {"skip": skip, "limit": 25}


@pytest.mark.parametrize("version", ["v2.0.0", "v2.1.1", "v2.2.0"])
def test_the_member_hears_the_version_it_speaks(version: str) -> None:
    body: Any = translate(asked(), Dialect(api_version=version)).body
    assert body["meta"]["apiVersion"] == version


@pytest.mark.parametrize("include", ["HIT", "MISS", "ALL", "NONE"])
def test_members_are_always_asked_for_misses_too(include: str) -> None:
    assert posted(asked(includeResultsetResponses=include))["includeResultsetResponses"] == "ALL"


def test_filters_arrive_as_they_were_meant() -> None:
    filters = [
        {"id": "NCIT:C16576", "scope": "individuals"},
        {"id": "HP:0000001", "includeDescendantTerms": False, "similarity": "high"},
        {"id": "age", "operator": ">", "value": "P70Y"},
        [{"id": "MONDO:1"}, {"id": "MONDO:2"}],
    ]
    assert posted(asked(filters=filters))["filters"] == [
        {"id": "NCIT:C16576", "scope": "individual"},
        {"id": "HP:0000001", "includeDescendantTerms": False, "similarity": "high"},
        {"id": "age", "operator": ">", "value": "P70Y"},
        [{"id": "MONDO:1"}, {"id": "MONDO:2"}],
    ]


def test_alternatives_are_not_put_to_a_member_that_would_not_understand_them() -> None:
    with pytest.raises(Untranslatable, match="alternatives"):
        translate(asked(filters=[[{"id": "A:1"}, {"id": "B:2"}]]), Dialect(any_of=False))


def test_no_datasets_and_datasets_not_named_are_not_the_same() -> None:
    assert "datasetIds" not in posted(asked())
    assert posted(asked(datasets=[]))["datasetIds"] == []


GET = Dialect(verb=Verb.GET)


def test_a_member_that_knows_get_only_is_asked_the_same() -> None:
    request = asked(
        requestParameters=ALLELE, filters=[{"id": "age", "operator": ">", "value": "P70Y"}], testMode=True
    )
    outgoing = translate(request, GET)
    assert outgoing.body is None
    again = parse_get(VARIANTS, outgoing.query.items())
    assert (again.variant, again.filters, again.granularity, again.page, again.test_mode) == (
        request.variant, request.filters, request.granularity, request.page, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "filters",
    [
        [[{"id": "A:1"}, {"id": "B:2"}]],
        [{"id": "A:1", "similarity": "low"}],
        [{"id": "A:1", "includeDescendantTerms": False}],
        [{"id": "name", "operator": "=", "value": "a,b"}],
        [{"id": "NCIT:C16576", "scope": "biosample"}],
        [{"id": "age", "operator": ">", "value": "P70Y", "scope": "individual"}],
        [{"id": "age>P70Y"}],
        [{"id": "age", "operator": ">", "value": "=P70Y"}],
    ],
    ids=[
        "alternatives", "similarity", "no descendants", "comma", "scope of a term", "scope of a comparison",
        "sign in an id", "sign in a value",
    ],
)  # fmt: skip
def test_what_cannot_be_said_by_get_is_not_said(filters: list[object]) -> None:
    with pytest.raises(Untranslatable, match="GET"):
        translate(asked(filters=filters), GET)


def test_a_dataset_that_would_be_read_as_two_is_not_named_by_get() -> None:
    with pytest.raises(Untranslatable, match="GET"):
        translate(asked(datasets=["A,B"]), GET)


def test_the_schemas_asked_for_are_named_by_get() -> None:
    request = parse_post(
        VARIANTS,
        {
            "meta": {"requestedSchemas": [{"schema": "ga4gh-beacon-variant-v2.0.0"}]},
            "query": {"requestedGranularity": "count"},
        },
    )
    again = parse_get(VARIANTS, translate(request, GET).query.items())
    assert again.requested_schemas == request.requested_schemas


@pytest.mark.parametrize(
    "target, path",
    [
        (VARIANTS, "/g_variants"),
        (Target(EntryType.DATASET, entry_id="a/b?c"), "/datasets/a%2Fb%3Fc"),
        (Target(EntryType.INDIVIDUAL, parent=(EntryType.DATASET, "D 1")), "/datasets/D%201/individuals"),
    ],
)
def test_ids_in_paths_are_percent_encoded(target: Target, path: str) -> None:
    assert path_of(asked(target)) == path
