"""What members say about themselves: fetched in the background, the last good version kept."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol, TypeAlias
from urllib.parse import quote

from opengdi.federation.floors import FloorBook, Floors, floors_of
from opengdi.federation.model import Answer, Json, Member, ResultSet
from opengdi.federation.ports import MemberFault
from opengdi.federation.reading import expect
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Unavailable
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed

logger = logging.getLogger(__name__)

FILTERING_TERMS: Final = "filtering_terms"

DOCUMENTS: Final = {
    "info": "/info",
    "map": "/map",
    "entry_types": "/entry_types",
    "configuration": "/configuration",
    FILTERING_TERMS: "/filtering_terms?limit=0",
    "datasets": "/datasets?limit=0&requestedGranularity=record",
}
"""The documents that are fetched of each member, by name."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The `response` of each document that a member has answered with, by the names in `DOCUMENTS`."""

    responses: dict[str, Json] = field(default_factory=dict)

    def listed(self, document: str, name: str) -> list[Json]:
        """The objects in a list of one of the documents; none if the member has not sent it."""
        items = self.responses.get(document, {}).get(name)
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    @property
    def entry_types(self) -> frozenset[str] | None:
        """Ids of the entry types the member maps; None if it has told no map."""
        sets = self.responses.get("map", {}).get("endpointSets")
        if not isinstance(sets, dict):
            return None
        return frozenset(
            str(item.get("entryType", name)) for name, item in sets.items() if isinstance(item, dict)
        )


Known: TypeAlias = Sequence[tuple[Member, Profile]]
"""Members and what is known of each."""


class Fetcher(Protocol):
    """Reads a document of a member. Raises MemberFault."""

    async def fetch(self, member: Member, path: str, *, timeout_s: float) -> object: ...


class ProfileStore:
    """Profiles and floors as files, so that a restart forgets neither. To save one may raise Unavailable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def save_profile(self, service: str, profile: Profile) -> None:
        self._write(self._path(service), profile.responses)

    def load_profile(self, service: str) -> Profile:
        responses = self._read(self._path(service))
        return Profile(responses if isinstance(responses, dict) else {})

    def save_floors(self, book: FloorBook) -> None:
        entries = [
            [dataset, service, floors.alleles, floors.individuals, floors.rounding, digest]
            for dataset, service, floors, digest in book.entries()
        ]
        self._write(self._folder / "floors.json", entries)

    def load_floors(self, book: FloorBook) -> None:
        """Raises Malformed if the file is damaged: floors must not be forgotten silently."""
        entries = self._read(self._folder / "floors.json") or []
        for dataset, service, alleles, individuals, rounding, *digest in expect(entries, list, "floors.json"):
            book.hear(dataset, service, Floors(alleles, individuals, rounding), *digest)

    def _path(self, service: str) -> Path:
        return self._folder / f"{sha256(service.encode()).hexdigest()[:32]}.json"

    def _write(self, path: Path, content: object) -> None:
        beside = path.with_suffix(".new")
        try:
            beside.write_text(json.dumps(content))
            beside.replace(path)
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error.strerror}") from error

    def _read(self, path: Path) -> object:
        if not path.exists():
            return None
        try:
            return json.loads(path.read_text())
        except ValueError as error:
            raise Malformed(f"{path} is not JSON; remove it and start again: {error}") from error


class Directory:
    """Knows the members' documents and keeps the book of floors in step with what they say."""

    def __init__(self, fetcher: Fetcher, store: ProfileStore, *, timeout_s: float) -> None:
        self._fetcher = fetcher
        self._store = store
        self._timeout_s = timeout_s
        self._profiles: dict[str, Profile] = {}
        self._listed: dict[str, dict[str, frozenset[str]]] = {}
        self._heard: dict[str, set[str]] = {}
        self._is_saved = True
        self.book = FloorBook()
        store.load_floors(self.book)

    def profile(self, member: Member) -> Profile:
        """What is known of the member, perhaps nothing."""
        found = self._profiles.get(member.service)
        if found is None:
            found = self._profiles[member.service] = self._store.load_profile(member.service)
        return found

    def is_read(self, member: Member) -> bool:
        """True if the member ever told something of itself; else nobody knows which datasets it serves."""
        return bool(self.profile(member).responses)

    def serves(self, member: Member, entry_type: EntryType) -> bool:
        """False only if the member's own map leaves the entry type out."""
        mapped = self.profile(member).entry_types
        return mapped is None or entry_type.value in mapped

    def serves_dataset(self, member: Member, dataset: str) -> bool | None:
        """True if a Beacon serves the dataset now, as far as is known; None if it lists none.

        What an answer named since the member was last read counts; then what it lists, or else the other Beacons of
        the same member: subject-level ones list nothing to strangers. If none lists any: what was ever heard.
        """
        if dataset in self._heard.get(member.service, ()):
            return True
        lists = self._listed.get(member.id, {})
        if lists:
            own = lists.get(member.service)
            return dataset in own if own is not None else any(dataset in each for each in lists.values())
        return True if self.book.names(dataset, member.service) else None

    async def terms_below(self, members: Sequence[Member], collection: EntryType, identifier: str) -> Known:
        """What members tell of the filtering terms of one dataset or cohort; of one that is silent nothing is known.

        Members that list datasets but not this one are not asked: they would tell the terms of others.
        """
        asked = [
            each
            for each in members
            if collection is not EntryType.DATASET or self.serves_dataset(each, identifier) is not False
        ]
        path = f"/{ENTRY_TYPES[collection].path}/{quote(identifier, safe='')}{DOCUMENTS[FILTERING_TERMS]}"
        told = await asyncio.gather(*(self._terms_of(each, path) for each in asked))
        return list(zip(asked, told, strict=True))

    async def _terms_of(self, member: Member, path: str) -> Profile:
        with suppress(MemberFault, Malformed, TimeoutError):
            return Profile({FILTERING_TERMS: await self._response(member, path)})
        return Profile()

    def hear(self, member: Member, answer: Answer, entry_type: EntryType) -> None:
        """Note the floors in an answer about `entry_type`, so that they hold when this member is silent.

        Collections are noted where they are datasets: each member gives ids to its cohorts by itself.
        Raises Malformed if the member names ever more of them.
        """
        told = [(found.id, found.dataset) for found in answer.result_sets if not _is_cohort(found)]
        if entry_type is EntryType.DATASET:
            told += [(str(document["id"]), _info(document)) for document in answer.collections or ()]
        for dataset, info in told:
            if self.book.hear(dataset, member.service, floors_of(info), info.digest):
                self._is_saved = False
        self._heard.setdefault(member.service, set()).update(dataset for dataset, _ in told)
        if not self._is_saved:
            self._save_floors()

    async def refresh(self, members: Sequence[Member]) -> None:
        """Fetch every member's documents; what cannot be had stays as it was.

        Raises Unavailable, once all were fetched, if something cannot be written down.
        """
        for each in await asyncio.gather(*map(self._refresh_one, members), return_exceptions=True):
            if isinstance(each, BaseException):
                raise each

    async def keep_fresh(
        self, members: Callable[[], Sequence[Member]], clock: Clock, *, every_s: float
    ) -> None:
        """Refresh for ever. Members without any document are tried again after a minute."""
        last_full = None
        while True:
            now = clock.monotonic()
            is_due = last_full is None or now - last_full >= every_s
            last_full = now if is_due else last_full
            asked = [member for member in members() if is_due or not self.is_read(member)]
            try:
                await self.refresh(asked)
            except Unavailable as error:
                logger.warning("what members say of themselves: %s", error)
            await asyncio.sleep(min(60.0, every_s))

    async def _refresh_one(self, member: Member) -> None:
        responses = dict(self.profile(member).responses)
        for name, path in DOCUMENTS.items():
            with suppress(MemberFault, Malformed, TimeoutError):
                responses[name] = await self._response(member, path)
        profile = self._profiles[member.service] = Profile(responses)
        self._heard.pop(member.service, None)
        if "datasets" in responses:
            ids = frozenset(str(each.get("id")) for each in profile.listed("datasets", "collections"))
            self._listed.setdefault(member.id, {})[member.service] = ids
        for document in profile.listed("datasets", "collections"):
            with suppress(Malformed):
                expect(document.get("id"), str, "id")
                info = _info(document)
                self.book.hear(str(document["id"]), member.service, floors_of(info), info.digest)
        self._store.save_profile(member.service, profile)
        self._save_floors()

    def _save_floors(self) -> None:
        self._is_saved = False
        self._store.save_floors(self.book)
        self._is_saved = True

    async def _response(self, member: Member, path: str) -> Json:
        """The `response` of a document. Raises MemberFault, Malformed, TimeoutError."""
        async with asyncio.timeout(self._timeout_s):
            document = await self._fetcher.fetch(member, path, timeout_s=self._timeout_s)
        return expect(expect(document, dict, path).get("response"), dict, f"{path}: response")


def _is_cohort(found: ResultSet) -> bool:
    return found.set_type.lower().startswith(EntryType.COHORT.value)


def _info(document: Json) -> DatasetInfo:
    return DatasetInfo.parse(document.get("info"))
