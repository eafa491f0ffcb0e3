"""Two Beacons of one small node for tests: rows and people in memory, the real ledger, guard and edge around them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from starlette.types import ASGIApp

from opengdi.apps.beacons import BeaconStores, Wrap, beacons_part
from opengdi.apps.migrations import migrate
from opengdi.apps.process import assemble
from opengdi.apps.settings import Settings
from opengdi.discovery.beacon.holdings import FilesAddress, no_files
from opengdi.discovery.model import (
    Bitmap,
    Case,
    Cohort,
    FilteringTerm,
    Floors,
    ShelvedRelease,
    SiteRecord,
    SiteRef,
)
from opengdi.discovery.variants.genes import GeneTable
from opengdi.identity.model import Proof
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.disclosure.guard import DifferencingGuard
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.sql_ledger import SqlBudgetLedger
from opengdi.kernel.errors import Invalid
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.ids import DatasetId
from opengdi.kernel.keys import Secret
from opengdi.kernel.release import DatasetRelease, DatasetType, FileRole, ReleaseFile
from opengdi.standards.beacon.questions import AlphanumericFilter, AnyOf, EntryType, Filter, OntologyFilter
from opengdi.standards.coordinates import Assembly
from opengdi.testing.identity import gated, proof
from opengdi.testing.variants import MemoryVariantStore, SiteRow, shelved, site_row

TOKEN = "a-token-of-forty-characters-for-the-tests"
PROOFS = {TOKEN: proof("researcher")}
"""A registered researcher, by the token that they show."""
AGGREGATED = "/beacon/aggregated/v2"
INDIVIDUALS = "/beacon/individuals/v2"
POPULATIONS = ("Total", "F", "M")
FEMALE, MALE, ASTHMA = "NCIT:C16576", "NCIT:C20197", "MONDO:0004979"


@dataclass(frozen=True, slots=True)
class Person:
    """One individual: terms, age in years, rows of the genotypes of alleles carried."""

    terms: frozenset[str]
    age: int
    carries: frozenset[int] = frozenset()


@dataclass(slots=True)
class PeopleInMemory:
    """The `SubjectStore` port over lists of people, by release number."""

    people: Mapping[int, Sequence[Person]]
    known: frozenset[str] = frozenset({FEMALE, MALE, ASTHMA, "age"})
    cohort_documents: Mapping[int, Sequence[Cohort]] = field(default_factory=dict)

    def matching(
        self, release: ShelvedRelease, filters: Sequence[Filter], carriers_of: Sequence[SiteRef] | None
    ) -> Bitmap:
        rows = None if carriers_of is None else {site.genotype_row for site in carriers_of}
        return np.packbits(
            [
                all(self._holds(person, each) for each in filters)
                and (rows is None or bool(rows & person.carries))
                for person in self.people[release.number]
            ]
        )

    def _holds(self, person: Person, asked: Filter) -> bool:
        if isinstance(asked, AnyOf):
            return any(self._holds(person, each) for each in asked.filters)
        if asked.id not in self.known:
            raise Invalid(f"filter {asked.id!r} is not known to any dataset here; see /filtering_terms")
        if isinstance(asked, OntologyFilter):
            return asked.id in person.terms
        return _compares(person.age, asked)

    def count(self, release: ShelvedRelease, entry_type: EntryType, individuals: Bitmap) -> int:
        return int(np.bitwise_count(individuals).sum())

    def documents(
        self, release: ShelvedRelease, entry_type: EntryType, individuals: Bitmap, *, skip: int, limit: int
    ) -> Sequence[Mapping[str, object]]:
        rows = np.flatnonzero(np.unpackbits(individuals))[skip : skip + limit]
        return [{"id": f"P{row}", "sex": {"id": min(self.people[release.number][row].terms)}} for row in rows]

    def individuals_behind(
        self, release: ShelvedRelease, entry_type: EntryType, entry_id: str
    ) -> Bitmap | None:
        flags = np.array([entry_id == f"P{row}" for row in range(len(self.people[release.number]))])
        return np.packbits(flags) if flags.any() else None

    def cases(
        self, release: ShelvedRelease, sites: Sequence[SiteRecord], individuals: Bitmap
    ) -> list[list[Case]]:
        among = np.unpackbits(individuals)
        return [
            [
                Case(f"P{row}", f"S{row}", 1, is_hemizygous=False)
                for row, person in enumerate(self.people[release.number])
                if among[row] and site.genotype_row in person.carries
            ]
            for site in sites
        ]

    def cohorts(self, release: ShelvedRelease) -> Sequence[Cohort]:
        return self.cohort_documents.get(release.number, ())

    def terms(self, releases: Sequence[ShelvedRelease], floors: Floors) -> Sequence[FilteringTerm]:
        people = [person for release in releases for person in self.people.get(release.number, ())]
        floor = max([1, *floors.values()])
        frequent = [
            each for each in sorted(self.known) if sum(each in person.terms for person in people) >= floor
        ]
        return [
            FilteringTerm("ontology", each, "", (EntryType.INDIVIDUAL,)) for each in frequent if ":" in each
        ]


def _compares(age: int, asked: AlphanumericFilter) -> bool:
    value = int(asked.value.strip("PY"))
    return {"=": age == value, "<": age < value, ">": age > value, "!": age != value}[asked.operator.value]


@dataclass(slots=True)
class AuditLines:
    """The `AuditLog` port over a list."""

    lines: list[dict[str, Any]] = field(default_factory=list)

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
        self.lines.append({"action": action, "actor": actor, "outcome": outcome, "objects": list(objects)})
        return len(self.lines)


@dataclass(frozen=True, slots=True)
class HeldRows:
    """A dataset for a test: its manifest, its alleles, its people."""

    manifest: DatasetRelease
    rows: Sequence[SiteRow] = ()
    people: Sequence[Person] = ()
    cohorts: Sequence[Cohort] = ()


def manifest(dataset: str = "GDI-EE-UT-1", **changes: Any) -> DatasetRelease:
    """A manifest of 1,000 individuals with subjects and genotypes; budgets wide unless the test sets them."""
    wide = DisclosurePolicy(af_budget_factor=100.0, global_budget_factor=1000.0)
    base = DatasetRelease(
        dataset=DatasetId(dataset),
        version="1",
        title=f"Dataset {dataset}",
        country="EE",
        dataset_type=DatasetType.COHORT,
        assembly=Assembly.GRCh37.name,
        individuals=1000,
        populations=POPULATIONS,
        sites=0,
        genotyped=True,
        files=(ReleaseFile("subjects/individuals.parquet", FileRole.SUBJECTS, "0" * 64, 1),),
        policy=wide,
        source="The Genome of Europe",
        source_reference="https://genomeofeurope.eu/",
    )
    return replace(base, **changes)


def counts(
    allele_counts: Sequence[int], allele_numbers: Sequence[int], genotypes: Sequence[Sequence[int]] = ()
) -> tuple[int, ...]:
    """Counts as a row holds them; genotypes: hom, het, hemi per population, unknown if not given."""
    told = genotypes or [[-1] * len(allele_counts)] * 3
    return (*allele_counts, *allele_numbers, *(number for kind in told for number in kind))


PORTAL_ROW = site_row(
    "3",
    45864731,
    "T",
    "C",
    counts((410, 200, 210), (2000, 1000, 1000), ((50, 25, 25), (310, 150, 160), (0, 0, 0))),
    genotype_row=0,
)
"""The variant of the portal's demo, on chromosome 3 of GRCh37."""


@dataclass(slots=True)
class NodeBeacons:
    """Both Beacons behind the node's edge."""

    app: ASGIApp
    audit: AuditLines
    shelf: list[tuple[ShelvedRelease, ...]]

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="https://node.test", headers=headers
        )

    async def post(self, path: str, body: object, token: str | None = None) -> httpx.Response:
        async with self.client(token) as client:
            return await client.post(path, content=json.dumps(body))

    async def get(self, path: str, token: str | None = None, **parameters: str | int) -> httpx.Response:
        async with self.client(token) as client:
            return await client.get(path, params=parameters)


def settings_for(
    folder: Path, external_url: str, disclosure: Mapping[str, Any] | None = None, **beacon: Any
) -> Settings:
    """Settings of a node at an address."""
    return Settings.model_validate(
        {
            "node": {
                "id": "ut.node",
                "name": "Node of Tartu",
                "country": "EE",
                "data_dir": folder / "data",
                "keys_dir": folder / "keys",
                "organisation": {
                    "id": "ut",
                    "name": "Tartu",
                    "url": "https://ut.test",
                    "logo_url": "https://ut.test/l.png",
                },
            },
            "public": {"external_url": external_url},
            "beacon": beacon,
            "disclosure": {
                "af_budget_factor": 1000,
                "global_budget_factor": 10000,
                "k_alleles": 0,
                "k_individuals": 0,
                **(disclosure or {}),
            },
        }
    )


@contextmanager
def node_beacons(
    folder: Path,
    held: Sequence[HeldRows],
    *,
    gate: Wrap = lambda app: app,
    external_url: str = "https://node.test",
    proofs: Mapping[str, Proof] = PROOFS,
    disclosure: Mapping[str, Any] | None = None,
    genes: Mapping[Assembly, GeneTable] | None = None,
    files: FilesAddress = no_files,
    **beacon: Any,
) -> Iterator[NodeBeacons]:
    """Beacons over the datasets, numbered 1, 2, … in the order given."""
    (folder / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
    releases = tuple(shelved(each.manifest, number) for number, each in enumerate(held, start=1))
    shelf = [releases]
    engine = open_engine(folder / "data" / "state.sqlite")
    migrate(engine)
    ledger, audit = SqlBudgetLedger(engine), AuditLines()
    stores = BeaconStores(
        published=lambda: shelf[0],
        variants=MemoryVariantStore({number: each.rows for number, each in enumerate(held, start=1)}, genes),
        subjects=PeopleInMemory(
            {number: each.people for number, each in enumerate(held, start=1)},
            cohort_documents={number: each.cohorts for number, each in enumerate(held, start=1)},
        ),
        ledger=ledger,
        guard=DifferencingGuard(engine),
        audit=audit,
        files=files,
    )
    settings = settings_for(folder, external_url, disclosure, **beacon)
    part = beacons_part(settings, stores, Callers(Secret(b"0" * 32)), gate)
    process = assemble("node", settings, FixedClock(), [part], gate=lambda app: gated(app, proofs))
    try:
        yield NodeBeacons(process.public, audit, shelf)
    finally:
        process.close()
        ledger.close()
        engine.dispose()


async def ask_collections(node: NodeBeacons, path: str, *filters: str, **query: object) -> Any:
    """Ask a researcher's question for collections, or for people, of whom filters select."""
    query = {"requestedGranularity": "record", "filters": [{"id": each} for each in filters], **query}
    answer = await node.post(f"{INDIVIDUALS}/{path}", {"query": query}, TOKEN)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids_listed(answer: Any) -> list[str]:
    """Of the collections of an answer, in its order."""
    return [each["id"] for each in answer["response"]["collections"]]
