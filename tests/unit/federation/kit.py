"""Members and answers for the tests of the federation: built by hand, no network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from opengdi.federation.budget import HubBudget
from opengdi.federation.directory import Directory, Profile, ProfileStore
from opengdi.federation.fanout import FanOut
from opengdi.federation.hand import AnswersInHand
from opengdi.federation.informational import NetworkFacts
from opengdi.federation.model import Dialect, Json, Member, Network
from opengdi.federation.ports import MemberFault, Reply
from opengdi.federation.service import BeaconNetwork
from opengdi.federation.translation import Outgoing
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.disclosure.ledger import Charge
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import EntryType, Granularity

Answering = object | MemberFault | Callable[[Outgoing], object]
"""A document (or a `Reply`), a fault to raise, or a function of the question."""

BOTH = frozenset(Network)
ANYBODY = Principal("anonymous:abc")
DATASET = "GDI-EE-UTARTU-1"


def member(name: str, *, dialect: Dialect | None = None, networks: frozenset[Network] = BOTH) -> Member:
    """A Beacon `<name>.af` of the member `<name>`; the first two letters are its country."""
    return Member(
        id=name,
        service=f"{name}.af",
        name=f"Beacon of {name}",
        country=name[:2].upper(),
        url=f"http://{name}.example",
        networks=networks,
        dialect=dialect or Dialect(),
        organisation=f"Institute of {name}",
        organisation_url=f"https://{name}.example",
    )


def cell(population: str, count: int, number: int) -> Json:
    return {
        "population": population,
        "alleleFrequency": count / number,
        "alleleCount": count,
        "alleleNumber": number,
    }


def variant(
    *cells: Json, start: int = 45864731, ref: str = "T", alt: str = "C", assembly: str = "GRCh37"
) -> Json:
    """A record of an allele on chromosome 3, as nodes publish it."""
    return {
        "variantInternalId": f"{assembly}:3:{start + 1}:{ref}:{alt}",
        "identifiers": {
            "genomicHGVSId": f"NC_000003.{11 if assembly == 'GRCh37' else 12}:g.{start + 1}{ref}>{alt}"
        },
        "variation": {
            "variantType": "SNP",
            "referenceBases": ref,
            "alternateBases": alt,
            "location": {
                "type": "SequenceLocation",
                "sequence_id": f"HGVSid:3:g.{start + 1}{ref}>{alt}",
                "interval": {
                    "type": "SequenceInterval",
                    "start": {"type": "Number", "value": start},
                    "end": {"type": "Number", "value": start + 1},
                },
            },
        },
        "frequencyInPopulations": [
            {"source": "test", "sourceReference": "https://example.org", "frequencies": list(cells)}
        ],
    }


def result_set(
    dataset: str = DATASET,
    count: int | None = 1,
    records: Sequence[Json] | None = None,
    info: DatasetInfo | None = None,
    **more: object,
) -> Json:
    document: Json = {"id": dataset, "setType": "dataset", "exists": bool(count), **more}
    if count is not None:
        document["resultsCount"] = count
    if records is not None:
        document["results"] = list(records)
    if info is not None:
        document["info"] = info.as_document()
    return document


def answer(
    *sets: Json,
    granularity: str = "record",
    beacon: str = "some.beacon",
    collections: Sequence[Json] | None = None,
) -> Json:
    """A whole answer; its summary is the sum of its sets."""
    exists = any(item["exists"] for item in sets) or bool(collections)
    summary: Json = {"exists": exists}
    if granularity != "boolean":
        summary["numTotalResults"] = (
            len(collections)
            if collections is not None
            else sum(int(str(item.get("resultsCount", 0))) for item in sets)
        )
    response: Json = {"resultSets": list(sets)} if collections is None else {"collections": list(collections)}
    return {
        "meta": {
            "beaconId": beacon,
            "apiVersion": "v2.2.0",
            "returnedGranularity": granularity,
            "returnedSchemas": [],
        },
        "responseSummary": summary,
        "response": response,
    }


class ScriptedMembers:
    """A `MemberClient` that answers from a script by member id, and remembers what each was asked."""

    def __init__(self, replies: Mapping[str, Answering]) -> None:
        self.replies = dict(replies)
        self.asked: list[tuple[str, Outgoing]] = []
        self.cancelled: list[str] = []

    async def ask(self, member: Member, outgoing: Outgoing, asker: Principal, *, timeout_s: float) -> Reply:
        replied = await self._replied(member, outgoing)
        return replied if isinstance(replied, Reply) else Reply(msgspec.json.encode(replied))

    async def opens_data(self, member: Member, asker: Principal) -> bool:
        return bool(asker.visas)

    async def _replied(self, member: Member, outgoing: Outgoing) -> object:
        self.asked.append((member.id, outgoing))
        reply = self.replies[member.id]
        if reply is SILENCE:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.append(member.id)
                raise
        if isinstance(reply, MemberFault):
            raise reply
        return reply(outgoing) if callable(reply) else reply

    async def fetch(self, member: Member, path: str, *, timeout_s: float) -> object:
        return (await self.ask(member, Outgoing.get(path), ANYBODY, timeout_s=timeout_s)).document()


SILENCE = object()
"""A reply that never comes."""


class CountingLedger:
    """A `BudgetLedger` with `units` per caller and dataset; versions and the public purse do not matter here."""

    def __init__(self, units: int = 1_000_000) -> None:
        self._units = units
        self.booked: dict[tuple[str, str], set[int]] = {}

    async def charge(self, asker: Principal, charges: Sequence[Charge]) -> list[bool]:
        return [self._book(asker.subject, account.dataset, units) for account, units in charges]

    def _book(self, subject: str, dataset: str, units: Iterable[int]) -> bool:
        spent = self.booked.setdefault((subject, dataset), set())
        if len(spent | set(units)) > self._units:
            return False
        spent |= set(units)
        return True


class AuditLines:
    """An `AuditLog` over a list."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Outcome, tuple[str, ...]]] = []

    def append(
        self,
        action: str,
        *,
        actor: str,
        outcome: Outcome = Outcome.DONE,
        objects: Sequence[str] = (),
        request: str = "",
        details: Sequence[str] = (),
    ) -> int:
        self.lines.append((action, actor, outcome, tuple(objects)))
        return len(self.lines)


class FullDisk(AuditLines):
    """An `AuditLog` with room for so many events."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def append(self, action: str, **event: Any) -> int:
        if len(self.lines) == self.room:
            raise Unavailable("audit chain: the disk is full")
        return super().append(action, **event)


def network(
    folder: Path,
    members: Sequence[Member],
    client: ScriptedMembers,
    *,
    ledger: CountingLedger | None = None,
    audit: AuditLines | None = None,
    deadline_s: float = 0.05,
    directory: Directory | None = None,
    hand: AnswersInHand | None = None,
) -> BeaconNetwork:
    """A network over scripted members, on the real clock; they were read before unless there is a directory."""
    if directory is None:
        directory = Directory(client, ProfileStore(folder), timeout_s=1.0)
        directory._profiles = {each.service: Profile({"info": {}}) for each in members}
    return BeaconNetwork(
        lambda: members,
        FanOut(client, SystemClock(), deadline_s=deadline_s),
        directory,
        budget=HubBudget(ledger or CountingLedger(), global_factor=9.2),
        audit=audit or AuditLines(),
        hand=hand or AnswersInHand(1 << 30),
        default_granularity=Granularity.RECORD,
    )


def facts(*entry_types: EntryType) -> NetworkFacts:
    return NetworkFacts(
        id="eu.hub",
        name="Hub",
        description="A hub",
        environment="test",
        url="https://hub.example/net",
        organisation_id="eu.org",
        organisation_name="Organisation",
        organisation_url="https://org.example",
        logo_url="https://org.example/logo.svg",
        entry_types=entry_types or tuple(EntryType),
        default_granularity=Granularity.RECORD,
        security_levels=("PUBLIC", "REGISTERED"),
    )
