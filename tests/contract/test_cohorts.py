"""An application says whose data it asks for: the hub counts them, submitting freezes it, a body sees its part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from tests.applications_kit import COLLEAGUE, EE, FI, FI2, OFFICIAL, RESEARCHER, STRANGER, Kit
from tests.sqlite import migrated_engine
from tests.unit.access.cases.deliberation import offer_json

from opengdi.access.applications.cohorts import CohortCount
from opengdi.access.applications.content import digest_of, read_content, version_document
from opengdi.access.cases.offers import read_offer
from opengdi.access.model import AskedDataset
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon.questions import BeaconRequest, OntologyFilter

WOMEN = [{"id": "NCIT:C16576"}]


@dataclass
class Counts:
    """Answers by table; who asked what is kept."""

    by_dataset: dict[str, int] = field(default_factory=lambda: {EE.dataset: 120, FI.dataset: 80})
    asked: list[tuple[str, BeaconRequest]] = field(default_factory=list)

    async def __call__(
        self, question: BeaconRequest, datasets: Sequence[AskedDataset], asker: Principal
    ) -> list[CohortCount]:
        self.asked.append((asker.subject, question))
        return [
            CohortCount(each.dataset, each.version, self.by_dataset.get(each.dataset), "imprecise")
            for each in datasets
        ]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = migrated_engine(tmp_path / "state.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def kit(engine: Engine, tmp_path: Path, counts: Counts) -> Kit:
    return Kit(engine, tmp_path, count=counts)


async def define(kit: Kit, id_: str, filters: object = WOMEN, who: str = RESEARCHER, **more: Any) -> Any:
    body = {"filters": filters, **more}
    return await kit.client(who).ask("PUT", f"/applications/{id_}/cohort", json=body)


async def test_a_cohort_is_counted_by_the_hub_and_frozen_by_submitting(kit: Kit, counts: Counts):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE, FI)
    told = (await define(kit, id_)).json()["cohort"]
    assert counts.asked[0][0] == RESEARCHER, "in the asker's own name and budget"
    assert counts.asked[0][1].filters == (OntologyFilter("NCIT:C16576"),)
    assert [(each["dataset"], each["version"], each["count"]) for each in told["counts"]] == [
        (EE.dataset, "1.0", 120),
        (FI.dataset, "1.0", 80),
    ]
    assert told["at"] == kit.clock.now().isoformat()
    await researcher.do(id_, "submit")
    await kit.client(OFFICIAL).do(id_, "confirm")
    counts.by_dataset[EE.dataset] = 7
    version = await researcher.get(f"/applications/{id_}/versions/1")
    assert version["cohort"] == told, "what was submitted stays as it was"

    state = kit.applications.state(id_)
    content = kit.applications.content(state.versions[0].content)
    document = version_document(state, content, state.organisation) | {"version": 1}
    assert digest_of(document) == state.versions[0].digest
    document["content"]["cohort"]["counts"][0]["count"] = 121
    assert digest_of(document) != state.versions[0].digest, "the digest that decisions name covers it"


async def test_each_body_sees_the_question_and_the_count_of_its_own_data(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE, FI)
    told = (await define(kit, id_)).json()["cohort"]
    await researcher.do(id_, "submit")
    await kit.client(OFFICIAL).do(id_, "confirm")
    offered = {
        body["body"]: body["application"]["cohort"] for _, kind, body in kit.notices if kind == "case.offered"
    }
    assert {body: [each["dataset"] for each in cohort["counts"]] for body, cohort in offered.items()} == {
        "ee.dac": [EE.dataset],
        "fi.dac": [FI.dataset],
    }
    assert all(cohort["filters"] == WOMEN for cohort in offered.values())
    assert {cohort["digest"] for cohort in offered.values()} == {told["digest"]}


def test_a_node_takes_an_offer_with_a_cohort():
    offer = offer_json()
    offer["application"]["cohort"] = {"filters": WOMEN, "counts": [], "at": "", "digest": "d"}
    assert '"cohort"' in read_offer(offer).text


async def test_an_application_without_a_cohort_is_as_it_always_was(kit: Kit):
    id_ = await kit.client(RESEARCHER).complete(EE)
    assert (await kit.client(RESEARCHER).get(f"/applications/{id_}"))["cohort"] is None
    state = kit.applications.state(id_)
    text = kit.texts.of([state.content])[state.content]
    assert "cohort" not in text, "digests of what was written before stay the same"
    assert read_content(text).digest == state.digest


async def test_a_cohort_of_other_datasets_is_not_submitted(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE)
    await define(kit, id_)
    wanted = [{"dataset": one.dataset} for one in (EE, FI2)]
    await researcher.do(id_, "change-datasets", datasets=wanted)
    refused = await researcher.try_to(id_, "submit")
    assert "cohort-of-other-datasets" in [each["type"] for each in refused.json()["errors"]]
    await define(kit, id_)
    assert (await researcher.do(id_, "submit"))["state"] == "pending-confirmation"


async def test_nobody_writes_a_count_of_their_own(kit: Kit, counts: Counts):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE)
    forged = {"filters": WOMEN, "counts": [{"dataset": EE.dataset, "version": "1.0", "count": 9}], "at": ""}
    assert (await researcher.try_to(id_, "save-draft", cohort=forged)).status_code == 400
    answer = await define(kit, id_, counts=forged["counts"])
    assert answer.status_code == 400
    assert counts.asked == []
    assert (await researcher.get(f"/applications/{id_}"))["cohort"] is None


async def test_who_may_not_edit_the_draft_asks_nothing_by_it(kit: Kit, counts: Counts):
    id_ = await kit.client(RESEARCHER).submitted(EE)
    assert (await define(kit, id_)).status_code in {403, 409}, "it is submitted"
    draft = await kit.client(RESEARCHER).create(EE)
    assert (await define(kit, draft, who=STRANGER)).status_code in {403, 404}
    assert (await define(kit, draft, who=COLLEAGUE)).status_code in {403, 404}
    assert (await define(kit, draft, who="")).status_code == 401
    assert counts.asked == []


@pytest.mark.parametrize(
    "filters,said",
    [
        ([{"operator": "="}], "id"),
        ([{"id": "NCIT:C16576", "similarity": 3}], "similarity"),
        ("women", "filters"),
        ([{"id": "age", "operator": ">", "value": 60.5}], "filters"),
        ([{"id": f"HP:{number:07}"} for number in range(51)], "50|length"),
        ([{"id": "x" * 20_000}], "16384|bytes|id"),
    ],
)
async def test_a_wrong_question_is_named_and_asked_of_nobody(
    kit: Kit, counts: Counts, filters: object, said: str
):
    id_ = await kit.client(RESEARCHER).create(EE)
    answer = await define(kit, id_, filters)
    assert answer.status_code == 400
    assert any(word in answer.json()["detail"] for word in said.split("|")), answer.json()["detail"]
    assert (await kit.client(RESEARCHER).get(f"/applications/{id_}"))["cohort"] is None


async def test_no_filters_mean_everybody_and_a_copy_is_counted_anew(kit: Kit):
    researcher = kit.client(RESEARCHER)
    id_ = await researcher.complete(EE)
    assert (await define(kit, id_)).json()["cohort"]
    copy = await researcher.do(id_, "copy-as-new")
    assert copy["cohort"] is None
    assert (await define(kit, id_, [])).json()["cohort"] is None


async def test_a_hub_without_a_network_says_that_it_cannot_count(engine: Engine, tmp_path: Path):
    kit = Kit(engine, tmp_path)
    id_ = await kit.client(RESEARCHER).create(EE)
    assert (await define(kit, id_)).status_code == 503
