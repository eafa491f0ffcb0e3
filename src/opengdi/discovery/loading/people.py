"""The people of a release: subjects read and joined with the samples of the genotypes, sexes and labels told apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opengdi.discovery.loading.findings import Findings
from opengdi.discovery.loading.info_counts import with_plain_sex
from opengdi.discovery.loading.model import Fault, Finding
from opengdi.discovery.loading.plan import VariantFile
from opengdi.discovery.loading.populations import (
    FEMALE,
    MALE,
    MOST_LABELS,
    TOO_MANY,
    UNKNOWN_SEX,
    Samples,
    population_label,
)
from opengdi.discovery.loading.release_file import RELEASE_FILE, ReleaseFile, SubjectsSection
from opengdi.discovery.loading.samples_table import SampleRow, read_samples
from opengdi.discovery.subjects.sources import SubjectSources, read_subjects
from opengdi.discovery.subjects.tables import SampleJoin, SubjectProblem, SubjectTables
from opengdi.kernel.disclosure.floors import TOTAL
from opengdi.kernel.errors import Invalid


@dataclass(frozen=True, slots=True)
class People:
    """Who is in a release. samples: those counted, None without genotypes. subjects: None if the release has none."""

    samples: Samples | None
    subjects: SubjectTables | None


_FIXED_COLUMNS: Final = 9
"""Columns of a line with genotypes before those of the samples (VCF v4.5 §1.5)."""


@dataclass(frozen=True, slots=True)
class NamedSamples:
    """The samples of the genotypes in the order of the first file, and that file."""

    names: tuple[str, ...]
    file: VariantFile

    def findings(self, names: Collection[str], message: str) -> Iterator[Finding]:
        """What is wrong with some of them, each by the line and the column where it is named."""
        wrong = set(names)
        for column, name in enumerate(self.names, start=_FIXED_COLUMNS + 1):
            if name in wrong:
                text = f"sample {name} (column {column}) {message}"
                yield Finding(self.file.name, self.file.column_line, Fault.SAMPLES, text)


def gather_people(
    release: ReleaseFile, folder: Path, named: NamedSamples | None, findings: Findings
) -> People:
    """Subjects and samples of a release; `named` are the samples of the genotypes, None without genotypes.

    Samples without a subject, and subjects without a sample, are findings; under `skip` neither are counted or kept:
    the people behind the frequencies are the people who are counted. Where there are no subjects, so it is with
    samples that the samples table lacks.
    Raises Invalid for a file that cannot be read.
    """
    subjects = _read(release.subjects, folder, findings) if release.subjects else None
    table = _sample_table(release, folder)
    if subjects is not None:
        subjects = subjects.with_populations(_labels(release, subjects))
    if named is None:
        return People(None, subjects and _counted_by(release.dataset.country, subjects))
    names = named.names
    if release.variants is not None and release.variants.samples is not None:
        names = _listed(release.variants.samples, named, table, findings)
    if subjects is None:
        return People(_samples_alone(release, names, table, findings), None)
    return _joined(release, subjects, named, table, findings)


def _counted_by(country: str, subjects: SubjectTables) -> SubjectTables:
    """The subjects with the country as the label of those without one."""
    return subjects.with_populations([label or country for label in subjects.populations])


def _read(section: SubjectsSection, folder: Path, findings: Findings) -> SubjectTables:
    paths = {name: folder / file for name, file in section.files.items()}
    tables = read_subjects(
        SubjectSources(**paths, phenopackets=tuple(folder / name for name in section.phenopackets))
    )
    for problem in tables.problems:
        findings.add(_finding(problem))
    return tables


def _finding(problem: SubjectProblem) -> Finding:
    fault = Fault.SUBJECT if problem.left_out else Fault.SUBJECT_CHANGED
    return _placed(problem.file, problem.place, fault, problem.message)


def _placed(file: str, place: str, fault: Fault, message: str) -> Finding:
    """A finding at a place such as `line 3` or `record 17`."""
    unit, _, text = place.rpartition(" ")
    number = int(text) if text.isdigit() else 0
    line, record = (0, number) if unit == "record" else (number, 0)
    return Finding(file, line, fault, message, record)


def _sample_table(release: ReleaseFile, folder: Path) -> dict[str, SampleRow]:
    variants = release.variants
    if variants is None or variants.samples is None:
        return {}
    column = variants.population.column if variants.population and release.subjects is None else None
    return read_samples(folder / variants.samples, column)


def _listed(
    file: str, named: NamedSamples, table: dict[str, SampleRow], findings: Findings
) -> tuple[str, ...]:
    """The samples of the genotypes that the samples table lists too; where the two differ is noted. Raises Invalid."""
    listed = tuple(name for name in named.names if name in table)
    if not listed:
        raise Invalid(f"{file}: names none of the samples of the genotypes")
    for finding in named.findings(set(named.names) - table.keys(), f"is not in {file}"):
        findings.add(finding)
    for name in sorted(set(table) - set(named.names)):
        message = f"sample {name} is not among the genotypes"
        findings.add(Finding(file, table[name].line, Fault.SAMPLES, message))
    return listed


def _labels(release: ReleaseFile, subjects: SubjectTables) -> tuple[str | None, ...]:
    """What each individual has at the path of the label, None without such a path. Raises Invalid if nobody has any."""
    variants = release.variants
    if variants is None or variants.population is None:
        return (None,) * len(subjects)
    labels = subjects.labels(variants.population.column)
    if not any(labels):
        raise Invalid(f"[variants] population: no individual has anything at {variants.population.column!r}")
    return labels


def _samples_alone(
    release: ReleaseFile, names: tuple[str, ...], table: dict[str, SampleRow], findings: Findings
) -> Samples:
    """Sex and label from the samples table, the label failing that the dataset's country."""
    rows = [table.get(name, SampleRow(UNKNOWN_SEX, None, 0)) for name in names]
    labels = _completed([row.label for row in rows], release, findings)
    return Samples(names, tuple(row.sex for row in rows), labels)


def _completed(labels: Sequence[str | None], release: ReleaseFile, findings: Findings) -> tuple[str, ...]:
    """Labels with the country where none is told, which is noted where others are told. Raises Invalid."""
    if len(set(labels)) > MOST_LABELS:
        raise Invalid(f"[variants] population: {TOO_MANY}")
    country = release.dataset.country
    missing = sum(not label for label in labels)
    if 0 < missing < len(labels):
        message = f"{missing} of {len(labels)} samples have no population; they are counted as {country}"
        findings.add(Finding(RELEASE_FILE, 0, Fault.NO_LABEL, message))
    return tuple(population_label(label) if label else country for label in labels)


def _joined(
    release: ReleaseFile,
    subjects: SubjectTables,
    named: NamedSamples,
    table: dict[str, SampleRow],
    findings: Findings,
) -> People:
    join = subjects.joined_to(named.names)
    for finding in named.findings(join.samples_without_subject, "has no subject"):
        findings.add(finding)
    repeated = _repeated(join, named.names)
    for finding in named.findings(
        repeated, "is of an individual who has a sample before it; a person counts once"
    ):
        findings.add(finding)
    places = dict(zip(subjects.individuals.ids, subjects.places, strict=True))
    for name in join.subjects_without_sample:
        message = f"subject {name} has no sample among the genotypes"
        findings.add(_placed(*places[name], Fault.SAMPLES, message))
    unlisted = set(named.names) - table.keys() if table else set()
    left_out = {*join.samples_without_subject, *repeated, *unlisted}
    known = tuple(name for name in named.names if name not in left_out)
    if not known:
        raise Invalid(
            f"{named.file.name}: none of its samples is an individual, a biosample or a run of the subjects"
        )
    join = subjects.joined_to(known, keep_unsampled=False)
    samples = Samples(
        known, _sexes(join, known, table), _completed(_told(join, known, table), release, findings)
    )
    for finding in _contradictions(join, samples, table, release):
        findings.add(finding)
    return People(samples, _with_populations(join, samples))


def _repeated(join: SampleJoin, names: tuple[str, ...]) -> list[str]:
    """Samples of individuals of whom an earlier one is."""
    seen: set[int] = set()
    found = []
    for name, row in zip(names, join.individual_of_sample.tolist(), strict=True):
        if row in seen:
            found.append(name)
        elif row >= 0:
            seen.add(row)
    return found


def _sexes(join: SampleJoin, names: tuple[str, ...], table: dict[str, SampleRow]) -> tuple[str, ...]:
    """Sex of each sample as its subject tells it, failing that as the samples table does."""
    return tuple(
        table[name].sex if name in table and sex.value == UNKNOWN_SEX else sex.value
        for name, sex in zip(names, join.sexes, strict=True)
    )


def _told(join: SampleJoin, names: tuple[str, ...], table: dict[str, SampleRow]) -> list[str | None]:
    """Label of each sample as its subject tells it, failing that as the samples table does."""
    return [
        label or (table[name].label if name in table else None)
        for name, label in zip(names, join.populations, strict=True)
    ]


def _contradictions(
    join: SampleJoin, samples: Samples, table: dict[str, SampleRow], release: ReleaseFile
) -> Iterator[Finding]:
    """Sexes that the samples table tells otherwise than the subjects."""
    file = release.variants.samples if release.variants and release.variants.samples else ""
    for name, sex in zip(samples.names, join.sexes, strict=True):
        row = table.get(name)
        if row is not None and UNKNOWN_SEX not in {row.sex, sex.value} and row.sex != sex.value:
            message = f"sample {name} has sex {row.sex} here and {sex.value} among the subjects"
            yield Finding(file, row.line, Fault.SAMPLES, message)


def _with_populations(join: SampleJoin, samples: Samples) -> SubjectTables:
    """The subjects with the labels by which their samples are counted."""
    populations = list(join.tables.populations)
    for row, label in zip(join.individual_of_sample.tolist(), samples.labels, strict=True):
        populations[row] = label
    return join.tables.with_populations(populations)


def population_sizes(release: ReleaseFile, people: People, individuals: int) -> dict[str, int]:
    """Individuals by label for files without genotypes: `Total`, the sexes if there are subjects, and what is given.

    Raises Invalid for a label with more individuals than there are.
    """
    sizes = {TOTAL: individuals}
    if people.subjects is not None:
        sexes = [sex.value for sex in people.subjects.sexes]
        sizes |= {sex: sexes.count(sex) for sex in (FEMALE, MALE)}
    told = release.variants.population_sizes if release.variants else {}
    for label, size in told.items():
        if size > individuals or (label == TOTAL and size != individuals):
            raise Invalid(
                f"[variants] population_sizes: {label} = {size}, but the dataset has {individuals} individuals"
            )
    return sizes | {with_plain_sex(label): size for label, size in told.items()}
