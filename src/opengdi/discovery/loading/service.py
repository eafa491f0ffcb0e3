"""Loading one release: plan, read, merge, seal, put on the shelf. Killed anywhere, a rerun finishes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from opengdi.discovery.loading.errors import SHOWN, AlreadyLoaded, LoadRejected
from opengdi.discovery.loading.findings import Findings
from opengdi.discovery.loading.fingerprint import fingerprint
from opengdi.discovery.loading.journal import WorkArea, claimed, seal, sync
from opengdi.discovery.loading.manifest import (
    REPORT_FILE,
    SOURCE_DIGEST,
    build_manifest,
    individuals_of,
    write_people,
)
from opengdi.discovery.loading.merge import MergeOutcome, MergeTask, contigs_of
from opengdi.discovery.loading.model import Fault, Finding, LoadReport, TaskOutcome
from opengdi.discovery.loading.people import NamedSamples, People, gather_people, population_sizes
from opengdi.discovery.loading.plan import (
    VariantFile,
    are_genotyped,
    counted_populations,
    open_files,
    read_tasks,
    sample_names,
)
from opengdi.discovery.loading.populations import UNKNOWN_SEX
from opengdi.discovery.loading.progress import Progress
from opengdi.discovery.loading.release_file import RELEASE_FILE, ReleaseFile, release_path
from opengdi.discovery.loading.report import read_report, write_report
from opengdi.discovery.loading.settle import Tally, settle
from opengdi.discovery.loading.tasks import LoadContext, ReadTask
from opengdi.discovery.loading.work import merge_variants, read_variants
from opengdi.discovery.manifests import MANIFEST, decode_manifest, encode_manifest
from opengdi.discovery.model import ShelvedRelease
from opengdi.discovery.releases import Shelf
from opengdi.kernel.bulk.ports import BulkPool, Task
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import NotFound
from opengdi.kernel.files import write_whole
from opengdi.kernel.release import DatasetRelease
from opengdi.standards.coordinates import CONTIGS

LOADING: Final = "loading"
RELEASES: Final = "releases"

_Argument = TypeVar("_Argument")
_Outcome = TypeVar("_Outcome")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A release that is on the shelf. fresh: False if it was there before, the same."""

    release: ShelvedRelease
    report: LoadReport
    fresh: bool


def _leave(_: Path) -> None:
    """Take no report."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a load works with.

    data_dir: of the node, all of it on one file system. take_report: is given the file of the report before it may go.
    """

    data_dir: Path
    shelf: Shelf
    pool: BulkPool
    clock: Clock
    progress: Progress
    take_report: Callable[[Path], None] = _leave


def load_release(workshop: Workshop, release: Path) -> Loaded:
    """Load what a release file names; a load that was killed is continued, one that was finished is recognised.

    Raises Invalid (bad release file), LoadRejected (faults in the input under the policy `reject`),
    AlreadyLoaded (this version with other content), Conflict (another process loads it just now).
    """
    os.umask(0o077)
    spec, path = ReleaseFile.read(release), release_path(release)
    folder = workshop.data_dir / LOADING / spec.dataset.id / spec.dataset.version
    with claimed(folder):
        source = fingerprint(spec, path, workshop.progress)
        known = _known(workshop, spec, source)
        area = WorkArea(folder, source)
        if known is None:
            known = _Load(workshop, spec, path.parent, area, source).run()
        area.discard()
        workshop.take_report(Path(known.release.folder) / REPORT_FILE)
        return known


def _known(workshop: Workshop, spec: ReleaseFile, source: str) -> Loaded | None:
    """The release, if this version lies in its place already; it is put on the shelf if that was what was missing."""
    dataset, version = spec.dataset.id, spec.dataset.version
    folder = workshop.data_dir / RELEASES / dataset / version
    if not (folder / MANIFEST).is_file():
        _check_never_shelved(workshop.shelf, dataset, version)
        return None
    manifest = decode_manifest((folder / MANIFEST).read_bytes())
    if manifest.extra.get(SOURCE_DIGEST) != source:
        raise AlreadyLoaded(
            f"{dataset} version {version} was loaded from other content, or by an earlier version of the software; "
            "a release never changes: give a new version"
        )
    report = read_report(folder / REPORT_FILE)
    return Loaded(workshop.shelf.add(manifest), report, fresh=False)


def _check_never_shelved(shelf: Shelf, dataset: str, version: str) -> None:
    try:
        state = shelf.find(dataset, version).state
    except NotFound:
        return
    raise AlreadyLoaded(f"{dataset} version {version} is {state} and its files are gone: give a new version")


class _Load:
    def __init__(
        self, workshop: Workshop, spec: ReleaseFile, folder: Path, area: WorkArea, source: str
    ) -> None:
        self._workshop, self._spec, self._folder, self._area, self._source = (
            workshop,
            spec,
            folder,
            area,
            source,
        )
        self._tally = Tally(area.parts, Findings(area.parts / "load.findings"))
        self._began = workshop.clock.monotonic()
        self._tasks, self._resumed = 0, 0

    def run(self) -> Loaded:
        files = self._files()
        if self._spec.variants is not None and not files:
            self._reject((), 0)
        genotyped = bool(files) and are_genotyped(files)
        named = NamedSamples(sample_names(files, self._tally.findings), files[0]) if genotyped else None
        people = gather_people(self._spec, self._folder, named, self._tally.findings)
        individuals = individuals_of(self._spec, people)
        sizes = population_sizes(self._spec, people, individuals)
        if people.samples is not None:
            populations = people.samples.populations
        else:
            populations, files = counted_populations(files, sizes, self._tally.findings)
        context = self._context(populations, people, sizes)
        merged = self._merge(context, self._read(files, context))
        if self._is_refused or self._note_nothing_kept() or self._note_nobody(individuals):
            self._reject(populations, individuals)
        self._note_overstated(people, individuals)
        self._note_unknown_sexes(people)
        report = self._report("loaded", populations, individuals)
        manifest = self._complete(merged, people, context.populations, report)
        return Loaded(self._put_in_place(manifest), report, fresh=True)

    @property
    def _is_refused(self) -> bool:
        return self._spec.on_error == "reject" and self._tally.findings.refuses

    def _note_nothing_kept(self) -> bool:
        """True, and a finding, if records were read and no allele of any is kept: never what was meant."""
        tally, variants = self._tally, self._spec.variants
        if variants is None or not tally.read or tally.alleles:
            return False
        why = ", ".join(f"{times} × {fault}" for fault, times in tally.findings.tallies.items())
        message = f"none of the {tally.read} records read holds an allele that can be kept ({why})"
        tally.findings.add(Finding(", ".join(variants.files), 0, Fault.NOTHING_KEPT, message))
        return True

    def _note_nobody(self, individuals: int) -> bool:
        """True, and a finding, if the release would be about nobody."""
        if not individuals:
            message = "[subjects] tells of no individual"
            self._tally.findings.add(Finding(RELEASE_FILE, 0, Fault.NOTHING_KEPT, message))
        return not individuals

    def _note_overstated(self, people: People, individuals: int) -> None:
        """A finding if fewer than half of the individuals that the release claims were ever called."""
        called = self._tally.most_called
        if people.samples is None and 0 < called < individuals:
            message = f"{individuals} individuals, but no place has more than {called} called alleles (AN)"
            self._tally.findings.add(Finding(RELEASE_FILE, 0, Fault.INDIVIDUALS, message))

    def _note_unknown_sexes(self, people: People) -> None:
        """A finding if X or Y is held of people whose sex nobody told."""
        samples = people.samples
        if samples is None or not {part.part.contig for part in self._tally.parts} & {"X", "Y"}:
            return
        if unknown := samples.sexes.count(UNKNOWN_SEX):
            message = (
                f"{unknown} of {len(samples)} samples have no sex; outside the pseudo-autosomal regions they are "
                "counted as called on X, and as having one copy on Y"
            )
            self._tally.findings.add(Finding(RELEASE_FILE, 0, Fault.NO_SEX, message))

    def _reject(self, populations: tuple[str, ...], individuals: int) -> NoReturn:
        report, path = self._report("rejected", populations, individuals), self._area.folder / REPORT_FILE
        try:
            write_report(report, self._tally.findings.every(), path)
            self._workshop.take_report(path)
            refusing = list(islice((one for one in self._tally.findings.every() if one.refuses), SHOWN))
        finally:
            self._area.discard()
        raise LoadRejected(report, refusing, self._spec.section)

    def _files(self) -> list[VariantFile]:
        if self._spec.variants is None:
            return []
        return open_files(self._folder, self._spec.variants.files, self._spec.assembly, self._tally.findings)

    def _context(self, populations: tuple[str, ...], people: People, sizes: dict[str, int]) -> LoadContext:
        variants = self._spec.variants
        return LoadContext(
            assembly=self._spec.assembly,
            populations=populations,
            parts=self._area.parts,
            samples=people.samples,
            reference=self._folder / variants.reference if variants and variants.reference else None,
            population_sizes=sizes,
            contig=variants.contig if variants else None,
        )

    def _read(self, files: list[VariantFile], context: LoadContext) -> list[str]:
        """Read all files into parts; the names of the files."""
        tasks = read_tasks(files, context) if context.populations else []
        self._tasks = len(tasks)
        if tasks:
            self._workshop.progress.stage("reading", sum(task.size for task in tasks))
        outcomes = self._carry_out(
            tasks,
            read_variants,
            lambda task: task.title,
            lambda task: self._area.outcome(task.prefix),
            self._heard_read,
        )
        settle(tasks, outcomes, self._tally)
        return list(dict.fromkeys(task.name for task in tasks))

    def _heard_read(self, task: ReadTask, outcome: TaskOutcome) -> None:
        self._workshop.progress.advance(task.size, outcome.read)

    def _merge(self, context: LoadContext, files: list[str]) -> list[MergeOutcome]:
        """One sorted truth per contig."""
        by_contig = contigs_of(self._tally.parts)
        tasks = [
            MergeTask(
                contig, tuple(by_contig[contig]), tuple(files), context.populations,
                len(context.samples) if context.samples else 0, self._area.parts, self._area.release,
            )
            for contig in CONTIGS
            if contig in by_contig
        ]  # fmt: skip
        if tasks:
            stage = "looking for duplicates" if self._is_refused else "merging"
            self._workshop.progress.stage(stage, sum(placed.part.rows for placed in self._tally.parts))
        merged = self._carry_out(
            tasks, merge_variants, lambda task: f"contig {task.contig}",
            lambda task: self._area.merged(task.contig), self._heard_merged,
        )  # fmt: skip
        for outcome in merged:
            self._tally.add_merged(outcome)
        return merged

    def _heard_merged(self, _: MergeTask, outcome: MergeOutcome) -> None:
        self._workshop.progress.advance(outcome.rows + outcome.dropped, 0)

    def _carry_out(
        self,
        tasks: list[_Argument],
        function: Callable[[_Argument], _Outcome],
        title: Callable[[_Argument], str],
        recall: Callable[[_Argument], _Outcome | None],
        heard: Callable[[_Argument, _Outcome], None],
    ) -> list[_Outcome]:
        """Outcomes in the order of the tasks; what an earlier run finished is recalled, the rest goes to the pool."""
        recalled = [recall(task) for task in tasks]
        missing = [task for task, outcome in zip(tasks, recalled, strict=True) if outcome is None]
        self._resumed += len(tasks) - len(missing)
        fresh = self._workshop.pool.map_ordered(function, [Task(title(task), task) for task in missing])
        outcomes = []
        for task, known in zip(tasks, recalled, strict=True):
            outcome = next(fresh) if known is None else known
            heard(task, outcome)
            outcomes.append(outcome)
        return outcomes

    def _report(self, outcome: str, populations: tuple[str, ...], individuals: int) -> LoadReport:
        tally, seconds = self._tally, self._workshop.clock.monotonic() - self._began
        return LoadReport(
            dataset=self._spec.dataset.id,
            version=self._spec.dataset.version,
            outcome=outcome,
            policy=self._spec.on_error,
            records_read=tally.read,
            records_written=tally.written,
            records_skipped=tally.skipped,
            alleles_written=tally.alleles,
            alleles_skipped=tally.alleles_skipped,
            individuals=individuals,
            populations=populations,
            findings=tuple(tally.findings.listed),
            tallies=dict(sorted(tally.findings.tallies.items())),
            seconds=round(seconds, 3),
            records_per_second=round(tally.read / seconds, 1) if seconds > 0 else 0.0,
            tasks=self._tasks,
            tasks_resumed=self._resumed,
        )

    def _complete(
        self, merged: list[MergeOutcome], people: People, populations: tuple[str, ...], report: LoadReport
    ) -> DatasetRelease:
        """Everything of the release in its folder in the work area, on the disk, closed to others."""
        folder = self._area.release
        write_people(people, folder)
        write_report(report, self._tally.findings.every(), folder / REPORT_FILE)
        manifest = build_manifest(
            self._spec, folder=folder, merged=merged, people=people, populations=populations,
            created=self._workshop.clock.now(), source_digest=self._source,
        )  # fmt: skip
        write_whole(folder / MANIFEST, encode_manifest(manifest))
        seal(folder)
        return manifest

    def _put_in_place(self, manifest: DatasetRelease) -> ShelvedRelease:
        """The one step by which the release appears: its folder is renamed, then the shelf names it."""
        target = self._workshop.data_dir / RELEASES / manifest.dataset / manifest.version
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._area.release.rename(target)
        sync(target.parent)
        sync(target.parent.parent)
        return self._workshop.shelf.add(manifest)
