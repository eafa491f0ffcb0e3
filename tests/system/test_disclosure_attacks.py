"""Simulated attackers against what the node really lets out: floors, budgets and ledger as they are served.

Each attack comes with its control: without the defence it succeeds, or the test would prove nothing.
Seeded; sampling errors are given where a power is compared.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import Engine

from opengdi.apps.migrations import migrate
from opengdi.kernel.database import open_engine
from opengdi.kernel.disclosure.bulk_floors import visibility_classes
from opengdi.kernel.disclosure.floors import Layout, Visibility
from opengdi.kernel.disclosure.ledger import BudgetAccount
from opengdi.kernel.disclosure.losses import FREE_FROM, capacity, floored_policy, loss
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.power import budget, membership_power
from opengdi.kernel.disclosure.sql_ledger import SqlBudgetLedger
from opengdi.kernel.principal import Principal, Tier

Floats = npt.NDArray[np.float64]
Genotypes = npt.NDArray[np.int64]

TOTAL_ALONE = Layout.of(("Total",))
PEOPLE = 100
STRANGERS = 2000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(tmp_path / "state.sqlite")
    migrate(engine)
    yield engine
    engine.dispose()


async def answers_told(
    ledger: SqlBudgetLedger, cohort: int, policy: DisclosurePolicy, counts: Genotypes
) -> list[int]:
    """Places of the alleles that one caller is told who asks for all of them, in order."""
    numbers = np.full((len(counts), 1), 2 * PEOPLE)
    seen = visibility_classes(counts[:, None], numbers, TOTAL_ALONE, policy.k_alleles) != Visibility.NOTHING
    account = BudgetAccount(f"GDI-EE-SIM-{cohort}", "1", PEOPLE, policy)
    attacker = Principal("token:attacker", Tier.REGISTERED)
    paid = await asyncio.gather(
        *(ledger.charge(attacker, [(account, [unit])]) for unit in range(len(counts)))
    )
    return [unit for unit, (told,) in enumerate(paid) if told and seen[unit]]


def membership_scores(people: Genotypes, cohort: Floats, panel: Floats) -> Floats:
    """Log-likelihood ratio of each person's genotypes: drawn from the cohort's frequencies or from the panel's."""
    return people @ np.log(cohort / panel) + (2 - people) @ np.log((1 - cohort) / (1 - panel))


async def measured_power(engine: Engine, factor: float, cohorts: int) -> tuple[float, int]:
    """Power at 1 % false positives over many simulated cohorts, and the answers told about each."""
    rng = np.random.default_rng(46)
    policy = DisclosurePolicy(k_alleles=10, af_budget_factor=factor)
    ledger = SqlBudgetLedger(engine)
    found, told_about = [], 0
    for cohort in range(cohorts):
        frequencies = rng.uniform(0.1, 0.9, size=round(factor * PEOPLE * 1.2) + 10)
        members = rng.binomial(2, frequencies, size=(PEOPLE, len(frequencies)))
        told = await answers_told(ledger, cohort, policy, members.sum(axis=0))
        told_about = max(told_about, len(told))
        strangers = rng.binomial(2, frequencies[told], size=(STRANGERS, len(told)))
        panel = rng.binomial(2, frequencies[told], size=(STRANGERS, len(told))).mean(axis=0) / 2
        pooled = members[:, told].mean(axis=0) / 2
        threshold = np.quantile(membership_scores(strangers, pooled, panel), 0.99)
        found.append((membership_scores(members[:, told], pooled, panel) > threshold).mean())
    ledger.close()
    return float(np.mean(found)), told_about


async def test_a_caller_at_budget_hardly_ever_recognises_a_member(engine: Engine) -> None:
    power, told = await measured_power(engine, 0.46, cohorts=30)
    assert 40 <= told <= budget(PEOPLE, 0.46) == 46
    assert power <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / (PEOPLE * 30)) + 0.01, "and the threshold's own error"


async def test_twenty_answers_a_person_recognise_the_members(engine: Engine) -> None:
    power, told = await measured_power(engine, 20, cohorts=3)
    assert told > 19 * PEOPLE
    assert power >= 0.95
    assert power == pytest.approx(membership_power(20 * PEOPLE, PEOPLE), abs=0.05)


def presence_power(floor: int) -> float:
    """Power at 5 % false positives of the test that asks for somebody's 100 rarest alleles: are they there?"""
    rng = np.random.default_rng(20)
    people, sites = 500, 60_000
    frequencies = np.sort(np.exp(rng.uniform(math.log(2e-4), math.log(0.5), size=sites)))
    members = rng.random((people, sites), dtype=np.float32) < 1 - (1 - frequencies) ** 2
    strangers = rng.random((300, sites), dtype=np.float32) < 1 - (1 - frequencies) ** 2
    counts = members.sum(axis=0)[:, None]
    numbers = np.full_like(counts, 2 * people)
    seen = visibility_classes(counts, numbers, TOTAL_ALONE, floor) != Visibility.NOTHING
    seen &= counts[:, 0] > 0
    threshold = np.quantile([present(person, seen) for person in strangers], 0.95)
    return float(np.mean([present(person, seen) > threshold for person in members[:300]]))


def present(person: npt.NDArray[np.bool_], seen: npt.NDArray[np.bool_]) -> int:
    """How many of the person's 100 rarest alleles are said to be there; sites are in order of frequency."""
    return int(seen[np.flatnonzero(person)[:100]].sum())


def test_without_a_floor_a_hundred_rare_alleles_recognise_every_member() -> None:
    assert presence_power(0) == 1.0


def test_a_floor_of_twenty_blinds_the_presence_attack_and_one_of_ten_takes_most_of_its_power() -> None:
    assert presence_power(20) <= 0.06 + 2 * math.sqrt(0.06 * 0.94 / 300)
    assert presence_power(10) <= 0.3


SUBJECTS, SITES, ASKED = 500, 60_000, 100
VICTIMS, OTHERS = 150, 300


@dataclass(frozen=True)
class Presence:
    """A dataset that tells of single carriers, and people in it and not in it; sites are in order of frequency.

    tails: by site, the probability that k or more of its alleles are among as many people, for k from 0.
    """

    counts: Genotypes
    members: npt.NDArray[np.bool_]
    strangers: npt.NDArray[np.bool_]
    tails: Floats


@pytest.fixture(scope="module")
def presence() -> Presence:
    rng = np.random.default_rng(20)
    frequencies = np.sort(np.exp(rng.uniform(math.log(2e-4), math.log(0.5), size=SITES)))
    members, strangers = (
        rng.random((number, SITES), dtype=np.float32) < 1 - (1 - frequencies) ** 2
        for number in (SUBJECTS, OTHERS)
    )
    expected, k = 2 * SUBJECTS * frequencies[:, None], np.arange(FREE_FROM)
    exact = np.exp(k * np.log(expected) - expected - np.array([math.lgamma(each + 1) for each in k]))
    tails = np.maximum(1 - np.cumsum(exact, axis=1), 1e-12)
    tails = np.concatenate([np.ones((SITES, 1)), tails], axis=1)
    return Presence(members.sum(axis=0), members[:VICTIMS], strangers, tails)


async def said_to_be_there(
    ledger: SqlBudgetLedger, attacker: str, account: BudgetAccount, sites: Genotypes, counts: Genotypes
) -> npt.NDArray[np.bool_]:
    """Which alleles a caller is told of who asks for one after the other, by the rules of `FewCarriers`."""
    asker = Principal(attacker, Tier.REGISTERED)
    paid = await ledger.charge(asker, [(account, [site]) for site in sites.tolist()])
    assert all(paid), "the budget of answers holds for all of them"
    seen = counts[sites] > 0
    if floored_policy(account.policy) is not None:
        few = np.flatnonzero(seen & (counts[sites] < FREE_FROM)).tolist()
        losses = [(account.of_losses(int(counts[sites[each]])), [int(sites[each])]) for each in few]
        seen[few] = await ledger.charge(asker, losses)
    return seen


def evidence(world: Presence, sites: Genotypes, told: npt.NDArray[np.bool_], purse: int) -> float:
    """The best there is: how much likelier the answers are of a member than of a stranger, by the true frequencies.

    The attacker knows at each question how many carriers the purse still pays for; one genotype in a hundred is wrong.
    """
    score = 0.0
    for site, is_told in zip(sites.tolist(), told.tolist(), strict=True):
        least = next((k for k in range(1, FREE_FROM) if loss(k) <= purse), FREE_FROM) if purse >= 0 else 1
        stranger = world.tails[site, least]
        member = 0.99 * world.tails[site, least - 1] + 0.01 * stranger
        score += math.log(member / stranger if is_told else max(1 - member, 1e-12) / max(1 - stranger, 1e-12))
        if is_told and 0 < world.counts[site] < FREE_FROM and purse >= 0:
            purse -= loss(int(world.counts[site]))
    return score


async def presence_powers(engine: Engine, world: Presence, budget_nats: float) -> tuple[float, float]:
    """Power at 5 % false positives of who counts the answers, and of who weighs them."""
    policy = DisclosurePolicy(k_alleles=1, individual_budget=budget_nats)
    account = BudgetAccount("GDI-EE-SIM", "1", SUBJECTS, policy)
    purse = -1 if floored_policy(policy) is None else capacity(policy)
    ledger = SqlBudgetLedger(engine)
    scores = []
    for person in (*world.strangers, *world.members):
        sites = np.flatnonzero(person)[:ASKED]
        told = await said_to_be_there(ledger, f"token:{len(scores)}", account, sites, world.counts)
        scores.append((told.sum(), evidence(world, sites, told, purse)))
    ledger.close()
    counted, weighed = (
        float(np.mean(each[OTHERS:] > np.quantile(each[:OTHERS], 0.95))) for each in np.array(scores).T
    )
    return counted, weighed


async def test_with_a_floor_of_one_the_answers_that_the_budget_allows_recognise_every_member(
    engine: Engine, presence: Presence
) -> None:
    counted, weighed = await presence_powers(engine, presence, budget_nats=1e6)
    assert counted == weighed == 1.0


async def test_with_a_floor_of_one_the_purse_of_losses_leaves_less_than_a_floor_of_eight_would(
    engine: Engine, presence: Presence
) -> None:
    """Counting is blinded. Weighing by true frequencies finds seven in ten where it found all: a "no" tells as well."""
    counted, weighed = await presence_powers(engine, presence, budget_nats=3.0)
    assert counted <= 0.17 + 2 * math.sqrt(0.17 * 0.83 / VICTIMS)
    assert weighed <= 0.69 + 2 * math.sqrt(0.69 * 0.31 / VICTIMS)


async def test_a_purse_of_nothing_is_the_default_floor(engine: Engine, presence: Presence) -> None:
    counted, weighed = await presence_powers(engine, presence, budget_nats=0)
    assert counted <= 0.25 + 2 * math.sqrt(0.25 * 0.75 / VICTIMS)
    assert weighed <= 0.45 + 2 * math.sqrt(0.45 * 0.55 / VICTIMS)
