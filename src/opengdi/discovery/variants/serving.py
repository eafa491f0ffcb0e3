"""What a node serves: the published releases and the index that holds them, brought into step with the shelf.

The shelf says what is published; here that becomes true for questions. A release is taken into the index before it
is seen, and its rows go only after nobody can ask for it any more.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opengdi.discovery.model import ShelvedRelease
from opengdi.discovery.releases import Shelf, ShelfSnapshot
from opengdi.discovery.variants.folder import IndexFolder
from opengdi.discovery.variants.genes import GeneTable
from opengdi.discovery.variants.index import SiteIndex
from opengdi.discovery.variants.sst import build_index_files
from opengdi.discovery.variants.store import DEFAULT_SPAN_CAP, RocksVariantStore
from opengdi.kernel.bulk.ports import BulkPool
from opengdi.kernel.bulk.serial import SerialPool
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import GdiError
from opengdi.kernel.release import ReleaseState
from opengdi.standards.coordinates import Assembly
from opengdi.standards.faults import Malformed

POLL_S: Final = 0.5
GRACE_S: Final = 60.0
"""A question may run so long at most on what was withdrawn or swapped away; then it is deleted."""
RETRY_S: Final = 30.0
"""After so long a release that could not be served is tried again."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """genes: gene tables by assembly. span_cap: longest span of a question. cache_bytes: of unpacked blocks."""

    genes: Mapping[Assembly, GeneTable]
    span_cap: int = DEFAULT_SPAN_CAP
    cache_bytes: int = 64 << 20
    poll_s: float = POLL_S
    grace_s: float = GRACE_S


class ServedVariants:
    """The variant side of a serving process: `store` answers for `published()`.

    `trouble` says by dataset which published releases cannot be served, and why; they stay out of sight.
    """

    def __init__(self, shelf: Shelf, folder: IndexFolder, clock: Clock, options: ServingOptions) -> None:
        """Takes in whatever is published and missing in the index, which takes its time if the index is gone."""
        self._shelf, self._folder, self._clock, self._options = shelf, folder, clock, options
        folder.clear_leftovers()
        self._index = self._open()
        self.store = RocksVariantStore(self._index, options.genes, span_cap=options.span_cap)
        self.trouble: dict[str, str] = {}
        self._served = ShelfSnapshot(-1, ())
        self._retry_at = 0.0
        self._leaving: dict[int, float] = {}
        self._retired: list[tuple[SiteIndex, float]] = []
        self._changing = threading.Lock()
        self.refresh()

    def published(self) -> Sequence[ShelvedRelease]:
        """What may be asked now: never changed itself, and the same object until something changes."""
        return self._served.published

    @property
    def damage(self) -> str:
        """What was found to be wrong with the index in force; empty if nothing was."""
        return self._index.damage

    def refresh(self) -> bool:
        """Bring what is served into step with the shelf and the index in force; False if it was."""
        with self._changing:
            index = self._index if self._folder.current() == self._index.folder else self._open()
            if index is self._index and not self._is_behind():
                return False
            snapshot = self._shelf.snapshot()
            self.trouble = {}
            served = tuple(release for release in snapshot.published if self._take_in(index, release))
            if index is not self._index:
                self._retired.append((self.store.use(index), self._clock.monotonic() + self._options.grace_s))
                self._index = index
            self._served = ShelfSnapshot(snapshot.generation, served)
            self._retry_at = self._clock.monotonic() + RETRY_S
            self._see_off()
            return True

    def sweep(self) -> None:
        """Delete what nobody can ask for any more: rows of withdrawn releases, indexes swapped away."""
        now = self._clock.monotonic()
        for number in [number for number, due in self._leaving.items() if due <= now]:
            self._index.remove(number)
            self._leaving.pop(number, None)
        for retired in [each for each in self._retired if each[1] <= now]:
            self._retired.remove(retired)
            retired[0].close()
            shutil.rmtree(retired[0].folder, ignore_errors=True)

    async def keep_in_step(self) -> None:
        """Poll the shelf for as long as the process serves."""
        while True:
            await asyncio.sleep(self._options.poll_s)
            try:
                await asyncio.to_thread(self.refresh)
            except GdiError as error:
                _logger.warning("what is served could not be brought into step: %s", error)

    async def keep_swept(self) -> None:
        """Sweep for as long as the process serves."""
        while True:
            await asyncio.sleep(self._options.poll_s)
            await asyncio.to_thread(self.sweep)

    def close(self) -> None:
        with self._changing:
            for index, _ in (*self._retired, (self._index, 0.0)):
                index.close()

    def _is_behind(self) -> bool:
        if self.trouble and self._clock.monotonic() >= self._retry_at:
            return True
        return self._shelf.generation() != self._served.generation

    def _open(self) -> SiteIndex:
        """The index in force, or a new and empty one."""
        folder = self._folder.current()
        if folder is None:
            folder = self._folder.begin()
            self._folder.adopt(folder)
        return SiteIndex(folder, cache_bytes=self._options.cache_bytes)

    def _take_in(self, index: SiteIndex, release: ShelvedRelease) -> bool:
        """True if a release is in the index, perhaps only now."""
        try:
            self._shelf.check_signature(release)
            take_in(index, release, self._folder, SerialPool())
        except (GdiError, Malformed, OSError) as error:
            manifest = release.manifest
            self.trouble[manifest.dataset] = f"version {manifest.version} cannot be served: {error}"
            _logger.error("%s %s", manifest.dataset, self.trouble[manifest.dataset])  # noqa: TRY400  # known kinds
            return False
        return True

    def _see_off(self) -> None:
        """Note which releases of the index were withdrawn; their rows go when no question can run on them."""
        due = self._clock.monotonic() + self._options.grace_s
        for number in self._index.unfinished_removals():
            self._leaving.setdefault(number, 0.0)
        for release in self._shelf.all():
            if release.state is ReleaseState.WITHDRAWN and self._index.holds(release.number):
                self._leaving.setdefault(release.number, due)


def take_in(index: SiteIndex, release: ShelvedRelease, folder: IndexFolder, pool: BulkPool) -> None:
    """Have a release in the index: by the files built aside, or by files built from its truth now."""
    if not index.holds(release.number):
        aside = folder.incoming(release.number)
        index.take_in(release.number, build_index_files(release, aside, pool))
        shutil.rmtree(aside, ignore_errors=True)


def reindex(shelf: Shelf, folder: IndexFolder, pool: BulkPool) -> int:
    """Rebuild the index of all releases that are or may be published from their truth; how many there are.

    What is served goes on meanwhile, and a serving process changes over when the new index is complete.
    Raises Conflict if another process rebuilds it.
    """
    with folder.rebuilding():
        target = folder.begin()
        releases = [
            each for each in shelf.all() if each.state in (ReleaseState.PUBLISHED, ReleaseState.HIDDEN)
        ]
        with SiteIndex(target) as index:
            for release in releases:
                aside = target.with_suffix(".aside") / str(release.number)
                index.take_in(release.number, build_index_files(release, aside, pool))
            index.compact()
        shutil.rmtree(target.with_suffix(".aside"), ignore_errors=True)
        folder.adopt(target)
    return len(releases)
