"""How long an answer takes does not tell an allele that is hidden from one that is not there."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from scipy.stats import mannwhitneyu
from tests.node_beacons import AGGREGATED, AuditLines, PeopleInMemory, settings_for

from opengdi.apps.beacons import BeaconStores, beacons_part
from opengdi.apps.migrations import migrate
from opengdi.apps.process import assemble
from opengdi.discovery.releases import Shelf
from opengdi.discovery.variants.folder import IndexFolder
from opengdi.discovery.variants.serving import ServedVariants, ServingOptions
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.disclosure.guard import DifferencingGuard
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.sql_ledger import SqlBudgetLedger
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.keys import Secret, SigningKey
from opengdi.standards.coordinates import Assembly
from opengdi.testing.variants import site_row, write_release

KEY = SigningKey.generate()


QUESTIONS = 400
LARGEST_EFFECT = 0.1
"""Of the probability that one kind takes longer than the other, away from one half."""


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A node with the real index: at even positions an allele that three people carry, at odd ones nothing."""
    (tmp_path / "data").mkdir(mode=0o700)
    rows = [site_row("3", 10_000 + 2 * place, "A", "G", (3, 2000, 0, 3, 0)) for place in range(QUESTIONS)]
    policy = DisclosurePolicy(af_budget_factor=10.0, global_budget_factor=100.0)
    manifest = write_release(tmp_path / "releases", rows, assembly=Assembly.GRCh37, policy=policy)
    engine = open_engine(tmp_path / "data" / "state.sqlite")
    migrate(engine)
    shelf = Shelf(engine, tmp_path / "releases", SystemClock(), KEY)
    shelf.add(manifest)
    shelf.publish(manifest.dataset, manifest.version)
    served = ServedVariants(shelf, IndexFolder(tmp_path / "index"), SystemClock(), ServingOptions({}))
    ledger = SqlBudgetLedger(engine)
    stores = BeaconStores(
        published=served.published,
        variants=served.store,
        subjects=PeopleInMemory({}),
        ledger=ledger,
        guard=DifferencingGuard(engine),
        audit=AuditLines(),
    )
    settings = settings_for(tmp_path, "https://node.test")
    process = assemble(
        "node", settings, SystemClock(), [beacons_part(settings, stores, Callers(Secret(b"0" * 32)))]
    )
    transport = httpx.ASGITransport(process.public)
    async with httpx.AsyncClient(transport=transport, base_url="https://node.test") as client:
        yield client
    process.close()
    ledger.close()
    served.close()
    engine.dispose()


async def test_a_hidden_allele_takes_as_long_as_none(client: httpx.AsyncClient) -> None:
    places = list(range(10_000, 10_000 + 2 * QUESTIONS))
    random.Random(5).shuffle(places)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    bodies = set()
    for place in places:
        parameters = {"referenceName": "3", "start": place, "referenceBases": "A", "alternateBases": "G",
                      "assemblyId": "GRCh37", "requestedGranularity": "record"}  # fmt: skip
        begun = time.perf_counter()
        told = await client.get(f"{AGGREGATED}/g_variants", params=parameters)
        seconds[place % 2 == 0].append(time.perf_counter() - begun)
        bodies.add(told.json()["responseSummary"]["exists"])
    assert bodies == {False}
    found = mannwhitneyu(seconds[True], seconds[False])
    assert abs(found.statistic / QUESTIONS**2 - 0.5) < LARGEST_EFFECT
