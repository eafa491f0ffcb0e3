"""How long an answer takes does not tell what is hidden from what is not there, nor from what is told.

Questions of all kinds are asked in turn in random order, so that whatever else the machine does falls upon all alike.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from scipy.stats import mannwhitneyu
from tests.loading import DATASET, KEY, bench
from tests.node_beacons import (
    AGGREGATED,
    INDIVIDUALS,
    PROOFS,
    TOKEN,
    AuditLines,
    PeopleInMemory,
    settings_for,
)

from opengdi.apps.beacons import BeaconStores, beacons_part
from opengdi.apps.migrations import migrate
from opengdi.apps.process import assemble
from opengdi.discovery.ports import SubjectStore
from opengdi.discovery.releases import Shelf
from opengdi.discovery.subjects.hierarchy import load_ontology
from opengdi.discovery.subjects.store import BitmapSubjectStore
from opengdi.discovery.variants.folder import IndexFolder
from opengdi.discovery.variants.serving import ServedVariants, ServingOptions
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.disclosure.guard import DifferencingGuard
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.sql_ledger import SqlBudgetLedger
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.keys import Secret
from opengdi.standards.coordinates import Assembly
from opengdi.testing.identity import gated
from opengdi.testing.variants import site_row, write_release

QUESTIONS, TIMES = 400, 3
"""Questions of each kind, and how often each is asked."""
LARGEST_EFFECT = 0.07
"""Of the probability that one kind takes longer than the other, away from one half. Chance alone gives 0.012, whatever
else the machine does, for the kinds are asked in random order."""
LARGEST_EFFECT_OF_A_HIT = 0.1
PEOPLE, HIDDEN, TOLD = 1000, 3, 200
"""Individuals; how many of them carry a hidden allele, and one that is told."""

Question = Callable[[int], dict[str, object]]
Seconds = tuple[list[float], list[float], list[float]]


@contextmanager
def beacons(
    folder: Path, shelf: Shelf, subjects: Callable[[ServedVariants], SubjectStore]
) -> Iterator[httpx.AsyncClient]:
    """Both Beacons of a node with the real index, ledger and guard over what lies on the shelf."""
    engine = open_engine(folder / "data" / "state.sqlite")
    served = ServedVariants(shelf, IndexFolder(folder / "index"), SystemClock(), ServingOptions({}))
    ledger = SqlBudgetLedger(engine)
    stores = BeaconStores(
        published=served.published,
        variants=served.store,
        subjects=subjects(served),
        ledger=ledger,
        guard=DifferencingGuard(engine),
        audit=AuditLines(),
    )
    settings = settings_for(folder, "https://node.test")
    part = beacons_part(settings, stores, Callers(Secret(b"0" * 32)))
    process = assemble("node", settings, SystemClock(), [part], gate=lambda app: gated(app, PROOFS))
    yield httpx.AsyncClient(
        transport=httpx.ASGITransport(process.public),
        base_url="https://node.test",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    process.close()
    ledger.close()
    served.close()
    engine.dispose()


FLOOR: dict[str, float] = {}
SPENT_PURSE: dict[str, float] = {"k_alleles": 1, "k_individuals": 1, "individual_budget": 0.0}
"""Floors that would show three carriers, and a purse of losses that holds nothing any more."""


@pytest.fixture(params=[FLOOR, SPENT_PURSE], ids=["hidden by the floor", "hidden by a spent purse"])
def about_alleles(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[httpx.AsyncClient]:
    """From 10,000 on in turn: an allele that three people carry, nothing, and an allele that may be told."""
    (tmp_path / "data").mkdir(mode=0o700)
    counts = ((HIDDEN, 2 * PEOPLE, 0, HIDDEN, 0), None, (TOLD, 2 * PEOPLE, 0, TOLD, 0))
    rows = [
        site_row("3", 10_000 + place, "A", "G", held)
        for place in range(3 * QUESTIONS)
        if (held := counts[place % 3]) is not None
    ]
    policy = DisclosurePolicy(af_budget_factor=10.0, global_budget_factor=100.0, **request.param)
    manifest = write_release(tmp_path / "releases", rows, assembly=Assembly.GRCh37, policy=policy)
    engine = open_engine(tmp_path / "data" / "state.sqlite")
    migrate(engine)
    shelf = Shelf(engine, tmp_path / "releases", SystemClock(), KEY)
    shelf.add(manifest)
    shelf.publish(manifest.dataset, manifest.version)
    with beacons(tmp_path, shelf, lambda _: PeopleInMemory({})) as client:
        yield client
    engine.dispose()


@pytest.fixture
def about_people(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[httpx.AsyncClient]:
    """As before, of genotypes; and of measured numbers 0, 1, 2, … in turn three people, nobody, and 200 have one."""
    with bench(tmp_path) as loading:
        shuffled = random.Random(3)
        names = [f"P{number}" for number in range(PEOPLE)]
        records: list[str] = []
        measured: dict[str, list[int]] = {name: [] for name in names}
        for place in range(3 * QUESTIONS):
            number = (HIDDEN, 0, TOLD)[place % 3]
            carriers = set(shuffled.sample(names, number))
            for name in carriers:
                measured[name].append(place)
            if carriers:
                genotypes = " ".join("0/1" if name in carriers else "0/0" for name in names)
                records.append(f"3 {10_001 + place} . A G . PASS . GT {genotypes}")
        loading.write_vcf("chr3.vcf", records, names)
        (loading.source / "individuals.json").write_text(
            json.dumps([_individual(name, measured[name]) for name in names])
        )
        loading.write_release(
            'files = ["chr3.vcf"]',
            '[subjects]\nindividuals = "individuals.json"\n'
            "[disclosure]\naf_budget_factor = 10\nglobal_budget_factor = 100\ndifferencing_floor = 0\n"
            + "".join(f"{name} = {value}\n" for name, value in request.param.items()),
            assembly="GRCh37",
        )
        loading.load()
        shelf = loading.workshop.shelf
        shelf.publish(DATASET, "1")
        with beacons(tmp_path, shelf, _subjects) as client:
            yield client


def _subjects(served: ServedVariants) -> SubjectStore:
    return BitmapSubjectStore(served.published, load_ontology())


def _individual(name: str, measured: list[int]) -> dict[str, Any]:
    return {
        "id": name,
        "sex": {"id": "NCIT:C16576", "label": "female"},
        "measures": [
            {
                "assayCode": {"id": "LOINC:35925-4", "label": "BMI"},
                "measurementValue": {"unit": {"id": "NCIT:C49671", "label": "x"}, "value": value},
            }
            for value in measured
        ],
    }


def allele(place: int) -> dict[str, object]:
    return {"referenceName": "3", "start": 10_000 + place, "referenceBases": "A", "alternateBases": "G",
            "assemblyId": "GRCh37"}  # fmt: skip


def measurement(place: int) -> dict[str, object]:
    return {"filters": f"LOINC:35925-4:={place}"}


async def seconds_of_each_kind(ask: Callable[[int], Awaitable[httpx.Response]]) -> Seconds:
    """How long answers take about what is hidden, what is not there, and what is told."""
    places = [*range(3 * QUESTIONS)] * TIMES
    random.Random(5).shuffle(places)
    seconds: Seconds = ([], [], [])
    for place in places:
        begun = time.perf_counter()
        answer = await ask(place)
        seconds[place % 3].append(time.perf_counter() - begun)
        assert answer.status_code == 200, answer.text
        assert answer.json()["responseSummary"]["exists"] is (place % 3 == 2)
    return seconds


def effect(ones: list[float], others: list[float]) -> float:
    """How far the probability that one of the first takes longer than one of the others is from one half."""
    return float(mannwhitneyu(ones, others).statistic) / (len(ones) * len(others)) - 0.5


async def of_alleles(client: httpx.AsyncClient, granularity: str) -> Seconds:
    async def ask(place: int) -> httpx.Response:
        asked = allele(place) | {"requestedGranularity": granularity}
        return await client.get(f"{AGGREGATED}/g_variants", params=asked)

    return await seconds_of_each_kind(ask)


@pytest.mark.parametrize("granularity", ["boolean", "record"])
async def test_a_hidden_allele_takes_as_long_as_none(
    about_alleles: httpx.AsyncClient, granularity: str
) -> None:
    hidden, absent, _ = await of_alleles(about_alleles, granularity)
    assert abs(effect(hidden, absent)) < LARGEST_EFFECT


async def test_that_an_allele_is_there_takes_as_long_to_tell_as_that_it_is_not(
    about_alleles: httpx.AsyncClient,
) -> None:
    """A record takes a little longer, and is itself the answer."""
    hidden, absent, told = await of_alleles(about_alleles, "boolean")
    assert abs(effect(told, hidden)) < LARGEST_EFFECT_OF_A_HIT
    assert abs(effect(told, absent)) < LARGEST_EFFECT_OF_A_HIT


@pytest.mark.parametrize("granularity", ["boolean", "count"])
@pytest.mark.parametrize(
    ("about_people", "question"),
    [(FLOOR, allele), (FLOOR, measurement), (SPENT_PURSE, allele)],
    ids=["allele", "measurement", "allele hidden by a spent purse"],
    indirect=["about_people"],
)
async def test_people_who_are_too_few_take_as_long_as_nobody(
    about_people: httpx.AsyncClient, question: Question, granularity: str
) -> None:
    """Those who are told of take longer by what is written down of them, and are themselves the answer."""

    async def ask(place: int) -> httpx.Response:
        asked = question(place) | {"requestedGranularity": granularity}
        return await about_people.get(f"{INDIVIDUALS}/individuals", params=asked)

    hidden, nobody, _ = await seconds_of_each_kind(ask)
    assert abs(effect(hidden, nobody)) < LARGEST_EFFECT
