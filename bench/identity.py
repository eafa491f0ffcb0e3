"""Checking visas: one at a time beside its peer, and a passport of 100 visas, the first time and every other time.

`identity.visa` is what the clearinghouse does for one visa once it has the key: read it, check header, claims, times
and signature, and decide whose it is and what it opens. The peer only checks the signature, with joserfc, and parses
the claims as JSON. `identity.passport` goes through the whole clearinghouse, revocations asked; nothing is fetched.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.jwk import ECKey

from opengdi.identity.clearinghouse.keys import KeyBook, OwnKeys
from opengdi.identity.clearinghouse.model import Issuer, Pair, Policy, Trust
from opengdi.identity.clearinghouse.rules import candidates, conclude, held
from opengdi.identity.clearinghouse.service import Clearinghouse
from opengdi.identity.ports import NothingRevoked
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.keys import SigningKey
from opengdi.standards.passport import (
    Claims,
    TokenKind,
    Visa,
    VisaObject,
    VisaType,
    write_passport,
    write_visa,
)

if TYPE_CHECKING:
    from bench.__main__ import Figure

PEER = "joserfc, signature alone"
VISAS = 100
ROUNDS = 9
"""Ours and the peer's take turns, so that a noisy neighbour meets both; the median counts."""

BROKER = Pair("https://hub.example.org/oidc", "https://hub.example.org/oidc/jwks")
NODE = Pair("https://node.example.org", "https://node.example.org/visas/v1/jwks")


def figures(*, quick: bool) -> list[Figure]:
    """`identity.visa`, `identity.passport`, `identity.passport.cached`."""
    bench = _Bench()
    ours, peers = [], []
    for _ in range(2 if quick else ROUNDS):
        ours.append(bench.rate(bench.check, 200 if quick else 1500))
        peers.append(bench.rate(bench.peer_check, 200 if quick else 1500))
    value, peer = statistics.median(ours), statistics.median(peers)
    cold, cached = asyncio.run(bench.passports(3 if quick else 30))
    return [
        {
            "name": "identity.visa",
            "value": value,
            "unit": "checks/s per core (ES256)",
            "peer": PEER,
            "peer_value": peer,
            "ratio": value / peer,
        },
        _alone("identity.passport", cold, f"ms, {VISAS} visas, first time"),
        _alone("identity.passport.cached", cached, f"ms, {VISAS} visas, cached"),
    ]


class _Bench:
    """A broker and a node with one key each, and a person with many grants."""

    def __init__(self) -> None:
        self._broker, self._node = SigningKey.generate(), SigningKey.generate()
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._trust = Trust((BROKER,), (Issuer(NODE, datasets=("*",), subjects_of=BROKER.iss),))
        self._person = Claims(BROKER.iss, "person", self._now, self._now + timedelta(hours=1), "passport")
        self._visas = [self._visa(number) for number in range(VISAS)]
        jwk: Any = self._node.public.as_jwk()
        self._peer_key = ECKey.import_key(jwk)
        self._number = 0

    def _visa(self, number: int) -> str:
        claims = Claims(NODE.iss, "person", self._now, self._now + timedelta(minutes=30), f"GDIP-A.{number}")
        told = VisaObject(
            VisaType.CONTROLLED_ACCESS,
            f"{NODE.iss}/datasets/GDI-EE-TU-{number}#version=1",
            "https://dac.example.org",
            self._now,
            "dac",
        )
        payload = json.dumps(write_visa(Visa(claims, told))).encode()
        return self._node.sign(payload, purpose=TokenKind.VISA, jku=NODE.jku)

    def rate(self, check: Callable[[str], object], times: int) -> float:
        """Checks per second of processor time."""
        began = time.process_time()
        for number in range(times):
            check(self._visas[number % VISAS])
        return times / (time.process_time() - began)

    def check(self, visa: str) -> None:
        found = candidates([visa], self._trust)
        holding = list(held(found, lambda _pair, _facts: self._node.public, Policy(), self._now))
        proof, _ = conclude(holding, self._person, self._trust, Policy())
        assert proof.visas[0].dataset

    def peer_check(self, visa: str) -> None:
        assert json.loads(jws.deserialize_compact(visa, self._peer_key, algorithms=["ES256"]).payload)

    async def passports(self, times: int) -> tuple[float, float]:
        """Milliseconds for the first and for a further use of a passport, medians."""
        keys = KeyBook(
            {BROKER: OwnKeys(lambda: [self._broker.public]), NODE: OwnKeys(lambda: [self._node.public])}
        )
        house = Clearinghouse(self._trust, keys, NothingRevoked(), SystemClock(), Policy())
        cold, cached = [], []
        for number in range(times):
            passport = self._passport(number)
            cold.append(await _timed(house, passport))
            cached.append(await _timed(house, passport))
        return statistics.median(cold), statistics.median(cached)

    def _passport(self, number: int) -> str:
        claims = Claims(BROKER.iss, "person", self._now, self._now + timedelta(hours=1), f"passport-{number}")
        payload = json.dumps(write_passport(claims, self._visas)).encode()
        return self._broker.sign(payload, purpose=TokenKind.PASSPORT)


async def _timed(house: Clearinghouse, passport: str) -> float:
    began = time.perf_counter()
    proof = await house.proof(passport)
    took = time.perf_counter() - began
    assert len(proof.visas) == VISAS
    return took * 1000


def _alone(name: str, value: float, unit: str) -> Figure:
    return {"name": name, "value": value, "unit": unit, "peer": None, "peer_value": None, "ratio": None}
