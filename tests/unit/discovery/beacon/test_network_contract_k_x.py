"""How the deployed networks and the portal drive a node: K-01 to K-12, and X items that concern its Beacons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.node_beacons import (
    AGGREGATED,
    ASTHMA,
    FEMALE,
    INDIVIDUALS,
    MALE,
    PORTAL_ROW,
    TOKEN,
    HeldRows,
    NodeBeacons,
    Person,
    counts,
    manifest,
    node_beacons,
)

from opengdi.discovery.model import Cohort
from opengdi.standards.coordinates import Assembly
from opengdi.testing.variants import site_row

G_VARIANTS = f"{AGGREGATED}/g_variants"
PEOPLE_PATH = f"{INDIVIDUALS}/individuals"
VISIBLE = counts((410, 200, 210), (2000, 1000, 1000))
SUBJECT_QUESTION: dict[str, Any] = {
    "meta": {"apiVersion": "2.0"},
    "query": {
        "filters": [
            {"id": FEMALE, "scope": "individual"},
            {"id": ASTHMA, "scope": "individual"},
            {"id": "age", "operator": ">", "value": "P30Y", "scope": "individual"},
        ],
        "includeResultsetResponses": "HIT",
        "pagination": {"skip": 0, "limit": 1, "currentPage": None, "nextPage": None, "previousPage": None},
        "requestParameters": {
            "start": "7577120",
            "end": "7577121",
            "referenceBases": "G",
            "alternateBases": "A",
            "variantType": "SNP",
            "assemblyId": "GRCh37",
        },
        "requestedGranularity": "record",
        "testMode": False,
    },
}
"""The portal's question about people, byte for byte but for the filter ids: strings, and no chromosome."""


def person(number: int) -> Person:
    terms = {FEMALE if number < 600 else MALE, ASTHMA}
    return Person(frozenset(terms), 40, frozenset({5}) if number % 2 else frozenset())


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeBeacons]:
    rows = [
        PORTAL_ROW,
        site_row("17", 7577120, "G", "A", VISIBLE, genotype_row=5),
        site_row("3", 45864800, "AT", "A", VISIBLE, genotype_row=6),
    ]
    people = [person(number) for number in range(1000)]
    held = [HeldRows(manifest(), rows, people), HeldRows(manifest("GDI-EE-UT-2"), rows, people)]
    with node_beacons(tmp_path, held, aliases={"/api": "aggregated", "/v2.0.0": "individuals"}) as node:
        yield node


async def test_k01_info_has_what_the_facade_reads_unasked(node: NodeBeacons) -> None:
    info = (await node.get(f"{AGGREGATED}/info")).json()
    assert info["meta"]["beaconId"] == info["response"]["id"]
    assert info["response"]["alternativeUrl"] == f"https://node.test{INDIVIDUALS}"
    assert info["response"]["organization"]["logoUrl"] == "https://ut.test/l.png"
    assert {"name", "environment"} <= info["response"].keys()


async def test_k02_the_map_names_external_addresses(node: NodeBeacons) -> None:
    sets = (await node.get(f"{INDIVIDUALS}/map")).json()["response"]["endpointSets"]
    assert sets["individual"]["rootUrl"] == f"https://node.test{PEOPLE_PATH}"
    assert sets["cohort"]["endpoints"]["runs"]["url"] == f"https://node.test{INDIVIDUALS}/cohorts/{{id}}/runs"


async def test_k04_x15_get_works_without_parameters_and_equals_an_empty_post(node: NodeBeacons) -> None:
    async with node.client(TOKEN) as client:
        got, posted = await client.get(G_VARIANTS), await client.post(G_VARIANTS)
    assert (got.status_code, posted.status_code) == (200, 200)
    assert got.json() == posted.json()


@pytest.mark.parametrize("path", ["/api/info", "/v2.0.0/info", f"{AGGREGATED}/", f"{AGGREGATED}/info/"])
async def test_k05_aliases_and_a_trailing_slash_lead_to_the_same(node: NodeBeacons, path: str) -> None:
    answer = await node.get(path)
    assert answer.status_code == 200
    assert answer.json()["response"]["apiVersion"] == "v2.2.0"


async def test_k07_x03_the_limit_counts_per_dataset_and_ids_are_unique(node: NodeBeacons) -> None:
    question = {
        "requestParameters": {"referenceName": "3", "start": [45864000], "end": [45866000]},
        "pagination": {"limit": 1},
    }
    answer = (await node.post(G_VARIANTS, {"meta": {}, "query": question})).json()
    assert [(each["id"], len(each["results"])) for each in answer["response"]["resultSets"]] == [
        ("GDI-EE-UT-1", 1),
        ("GDI-EE-UT-2", 1),
    ]


async def test_k07_a_thousand_records_may_be_asked_for_and_no_limit_asks_for_as_many(
    node: NodeBeacons,
) -> None:
    for limit in (1000, 0, 5000):
        answer = (
            await node.get(G_VARIANTS, referenceName=3, start=45864000, end=45866000, limit=limit)
        ).json()
        assert answer["meta"]["receivedRequestSummary"]["pagination"]["limit"] == 1000


async def test_k08_population_labels_are_the_datasets_own(node: NodeBeacons) -> None:
    answer = (await node.get(G_VARIANTS, referenceName=3, start=45864731, end=45864732)).json()
    block = answer["response"]["resultSets"][0]["results"][0]["frequencyInPopulations"][0]
    assert [each["population"] for each in block["frequencies"]] == ["Total", "F", "M"]


async def test_k09_k10_k11_the_portals_fields_have_the_right_types(node: NodeBeacons) -> None:
    answer = (await node.post(PEOPLE_PATH, SUBJECT_QUESTION, TOKEN)).json()
    assert all(each["setType"] == "dataset" for each in answer["response"]["resultSets"])
    assert isinstance(answer["responseSummary"]["numTotalResults"], int)
    assert set(answer["meta"]["returnedSchemas"][0]) == {"entityType", "schema"}


async def test_the_portals_question_about_people_is_counted_over_all_contigs(node: NodeBeacons) -> None:
    answer = (await node.post(PEOPLE_PATH, SUBJECT_QUESTION, TOKEN)).json()
    assert answer["meta"]["returnedGranularity"] == "count"
    assert [
        (each["id"], each["exists"], each["resultsCount"], each["results"])
        for each in answer["response"]["resultSets"]
    ] == [
        ("GDI-EE-UT-1", True, 300, []),
        ("GDI-EE-UT-2", True, 300, []),
    ]
    assert answer["responseSummary"]["exists"] is True
    assert answer["responseSummary"]["numTotalResults"] == 600


async def test_the_variant_of_a_question_about_people_is_never_ignored(node: NodeBeacons) -> None:
    question = {
        "meta": {},
        "query": {
            "requestParameters": {"start": "1", "end": "2", "alternateBases": "A", "assemblyId": "GRCh37"}
        },
    }
    answer = (await node.post(PEOPLE_PATH, question, TOKEN)).json()
    assert answer["responseSummary"]["exists"] is False


@pytest.mark.parametrize(
    "parameters", [{"geneId": "BRAF"}, {"referenceName": "3"}, {"start": "1"}, {"variantType": "DEL"}, []]
)
async def test_x05_incomplete_parameters_are_refused(node: NodeBeacons, parameters: Any) -> None:
    answer = await node.post(PEOPLE_PATH, {"meta": {}, "query": {"requestParameters": parameters}}, TOKEN)
    assert answer.status_code == 400, "a gene nobody knows, a span over the cap, no bases, no place, nothing"
    assert answer.json()["error"]["errorMessage"]


async def test_x06_the_assembly_is_honoured(node: NodeBeacons) -> None:
    parameters = SUBJECT_QUESTION["query"]["requestParameters"] | {"assemblyId": Assembly.GRCh38.name}
    question = {"meta": {}, "query": SUBJECT_QUESTION["query"] | {"requestParameters": parameters}}
    answer = (await node.post(PEOPLE_PATH, question, TOKEN)).json()
    assert answer["responseSummary"]["numTotalResults"] == 0


async def test_x04_x07_a_filter_that_nobody_satisfies_is_a_zero(node: NodeBeacons) -> None:
    question = {
        "meta": {},
        "query": {"filters": [{"id": FEMALE}, {"id": MALE}], "includeResultsetResponses": "ALL"},
    }
    answer = await node.post(PEOPLE_PATH, question, TOKEN)
    assert answer.status_code == 200
    assert [each["resultsCount"] for each in answer.json()["response"]["resultSets"]] == [0, 0]


async def test_x09_an_indel_is_found_as_vcf_writes_it_and_by_a_range(node: NodeBeacons) -> None:
    exact = {"referenceName": "3", "start": [45864800], "referenceBases": "AT", "alternateBases": "A"}
    around = {"referenceName": "3", "start": [45864800], "end": [45864803]}
    for parameters in (exact, around):
        answer = (
            await node.post(G_VARIANTS, {"meta": {}, "query": {"requestParameters": parameters}})
        ).json()
        (record,) = answer["response"]["resultSets"][0]["results"]
        assert (record["variation"]["referenceBases"], record["variation"]["alternateBases"]) == ("T", "")
        assert record["identifiers"]["genomicHGVSId"] == "NC_000003.11:g.45864802del"


async def test_x24_people_are_counted_for_bearers_of_a_token_only(node: NodeBeacons) -> None:
    for token in (None, "", "wrong-token-of-some-length", TOKEN[:-1]):
        answer = await node.post(PEOPLE_PATH, SUBJECT_QUESTION, token)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["errorCode"] == 401


async def test_a_public_beacon_answers_whoever_forwards_a_token_of_somebody_elses(node: NodeBeacons) -> None:
    assert (await node.get(G_VARIANTS, "a-token-of-another-network")).status_code == 200


async def test_documents_about_the_beacon_need_no_token(node: NodeBeacons) -> None:
    for path in (
        "",
        "/info",
        "/service-info",
        "/configuration",
        "/map",
        "/entry_types",
        "/filtering_terms",
        "/openapi.json",
    ):
        assert (await node.get(INDIVIDUALS + path)).status_code == 200, path


@pytest.mark.parametrize(
    "path", ["/nothing", "/g_variants/x/y/z", "/individuals", "/g_variants/x/g_variants", "//", "/map/x"]
)
async def test_an_unknown_path_is_told_in_beacons_shape(node: NodeBeacons, path: str) -> None:
    answer = await node.get(AGGREGATED + path)
    assert answer.status_code in (200, 404)
    assert answer.status_code == 404 or path == "//"
    assert "error" in answer.json() or path == "//"


async def test_a_wrong_verb_is_told_which_ones_are_right(node: NodeBeacons) -> None:
    async with node.client() as client:
        answer = await client.delete(G_VARIANTS)
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert answer.json()["error"]["errorCode"] == 405


async def test_pages_of_allowed_origins_may_read_answers(tmp_path: Path) -> None:
    with node_beacons(
        tmp_path, [HeldRows(manifest(), [PORTAL_ROW])], cors_origins=["https://portal.test"]
    ) as node:
        async with node.client() as client:
            allowed = await client.get(G_VARIANTS, headers={"Origin": "https://portal.test"})
            foreign = await client.get(G_VARIANTS, headers={"Origin": "https://evil.test"})
            preflight = await client.options(G_VARIANTS, headers={"Origin": "https://portal.test"})
    assert allowed.headers["access-control-allow-origin"] == "https://portal.test"
    assert "access-control-allow-origin" not in foreign.headers
    assert (preflight.status_code, preflight.headers["access-control-allow-headers"]) == (
        204,
        "authorization, content-type",
    )


async def test_filtering_terms_are_paged_and_cut_by_entry_type(node: NodeBeacons) -> None:
    everything = (await node.get(f"{INDIVIDUALS}/filtering_terms")).json()["response"]["filteringTerms"]
    assert [each["id"] for each in everything] == [ASTHMA, FEMALE, MALE]
    second = (await node.get(f"{INDIVIDUALS}/filtering_terms", skip=1, limit=2)).json()["response"][
        "filteringTerms"
    ]
    assert [each["id"] for each in second] == [MALE]
    paged = await node.post(
        f"{INDIVIDUALS}/filtering_terms", {"query": {"pagination": {"skip": 1, "limit": 2}}}
    )
    assert paged.json()["response"]["filteringTerms"] == second
    assert (await node.get(f"{INDIVIDUALS}/runs/filtering_terms")).json()["response"]["filteringTerms"] == []
    assert (await node.get(f"{AGGREGATED}/filtering_terms")).json()["response"]["filteringTerms"] == []


async def test_filtering_terms_below_a_collection_are_those_of_what_is_in_it(tmp_path: Path) -> None:
    def cohort(name: str) -> Cohort:
        return Cohort(name, {"cohortType": "study-defined"}, None)

    held = [
        HeldRows(manifest("A"), people=[Person(frozenset({FEMALE}), 40)] * 1000, cohorts=[cohort("c"), cohort("both")]),
        HeldRows(manifest("B"), people=[Person(frozenset({ASTHMA}), 40)] * 1000, cohorts=[cohort("both")]),
    ]  # fmt: skip
    with node_beacons(tmp_path, held) as node:

        async def terms(path: str) -> list[str]:
            told = (await node.get(f"{INDIVIDUALS}/{path}filtering_terms")).json()["response"]
            return [each["id"] for each in told["filteringTerms"]]

        for everything in ("", "datasets/", "cohorts/", "cohorts/both/"):
            assert await terms(everything) == [ASTHMA, FEMALE], everything
        assert (await terms("datasets/A/"), await terms("datasets/B/")) == ([FEMALE], [ASTHMA])
        assert await terms("cohorts/c/") == [FEMALE]
        assert (await terms("datasets/nope/"), await terms("cohorts/nope/")) == ([], [])


async def test_every_answer_leads_on_to_where_the_settings_say(tmp_path: Path) -> None:
    catalogue = {"type": "EDAM:0000842", "label": "Catalogue", "url": "https://catalogue.test/ee"}
    with node_beacons(tmp_path, [HeldRows(manifest(), [PORTAL_ROW])], handovers=[catalogue]) as node:
        for path in ("g_variants", "datasets"):
            answer = (await node.get(f"{AGGREGATED}/{path}")).json()
            assert answer["beaconHandovers"] == [
                {
                    "handoverType": {"id": "EDAM:0000842", "label": "Catalogue"},
                    "url": "https://catalogue.test/ee",
                }
            ]


async def test_a_list_of_filtering_terms_is_narrowed_by_nothing_that_it_does_not_know(
    node: NodeBeacons,
) -> None:
    for name, value in (("scope", "runs"), ("filters", ASTHMA), ("limit", "many"), ("nextPage", "forged")):
        refused = await node.get(f"{INDIVIDUALS}/filtering_terms", **{name: value})
        assert refused.status_code == 400
        assert name in refused.json()["error"]["errorMessage"]
    for body in (
        {"query": {"filters": [{"id": ASTHMA}]}},
        {"query": {"requestParameters": {"geneId": "TTN"}}},
        {"datasets": ["A"]},
        {"query": {"pagination": {"size": 1}}},
        [1],
    ):
        refused = await node.post(f"{INDIVIDUALS}/filtering_terms", body)
        assert refused.status_code == 400, refused.text


async def test_a_handover_leads_to_the_application_for_the_dataset(tmp_path: Path) -> None:
    access = "https://rems.test/apply?resource={dataset}"
    with node_beacons(tmp_path, [HeldRows(manifest(), [PORTAL_ROW])], access_url=access) as node:
        answer = (await node.get(G_VARIANTS, referenceName=3, start=45864731, end=45864732)).json()
    (handover,) = answer["response"]["resultSets"][0]["resultsHandovers"]
    assert handover["url"] == "https://rems.test/apply?resource=GDI-EE-UT-1"


async def test_without_an_external_address_the_map_names_the_one_by_which_the_caller_came(
    tmp_path: Path,
) -> None:
    with node_beacons(tmp_path, [], external_url="") as node:
        async with node.client() as client:
            here = await client.get(f"{AGGREGATED}/map")
            odd = await client.get(f"{AGGREGATED}/map", headers={"Host": "evil.test/<script>"})
    roots = [answer.json()["response"]["endpointSets"]["dataset"]["rootUrl"] for answer in (here, odd)]
    assert roots == [f"https://node.test{AGGREGATED}/datasets", f"https://localhost{AGGREGATED}/datasets"]


async def test_k05_the_portal_may_call_a_node_as_if_it_were_a_network(tmp_path: Path) -> None:
    """The portal appends `/v2.0.0` to the addresses it is given."""
    held = [HeldRows(manifest(), [PORTAL_ROW], [person(number) for number in range(1000)])]
    with node_beacons(tmp_path, held) as node:
        frequencies = await node.post("/beacon/aggregated/v2.0.0/g_variants", {"meta": {}, "query": {}})
        people = await node.post("/beacon/individuals/v2.0.0/individuals", SUBJECT_QUESTION, TOKEN)
    assert (frequencies.status_code, people.status_code) == (200, 200)
