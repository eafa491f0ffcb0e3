"""The defects of the deployed network backend, N-01 to N-12 of the Beacon reference, over HTTP (N-11, N-12: system)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.federation.kit import (
    SILENCE,
    AuditLines,
    CountingLedger,
    FullDisk,
    ScriptedMembers,
    answer,
    cell,
    facts,
    member,
    network,
    result_set,
    variant,
)

from opengdi.federation.api import NetworkMount, beacon_error_shape, network_routes
from opengdi.federation.circuit import Fault
from opengdi.federation.model import Dialect, MemberState, Network, Paging
from opengdi.federation.ports import MemberFault
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import Secret
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.testing.identity import gated, proof

BASE = "/beacon-network/v2.0.0"
HIT = answer(result_set("A", 1, [variant(cell("Total", 410, 5008))]))
MISS = answer(result_set("B", 0, []))
CALLERS = Callers(Secret(b"k" * 32))
KNOWN = {"a-token-for-the-portal": proof("researcher"), "a-token-of-a-stranger": proof("x", bona_fide=False)}
UNREACHABLE = MemberFault(MemberState.ERROR, "cannot be reached", Fault.UNREACHABLE)


GENE, SCOPE = {"geneId": "BRAF"}, {"datasetIds": ["A"]}


def hub(folder: Path, client: ScriptedMembers, **options: Any) -> httpx.AsyncClient:
    members = options.pop("members", [member(name) for name in client.replies])
    kind = options.pop("kind", Network.AGGREGATED)
    mount = NetworkMount(BASE, facts(), {kind: network(folder, members, client, **options)})
    app = Edge(
        gated(Routing(network_routes(mount, CALLERS, "0")), KNOWN),
        clock=SystemClock(),
        shapes={BASE: beacon_error_shape(mount.facts)},
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://hub{BASE}")


def body(**query: object) -> dict[str, object]:
    return {"meta": {"apiVersion": "v2.2.0"}, "query": {"requestedGranularity": "record", **query}}


async def post(
    folder: Path, replies: dict[str, Any], query: dict[str, object] | None = None, **options: Any
) -> Any:
    client = hub(folder, ScriptedMembers(replies), **options)
    response = await client.post("/g_variants", json=body(**(query or {})))
    assert response.status_code == 200
    return response.json()


@pytest.mark.parametrize("include", ["HIT", "MISS", "ALL", "NONE"])
async def test_n01_no_member_disappears_whatever_became_of_it(tmp_path: Path, include: str) -> None:
    replies = {
        "ee": HIT,
        "fi": SILENCE,
        "se": UNREACHABLE,
        "no": MemberFault(MemberState.DENIED, "not permitted", None),
        "lv": {"nonsense": 1},
        "lt": MISS,
    }
    found = await post(tmp_path, replies, {"includeResultsetResponses": include})
    lines = {line["id"]: line for line in found["info"]["members"]}
    assert {name: line["status"] for name, line in lines.items()} == {
        "ee": "ok", "fi": "timeout", "se": "error", "no": "denied", "lv": "error", "lt": "ok",
    }  # fmt: skip
    assert all(isinstance(line["latencyMs"], int) for line in lines.values())
    assert "malformed answer: meta" in lines["lv"]["reason"]
    assert (found["info"]["membersAsked"], found["info"]["membersAnswered"]) == (6, 2)


async def test_n02_many_slow_members_cost_one_deadline(tmp_path: Path) -> None:
    replies = {"ee": HIT} | {f"m{place}": SILENCE for place in range(20)}
    started = time.monotonic()
    found = await post(tmp_path, replies, deadline_s=0.1)
    assert time.monotonic() - started < 1.0
    assert found["responseSummary"]["exists"] is True
    assert sum(line["status"] == "timeout" for line in found["info"]["members"]) == 20


async def test_n03_without_an_include_mode_misses_are_not_listed(tmp_path: Path) -> None:
    found = await post(tmp_path, {"ee": HIT, "lt": MISS})
    assert [item["id"] for item in found["response"]["resultSets"]] == ["A"]


@pytest.mark.parametrize("include", [None, "HIT", "MISS", "ALL", "NONE"])
@pytest.mark.parametrize("granularity", ["boolean", "count", "record"])
async def test_n04_get_answers_as_post_does(tmp_path: Path, include: str | None, granularity: str) -> None:
    client = hub(tmp_path, ScriptedMembers({"ee": HIT, "lt": MISS}))
    asked: dict[str, Any] = {"requestedGranularity": granularity}
    if include:
        asked["includeResultsetResponses"] = include
    place = {"referenceName": "3", "start": [45864731], "referenceBases": "T", "alternateBases": "C"}
    flat = place | {"start": "45864731"}
    posted = (await client.post("/g_variants", json=body(requestParameters=place, **asked))).json()
    gotten = (await client.get("/g_variants", params=asked | flat)).json()
    for found in (posted, gotten):
        for line in found["info"]["members"]:
            line.pop("latencyMs")
        found["meta"]["receivedRequestSummary"].pop("requestParameters")
    assert gotten == posted


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"query": []}',
        b'{"query": {"requestedGranularity": "aggregated"}}',
        b'{"query": {"includeResultsetResponses": "SOME"}}',
        b'{"query": {"pagination": {"limit": -1}}}',
        b'{"query": {"requestParameters": {"start": [5]}}}',
        b'{"query": {"requestParameters": {"referenceName": "77", "start": [1], "end": [2]}}}',
        b'{"query": {"filters": [{"scope": "individual"}]}}',
        b'{"query": {"filter": [{"id": "NCIT:C16576"}]}}',
        b'{"query": {"requestParameters": []}}',
        b'{"query": {"datasets": ["A"], "requestParameters": {"g_variant": {"geneId": "B", "datasets": ["B"]}}}}',
        b"[" * 100_000,
    ],
)
async def test_n05_a_malformed_question_is_400_in_beacons_shape_and_nobody_is_asked(
    tmp_path: Path, content: bytes
) -> None:
    members = ScriptedMembers({"ee": HIT})
    response = await hub(tmp_path, members).post("/g_variants", content=content)
    assert response.status_code == 400
    told = response.json()
    assert told["error"]["errorCode"] == 400
    assert told["error"]["errorMessage"]
    assert told["meta"]["beaconId"] == "eu.hub"
    assert members.asked == []


@pytest.mark.parametrize(
    "members", [{"g_variant": GENE | SCOPE}, {"g_variant": GENE, **SCOPE}, [GENE | SCOPE]]
)
async def test_members_are_asked_about_the_datasets_that_the_question_names_wherever_it_does(
    tmp_path: Path, members: Any
) -> None:
    client = ScriptedMembers({"ee": answer(result_set("A", 0, []), result_set("B", 3, []))})
    response = await hub(tmp_path, client).post(
        "/g_variants", json=body(requestParameters=members, includeResultsetResponses="ALL")
    )
    ((_, outgoing),) = client.asked
    assert outgoing.body is not None
    assert outgoing.body["query"]["datasetIds"] == ["A"]
    assert response.json()["responseSummary"]["exists"] is False


async def test_n06_a_boolean_hit_without_a_number_counts(tmp_path: Path) -> None:
    boolean = {
        "meta": {"beaconId": "x", "returnedGranularity": "boolean"},
        "responseSummary": {"exists": True},
    }
    found = await post(tmp_path, {"ee": boolean, "lt": MISS})
    assert found["responseSummary"]["exists"] is True
    assert [item["beaconId"] for item in found["response"]["resultSets"]] == ["ee.af"]


async def test_n07_limit_and_skip_are_each_their_own_and_reach_every_member_in_its_counting(
    tmp_path: Path,
) -> None:
    client = ScriptedMembers({"ee": HIT, "fi": MISS})
    members = [member("ee"), member("fi", dialect=Dialect(paging=Paging.RECORDS))]
    response = await hub(tmp_path, client, members=members).get("/g_variants?skip=3&limit=25")
    echoed = response.json()["meta"]["receivedRequestSummary"]["pagination"]
    assert (echoed["skip"], echoed["limit"]) == (3, 25)
    pages: dict[str, Any] = {name: outgoing.body for name, outgoing in client.asked}
    assert pages["ee"]["query"]["pagination"] == {"skip": 3, "limit": 25}
    assert pages["fi"]["query"]["pagination"] == {"skip": 75, "limit": 25}


async def test_the_token_of_the_next_page_leads_through_what_all_members_list(tmp_path: Path) -> None:
    records = [{"variantInternalId": str(number)} for number in range(2)]
    client = ScriptedMembers(
        {"ee": answer(result_set("A", 5, records)), "fi": answer(result_set("B", 1, records[:1]))}
    )
    network = hub(tmp_path, client, members=[member("ee"), member("fi")])
    asked = "/g_variants?requestedGranularity=record"
    pages = [(await network.get(f"{asked}&limit=2")).json()["meta"]["receivedRequestSummary"]["pagination"]]
    while "nextPage" in pages[-1] and len(pages) < 9:
        answered = (await network.get(f"{asked}&nextPage={pages[-1]['nextPage']}")).json()
        pages.append(answered["meta"]["receivedRequestSummary"]["pagination"])
    assert [(page["skip"], page["limit"]) for page in pages] == [(0, 2), (1, 2), (2, 2)]
    assert pages[2]["previousPage"] == pages[1]["currentPage"]
    counted = (await network.get("/g_variants?requestedGranularity=count&limit=2")).json()
    assert "nextPage" not in counted["meta"]["receivedRequestSummary"]["pagination"]


async def test_the_datasets_of_the_network_are_paged_by_tokens(tmp_path: Path) -> None:
    client = ScriptedMembers({"ee": answer(collections=[{"id": name, "name": name} for name in "ABC"])})
    network = hub(tmp_path, client, members=[member("ee")])
    first = (await network.get("/datasets?limit=2")).json()
    token = first["meta"]["receivedRequestSummary"]["pagination"]["nextPage"]
    second = (await network.get(f"/datasets?nextPage={token}")).json()
    assert [each["id"] for each in first["response"]["collections"]] == ["A", "B"]
    assert [each["id"] for each in second["response"]["collections"]] == ["C"]
    assert "nextPage" not in second["meta"]["receivedRequestSummary"]["pagination"]


async def test_n08_schemas_are_united_and_the_granularity_is_the_true_minimum(tmp_path: Path) -> None:
    counted = answer(result_set("C", 3), granularity="count")
    schemas = [{"entityType": "genomicVariant", "schema": name} for name in ("v2.0", "v2.2")]
    first, second = HIT | {}, counted | {}
    first["meta"] = HIT["meta"] | {"returnedSchemas": [schemas[0]]}  # type: ignore[operator]
    second["meta"] = counted["meta"] | {"returnedSchemas": [schemas[1], schemas[0]]}  # type: ignore[operator]
    found = await post(tmp_path, {"ee": first, "fi": second})
    assert found["meta"]["returnedSchemas"] == schemas
    assert found["meta"]["returnedGranularity"] == "count"
    assert found["meta"]["receivedRequestSummary"]["requestedGranularity"] == "record"


async def test_n09_a_dataset_on_two_nodes_counts_once_and_disjoint_ones_are_pooled(tmp_path: Path) -> None:
    def told(dataset: str, count: int) -> Any:
        return answer(result_set(dataset, 1, [variant(cell("Total", count, 1000))]))

    found = await post(tmp_path, {"ee": told("A", 100), "fi": told("A", 100), "se": told("B", 200)})
    assert found["responseSummary"]["numTotalResults"] == 2
    assert [item["id"] for item in found["response"]["resultSets"]] == ["A", "B"]
    (pooled,) = found["info"]["pooledFrequencies"]
    (total,) = pooled["populations"]
    assert (total["alleleCount"], total["alleleNumber"], total["datasets"]) == (300, 2000, ["A", "B"])


async def test_n10_a_member_that_keeps_failing_is_left_alone_and_a_budget_is_kept(tmp_path: Path) -> None:
    members = ScriptedMembers({"ee": UNREACHABLE, "fi": HIT})
    client = hub(tmp_path, members)
    for _ in range(5):
        found = (await client.post("/g_variants", json=body())).json()
    assert [name for name, _ in members.asked].count("ee") == 3
    line = found["info"]["members"][0]
    assert (line["status"], line["reason"]) == ("skipped", "circuit open after failures")


async def test_n10_one_budget_holds_over_two_nodes_for_hits_and_misses_alike(tmp_path: Path) -> None:
    def at(position: int, hit: bool) -> Any:
        records = [variant(cell("Total", 100, 1000), start=position)] if hit else []
        return answer(
            result_set("A", len(records), records, DatasetInfo(individuals=500, af_budget_factor=0.46))
        )

    members = ScriptedMembers({"ee": at(1, hit=True)})
    client = hub(tmp_path, members, ledger=CountingLedger(units=2))

    async def ask(position: int, *, hit: bool) -> Any:
        members.replies["ee"] = at(position, hit)
        place = {"referenceName": "3", "start": [position], "referenceBases": "T", "alternateBases": "C"}
        return (await client.post("/g_variants", json=body(requestParameters=place))).json()

    assert (await ask(1, hit=True))["responseSummary"]["exists"] is True
    assert (await ask(2, hit=False))["responseSummary"]["exists"] is False
    assert (await ask(1, hit=True))["responseSummary"]["exists"] is True, "hearing it again is free"
    over = [await ask(3, hit=True), await ask(4, hit=False)]
    for found in over:
        assert found["info"]["budgetUsedUp"] == ["A"]
        assert found["responseSummary"]["exists"] is False
        found["meta"].pop("receivedRequestSummary")
        found["info"]["members"][0].pop("latencyMs")
    assert over[0] == over[1], "present and absent alleles are refused alike"


async def test_a_question_is_in_the_audit_chain_before_anybody_is_asked(tmp_path: Path) -> None:
    audit = AuditLines()

    def reply(_outgoing: object) -> object:
        assert [action for action, *_ in audit.lines] == ["network.query"]
        return HIT

    await post(tmp_path, {"ee": reply}, audit=audit)
    _, actor, outcome, objects = audit.lines[0]
    assert (actor[:10], outcome, objects) == ("anonymous:", Outcome.DONE, ("member:ee.af",))


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "application/x-ndjson"])
async def test_an_answer_is_in_the_audit_chain_with_every_member_and_dataset(
    tmp_path: Path, accept: str
) -> None:
    audit = AuditLines()
    client = hub(tmp_path, ScriptedMembers({"ee": HIT, "fi": UNREACHABLE, "lt": MISS}), audit=audit)
    await client.post("/g_variants", json=body(), headers={"Accept": accept})
    assert [action for action, *_ in audit.lines] == ["network.query", "network.answer"]
    _, actor, outcome, objects = audit.lines[-1]
    assert actor == audit.lines[0][1]
    assert outcome is Outcome.DONE
    assert objects == ("member:ee.af:ok", "member:fi.af:error", "member:lt.af:ok", "dataset:A", "dataset:B")


async def test_an_answer_that_the_budget_refuses_is_audited_as_refused(tmp_path: Path) -> None:
    audit = AuditLines()
    held = answer(
        result_set(
            "A",
            records=[variant(cell("Total", 50, 100))],
            info=DatasetInfo(individuals=100, af_budget_factor=0.46),
        )
    )
    await post(tmp_path, {"ee": held}, audit=audit, ledger=CountingLedger(units=0))
    assert audit.lines[-1][2:] == (Outcome.REFUSED, ("member:ee.af:ok",))


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_without_an_audit_chain_nobody_is_asked(tmp_path: Path, accept: str) -> None:
    members = ScriptedMembers({"ee": HIT})
    client = hub(tmp_path, members, audit=FullDisk(room=0))
    refused = await client.post("/g_variants", json=body(), headers={"Accept": accept})
    assert refused.status_code == 503
    assert refused.json()["error"]["errorCode"] == 503
    assert members.asked == []


async def test_an_answer_that_cannot_be_audited_is_not_told(tmp_path: Path) -> None:
    client = hub(tmp_path, ScriptedMembers({"ee": HIT}), audit=FullDisk(room=1))
    refused = await client.post("/g_variants", json=body())
    assert refused.status_code == 503
    assert "response" not in refused.json()


async def test_subject_level_questions_need_a_token(tmp_path: Path) -> None:
    members = ScriptedMembers({"ee": HIT})
    both = NetworkMount(BASE, facts(), {kind: network(tmp_path, [member("ee")], members) for kind in Network})

    app = Edge(gated(Routing(network_routes(both, CALLERS, "0")), KNOWN), clock=SystemClock())
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://hub{BASE}")
    for path in ("/individuals", "/datasets/A/individuals", "/individuals/I-1/g_variants", "/runs"):
        assert (await client.get(path)).status_code == 401
    assert members.asked == []
    assert (await client.get("/g_variants")).status_code == 200
    token = {"Authorization": "Bearer a-token-for-the-portal"}
    assert (await client.get("/individuals", headers=token)).status_code == 200
    stranger = {"Authorization": "Bearer a-token-of-a-stranger"}
    assert (await client.get("/individuals", headers=stranger)).status_code == 403
    wrong = {"Authorization": "Bearer somebody-elses-token"}
    assert (await client.get("/individuals", headers=wrong)).status_code == 401
    assert (await client.get("/g_variants", headers=wrong)).status_code == 200, (
        "networks forward tokens of others"
    )
