"""`release.toml`: what a dataset release is made of. Unknown keys are refused, mistakes are named by path."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Annotated, Final, Literal, Self

import msgspec
from msgspec import Meta

from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Invalid
from opengdi.kernel.ids import DatasetId, country_code, dataset_id
from opengdi.kernel.release import DatasetType
from opengdi.standards.coordinates import Assembly
from opengdi.standards.faults import Malformed

RELEASE_FILE: Final = "release.toml"

Text = Annotated[str, Meta(min_length=1)]
Version = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
OnError = Literal["reject", "skip"]
People = Annotated[int, Meta(ge=1, le=2_000_000_000)]


class DatasetSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the dataset is. individuals: people behind it, needed only where neither genotypes nor subjects tell."""

    id: Text
    version: Version
    title: Text
    country: Text
    assembly: Text
    type: DatasetType = DatasetType.COHORT
    description: str = ""
    decided_by: str = ""
    synthetic: bool = False
    source: str = ""
    source_reference: str = ""
    individuals: People | None = None


class PopulationSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the label of a sample stands: a column of `samples`, or a dotted path in the individual's document."""

    column: Text


class VariantsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The variant files. population_sizes: individuals by label, for files that give AF but no AN.

    contig: of a frequency table whose name does not tell it.
    """

    files: Annotated[tuple[Text, ...], Meta(min_length=1)]
    reference: str | None = None
    on_error: OnError = "reject"
    population: PopulationSection | None = None
    samples: str | None = None
    population_sizes: dict[str, People] = {}
    contig: str | None = None


_SUBJECT_FILES: Final = ("individuals", "biosamples", "runs", "analyses", "cohorts", "table", "mapping")


class SubjectsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files that tell about the people. on_error: where there are no variants, whose own holds for both."""

    individuals: str | None = None
    biosamples: str | None = None
    runs: str | None = None
    analyses: str | None = None
    cohorts: str | None = None
    table: str | None = None
    mapping: str | None = None
    phenopackets: tuple[str, ...] = ()
    on_error: OnError | None = None

    @property
    def files(self) -> dict[str, str]:
        """The single files that are named, by key."""
        told = {name: getattr(self, name) for name in _SUBJECT_FILES}
        return {name: file for name, file in told.items() if file is not None}


class ReleaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    dataset: DatasetSection
    variants: VariantsSection | None = None
    subjects: SubjectsSection | None = None
    disclosure: dict[str, int | float] = {}

    @property
    def dataset_id(self) -> DatasetId:
        return DatasetId(self.dataset.id)

    @property
    def assembly(self) -> Assembly:
        return Assembly.parse(self.dataset.assembly)

    @property
    def section(self) -> str:
        """Where `on_error` stands."""
        return "subjects" if self.variants is None else "variants"

    @property
    def on_error(self) -> OnError:
        """What becomes of a load in whose input something is wrong."""
        if self.variants is not None:
            return self.variants.on_error
        return (self.subjects.on_error if self.subjects else None) or "reject"

    @property
    def policy(self) -> DisclosurePolicy:
        return msgspec.convert(self.disclosure, DisclosurePolicy)

    @classmethod
    def read(cls, release: Path) -> Self:
        """The file `release`, or `release.toml` in that folder. Raises Invalid and names the file and the key."""
        path = release_path(release)
        try:
            found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), cls)
            found.check()
        except OSError as error:
            raise Invalid(f"{path}: cannot be read ({error.strerror})") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Invalid(f"{path}: is not TOML: {error}") from error
        except (msgspec.ValidationError, Malformed, Invalid) as error:
            raise Invalid(f"{path}: {error}") from error
        return found

    def check(self) -> None:
        """Raises Invalid or Malformed for what types cannot say."""
        dataset_id(self.dataset.id)
        country_code(self.dataset.country)
        Assembly.parse(self.dataset.assembly)
        unknown = set(self.disclosure) - set(DisclosurePolicy.__dataclass_fields__)
        if unknown:
            raise Invalid(f"disclosure.{min(unknown)} is not a field of the disclosure policy")
        self.policy  # noqa: B018  # raises for a wrong value
        if self.variants is not None and (twice := _named_twice(self.variants.files)):
            raise Invalid(f"variants.files names {twice} twice")
        if self.variants is not None and self.subjects is not None and self.subjects.on_error is not None:
            raise Invalid(
                "subjects.on_error: on_error of [variants] holds for the subjects too; take this away"
            )
        if self.variants is None and self.subjects is None:
            raise Invalid("a release needs [variants], [subjects] or both")


def _named_twice(files: Sequence[str]) -> str | None:
    seen: set[PurePath] = set()
    for file in files:
        if PurePath(file) in seen:
            return file
        seen.add(PurePath(file))
    return None


def release_path(release: Path) -> Path:
    """The release file that an argument of the command line names. Raises Invalid if there is none."""
    path = release / RELEASE_FILE if release.is_dir() else release
    if not path.is_file():
        raise Invalid(f"there is no release file {path}")
    return path
