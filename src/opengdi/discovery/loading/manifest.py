"""The files of a release that are neither sites nor genotypes, and its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from opengdi.discovery.loading.merge import MergeOutcome
from opengdi.discovery.loading.people import People
from opengdi.discovery.loading.populations import FEMALE, MALE, Samples
from opengdi.discovery.loading.release_file import ReleaseFile
from opengdi.discovery.subjects.truth import TERMS_FILE, write_subjects
from opengdi.kernel.errors import Invalid
from opengdi.kernel.files import sha256_of
from opengdi.kernel.release import DatasetRelease, FileRole
from opengdi.kernel.release import ReleaseFile as ManifestFile

SAMPLES_FILE: Final = "genotypes/samples.psam"
REPORT_FILE: Final = "report.json"
SOURCE_DIGEST: Final = "source_sha256"
"""Key of `DatasetRelease.extra`: digest over the release file and all input, so that a reload is recognised."""

_PSAM_SEX: Final = {MALE: "1", FEMALE: "2"}


def write_samples(samples: Samples, folder: Path) -> None:
    """The samples of the genotypes for plink2: IID and SEX (1 male, 2 female)."""
    rows = (
        f"{name}\t{_PSAM_SEX.get(sex, 'NA')}\n"
        for name, sex in zip(samples.names, samples.sexes, strict=True)
    )
    (folder / SAMPLES_FILE).write_text("#IID\tSEX\n" + "".join(rows), encoding="utf-8")


def write_people(people: People, folder: Path) -> None:
    """Samples and subjects, as far as the release has them; empty folders go."""
    if people.samples is not None:
        write_samples(people.samples, folder)
    if people.subjects is not None:
        write_subjects(people.subjects, folder / "subjects")
    for name in ("sites", "genotypes", "subjects"):
        if not any((folder / name).iterdir()):
            (folder / name).rmdir()


def individuals_of(release: ReleaseFile, people: People) -> int:
    """People behind the frequencies. Raises Invalid if nothing tells, or if the release file tells another number."""
    held = people.subjects if people.subjects is not None else people.samples
    stated = release.dataset.individuals
    if held is None and stated is None:
        raise Invalid(
            "[dataset] individuals is needed: neither genotypes nor subjects tell how many people there are"
        )
    if held is None or stated is None or stated == len(held):
        return len(held) if held is not None else int(stated or 0)
    raise Invalid(f"[dataset] individuals = {stated}, but the files hold {len(held)} people; leave it out")


def build_manifest(
    release: ReleaseFile,
    *,
    folder: Path,
    merged: Sequence[MergeOutcome],
    people: People,
    populations: tuple[str, ...],
    created: datetime,
    source_digest: str,
) -> DatasetRelease:
    """The manifest of the release in `folder`, whose files are all written."""
    dataset = release.dataset
    contigs = {file.path: outcome.contig for outcome in merged for file in outcome.files}
    paths = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return DatasetRelease(
        dataset=release.dataset_id,
        version=dataset.version,
        title=dataset.title,
        country=dataset.country,
        dataset_type=dataset.type,
        assembly=release.assembly.name,
        individuals=individuals_of(release, people),
        populations=populations,
        sites=sum(outcome.rows for outcome in merged),
        genotyped=people.samples is not None,
        files=tuple(_entry(folder, path, contigs.get(path)) for path in paths),
        policy=release.policy,
        description=dataset.description,
        decided_by=dataset.decided_by,
        synthetic=dataset.synthetic,
        source=dataset.source,
        source_reference=dataset.source_reference,
        created=created.isoformat(timespec="seconds"),
        extra={SOURCE_DIGEST: source_digest},
    )


def _entry(folder: Path, path: str, contig: str | None) -> ManifestFile:
    return ManifestFile(path, _role(path), sha256_of(folder / path), (folder / path).stat().st_size, contig)


def _role(path: str) -> FileRole:
    if path == SAMPLES_FILE:
        return FileRole.SAMPLES
    if path == REPORT_FILE:
        return FileRole.REPORT
    if path.endswith(TERMS_FILE):
        return FileRole.TERMS
    return FileRole(path.split("/", 1)[0])
