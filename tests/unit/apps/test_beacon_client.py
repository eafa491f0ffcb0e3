from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.apps.beacon_client import (
    BeaconClient,
    Question,
    count_rows,
    frequency_rows,
    member_rows,
    read_filter,
    variant_parameters,
)
from opengdi.kernel.errors import GdiError, Invalid

ANSWER = {
    "meta": {"beaconId": "network"},
    "info": {"members": [{"id": "ee", "country": "EE", "status": "ok", "latencyMs": 12.5}]},
    "response": {
        "resultSets": [
            {
                "id": "GDI-EE-A-1",
                "exists": True,
                "resultsCount": 1,
                "countPrecision": "imprecise",
                "countAdjustedTo": ["<10"],
                "results": [
                    {
                        "variantInternalId": "GRCh38:3:45823240:T:C",
                        "frequencyInPopulations": [
                            {
                                "frequencies": [
                                    {"population": "Total", "alleleFrequency": 0.25, "alleleCount": 50}
                                ]
                            }
                        ],
                    }
                ],
            }
        ]
    },
}


def test_an_allele_is_written_one_based_and_asked_zero_based() -> None:
    assert variant_parameters("3-45823240-T-C", "GRCh38") == {
        "referenceName": "3",
        "start": [45823239],
        "referenceBases": "T",
        "alternateBases": "C",
        "assemblyId": "GRCh38",
    }


def test_a_region_is_written_inclusive_and_asked_half_open() -> None:
    parameters = variant_parameters("13:32,315,086-32,400,268", None)
    assert (parameters["start"], parameters["end"]) == ([32315085], [32400268])


@pytest.mark.parametrize(
    "text, expected",
    [
        ("brca2", {"geneId": "BRCA2"}),
        ("NC_000003.12:g.5T>C", {"genomicAlleleShortForm": "NC_000003.12:g.5T>C"}),
    ],
)
def test_genes_and_hgvs_names_are_told_apart(text: str, expected: dict[str, str]) -> None:
    assert variant_parameters(text, None) == expected


def test_what_cannot_be_read_is_refused_with_the_forms_that_can() -> None:
    with pytest.raises(Invalid, match="3-45823240-T-C"):
        variant_parameters("chr3 45823240", None)


@given(st.text(max_size=60))
def test_any_text_is_a_question_or_a_clear_refusal(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert variant_parameters(text, None)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("NCIT:C16576", {"id": "NCIT:C16576"}),
        ("age>=P60Y", {"id": "age", "operator": ">=", "value": "P60Y"}),
        ("sex=female", {"id": "sex", "operator": "=", "value": "female"}),
    ],
)
def test_filters_are_read_as_people_write_them(text: str, expected: dict[str, str]) -> None:
    assert read_filter(text) == expected


def test_no_datasets_given_asks_all_and_some_given_asks_those() -> None:
    assert "datasets" not in Question("g_variants").body()["query"]
    assert Question("g_variants", datasets=("A",)).body()["query"]["datasets"] == ["A"]


def test_every_population_becomes_a_row_and_untold_counts_stay_untold() -> None:
    (row,) = frequency_rows(ANSWER)
    assert (row.beacon, row.dataset, row.population, row.allele_count) == (
        "network",
        "GDI-EE-A-1",
        "Total",
        50,
    )
    assert row.allele_number is None


def test_a_count_says_how_exact_it_is() -> None:
    (row,) = count_rows(ANSWER)
    assert (row.count, row.precision, row.adjusted_to) == (1, "imprecise", "<10")


def test_each_member_of_a_network_becomes_a_row() -> None:
    (row,) = member_rows(ANSWER)
    assert (row.member, row.country, row.status) == ("ee", "EE", "ok")


def test_an_address_that_is_not_http_is_refused() -> None:
    with pytest.raises(GdiError, match="http or https"):
        BeaconClient("ftp://example.org")
