"""Who is counted where: samples, their sex and label, and the populations these make."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from opengdi.kernel.disclosure.floors import TOTAL
from opengdi.kernel.errors import Invalid
from opengdi.standards.coordinates import Assembly, is_pseudo_autosomal

FEMALE: Final = "F"
MALE: Final = "M"
UNKNOWN_SEX: Final = "U"
MOST_LABELS: Final = 500
"""Of one dataset: every allele is counted for each, so what tells people apart one by one would fill the disk."""
TOO_MANY: Final = f"more than {MOST_LABELS} different populations; is this what tells the population?"

_LIKE_A_SEX = re.compile(r"(?:.*_)?[FMU]\Z", re.DOTALL)


class Inheritance(IntEnum):
    """How many copies of a place people have."""

    AUTOSOMAL = 0
    X_LINKED = 1
    Y_LINKED = 2
    MITOCHONDRIAL = 3


def population_label(text: str) -> str:
    """A label as populations carry it: one word. Raises Invalid for one that would be taken for a sex or for all."""
    label = "_".join(text.split())
    if label == TOTAL or _LIKE_A_SEX.match(label):
        raise Invalid(
            f"population {text!r} cannot be told from a sex or from all: {TOTAL}, F, M, U and what ends in "
            "_F, _M or _U are taken; give it another name"
        )
    return label


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
