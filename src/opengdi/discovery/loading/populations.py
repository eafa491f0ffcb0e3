"""Who is counted where: samples, their sex and label, and the populations these make."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from opengdi.kernel.disclosure.floors import TOTAL
from opengdi.kernel.errors import Invalid
from opengdi.standards.coordinates import Assembly, is_pseudo_autosomal

FEMALE: Final = "F"
MALE: Final = "M"
UNKNOWN_SEX: Final = "U"

_SEX_WORDS: Final = {
    "f": FEMALE, "female": FEMALE, "2": FEMALE, "xx": FEMALE, "ncit:c16576": FEMALE,
    "m": MALE, "male": MALE, "1": MALE, "xy": MALE, "ncit:c20197": MALE,
    "u": UNKNOWN_SEX, "unknown": UNKNOWN_SEX, "0": UNKNOWN_SEX, "na": UNKNOWN_SEX, "": UNKNOWN_SEX, ".": UNKNOWN_SEX,
}  # fmt: skip


class Inheritance(IntEnum):
    """How many copies of a place people have."""

    AUTOSOMAL = 0
    X_LINKED = 1
    Y_LINKED = 2
    MITOCHONDRIAL = 3


def inheritance(contig: str, start: int, assembly: Assembly) -> Inheritance:
    """Of base `start` (0-based); pseudo-autosomal regions count as autosomal."""
    if contig == "MT":
        return Inheritance.MITOCHONDRIAL
    if contig not in {"X", "Y"} or is_pseudo_autosomal(contig, start, assembly):
        return Inheritance.AUTOSOMAL
    return Inheritance.X_LINKED if contig == "X" else Inheritance.Y_LINKED


@dataclass(frozen=True, slots=True)
class Samples:
    """The people of the genotypes, in storage order: name, sex (F, M, U) and population label of each."""

    names: tuple[str, ...]
    sexes: tuple[str, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def populations(self) -> tuple[str, ...]:
        """`Total`, the labels, the sexes, label × sex: those that have anybody in them, each once."""
        labels = sorted(set(self.labels))
        sexes = [sex for sex in (FEMALE, MALE) if sex in self.sexes]
        pairs = set(zip(self.labels, self.sexes, strict=True))
        both = [f"{label}_{sex}" for label in labels for sex in sexes if (label, sex) in pairs]
        return tuple(dict.fromkeys((TOTAL, *labels, *sexes, *both)))

    def membership(self) -> npt.NDArray[np.bool_]:
        """(populations, samples): who belongs where."""
        labels, sexes = np.array(self.labels, object), np.array(self.sexes, object)
        joined = np.array([f"{a}_{b}" for a, b in zip(self.labels, self.sexes, strict=True)], object)
        return np.array(
            [
                np.full(len(self), name == TOTAL) | (labels == name) | (sexes == name) | (joined == name)
                for name in self.populations
            ]
        ).reshape(-1, len(self))

    def haploid(self, kind: Inheritance) -> npt.NDArray[np.bool_]:
        """Who has one copy of a place: nobody, males, everybody but females, everybody."""
        sexes = np.array(self.sexes, object)
        if kind is Inheritance.AUTOSOMAL:
            return np.zeros(len(self), bool)
        if kind is Inheritance.X_LINKED:
            return np.asarray(sexes == MALE, bool)
        return np.ones(len(self), bool)

    def absent(self, kind: Inheritance) -> npt.NDArray[np.bool_]:
        """Who has no copy: females on Y."""
        is_y = kind is Inheritance.Y_LINKED
        return np.asarray([is_y and sex == FEMALE for sex in self.sexes], bool)


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A line of the samples table, and its number."""

    sex: str
    label: str | None
    line: int


def read_samples(path: Path, column: str = "population") -> dict[str, SampleRow]:
    """Sex and label by sample from a TSV or CSV with columns `sample`, `sex` and the label's. Raises Invalid."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            first = file.readline()
            file.seek(0)
            rows = csv.DictReader(file, delimiter="\t" if "\t" in first else ",")
            return _by_sample(path, column, list(rows), rows.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{path.name}: cannot be read as a table of samples: {error}") from error


def _by_sample(
    path: Path, column: str, rows: list[dict[str, str | None]], names: Sequence[str]
) -> dict[str, SampleRow]:
    if "sample" not in names:
        raise Invalid(f"{path.name}: the table of samples needs a column `sample`; it has {', '.join(names)}")
    found: dict[str, SampleRow] = {}
    for line, row in enumerate(rows, start=2):
        sample, sex = row["sample"] or "", (row.get("sex") or "").strip().lower()
        if not sample or sample in found:
            raise Invalid(f"{path.name}:{line}: sample {sample!r} is empty or comes twice")
        if sex not in _SEX_WORDS:
            raise Invalid(f"{path.name}:{line}: sex {row.get('sex')!r} is not one of F, M, U")
        found[sample] = SampleRow(_SEX_WORDS[sex], row.get(column) or None, line)
    return found
