"""What a cohort's count is made of: one question to the network, by the rules for any question about people."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.federation.kit import SILENCE, ScriptedMembers, answer, member, network, result_set

from opengdi.access.applications.cohorts import CohortCount, read_question
from opengdi.access.model import AskedDataset
from opengdi.apps.cohorts import NetworkCounts
from opengdi.kernel.errors import NotAuthenticated, NotPermitted
from opengdi.kernel.principal import Principal, Tier

EE, FI, LV = (
    AskedDataset(f"GDI-{code}-A-1", "1.0", f"{code}.node", f"{code}.dac") for code in ("EE", "FI", "LV")
)
RESEARCHER = Principal("researcher", Tier.REGISTERED, logged_in=True)
QUESTION = read_question([{"id": "NCIT:C16576"}])


async def count(folder: Path, asker: Principal = RESEARCHER) -> tuple[list[CohortCount], ScriptedMembers]:
    coarse = {"countPrecision": "imprecise", "countAdjustedTo": ["<10"]}
    client = ScriptedMembers(
        {
            "ee": answer(
                result_set(EE.dataset, 120, countPrecision="exact"),
                result_set("GDI-EE-OTHER-1", 9),
                granularity="count",
            ),
            "fi": answer(result_set(FI.dataset, 0, **coarse), granularity="count"),
            "lv": SILENCE,
        }
    )
    asked = NetworkCounts(network(folder, [member("ee"), member("fi"), member("lv")], client))
    return await asked(QUESTION, [EE, FI, LV], asker), client


async def test_each_release_has_its_count_or_none(tmp_path: Path):
    found, client = await count(tmp_path)
    assert [(each.dataset, each.version, each.count) for each in found] == [
        (EE.dataset, "1.0", 120),
        (FI.dataset, "1.0", 0),
        (LV.dataset, "1.0", None),
    ]
    assert (found[1].precision, found[1].adjusted) == ("imprecise", ["<10"]), "how coarse it is stays said"
    for _, sent in client.asked:
        assert sent.body is not None
        assert sent.body["query"]["requestedGranularity"] == "count"


@pytest.mark.parametrize(
    "asker,refusal",
    [(Principal("anonymous:1"), NotAuthenticated), (Principal("visitor", logged_in=True), NotPermitted)],
)
async def test_who_may_not_ask_about_people_counts_none(
    tmp_path: Path, asker: Principal, refusal: type[Exception]
):
    with pytest.raises(refusal):
        await count(tmp_path, asker)
